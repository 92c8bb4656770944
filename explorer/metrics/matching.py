"""Measuring matches: representations of IRIs and targets in, `Match` records out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from explorer.metrics.match import Match, Prediction, beyond_null, finite
from explorer.metrics.null import Null
from explorer.metrics.representation import all_measures
from explorer.models.layers import expression_of, representations
from explorer.models.names import LOGITS
from explorer.models.network import Network
from explorer.models.precision import full_precision

TOP = 3


def match_images(
    network: Network, layer: str, images: Tensor, targets: Tensor, null: Null
) -> tuple[Match, ...]:
    """One Match per image; images and targets N×3×H×W in [0, 1] at the network's input size.

    layer: an expression (`explorer.models.layer_expression`). null: of this network and layer. In
    full float32 precision, also where a GPU would round the inputs of its products to TF32. Raises
    RequestError (field `layer`) for an unknown layer.
    """
    has_classes = network.class_count > 0
    wanted = dict.fromkeys((layer, LOGITS) if has_classes else (layer,))
    with torch.no_grad(), full_precision():
        of_images, of_targets = (representations(network, wanted, x) for x in (images, targets))
    matches = match_representations(
        of_images[layer],
        of_targets[layer],
        null,
        of_images[LOGITS] if has_classes else None,
        of_targets[LOGITS] if has_classes else None,
        network.classes,
        network.class_count,
    )
    places = [place for place, _ in expression_of(network, layer).terms]
    only_parts = all(place.part is not None for place in places)
    return tuple(replace(match, part_of_layer=only_parts) for match in matches)


def match_representations(
    representation: Tensor,
    target_representation: Tensor,
    null: Null,
    logits: Tensor | None = None,
    target_logits: Tensor | None = None,
    classes: Sequence[str] = (),
    class_count: int | None = None,
) -> tuple[Match, ...]:
    """One Match per sample of a batch.

    representation, target_representation: N×…; null: of the same network and layer.
    logits, target_logits: N×K or None. The first `class_count` are classes (default: as many as
    there are names, or all K); classes: their names, `class 0`, `class 1`, … where none are given.
    Raises ValueError for shapes that differ. Source: Feather et al. 2023, success tests 1 and 2.
    """
    measured = all_measures(representation, target_representation)
    columns = {name: values.tolist() for name, values in measured.items()}
    iri_tops = _likeliest(logits, classes, class_count, len(representation))
    target_tops = _likeliest(target_logits, classes, class_count, len(representation))
    matches = []
    for index, (iri_top, target_top) in enumerate(zip(iri_tops, target_tops, strict=True)):
        values = {name: finite(column[index]) for name, column in columns.items()}
        same_class = iri_top[0].index == target_top[0].index if iri_top and target_top else None
        matches.append(Match(values, beyond_null(values, null), same_class, target_top, iri_top))
    return tuple(matches)


def _likeliest(
    logits: Tensor | None, classes: Sequence[str], class_count: int | None, samples: int
) -> list[tuple[Prediction, ...]]:
    """The TOP likeliest classes of each sample; none without logits or classes."""
    if logits is None:
        return [()] * samples
    if logits.ndim != 2 or len(logits) != samples:
        raise ValueError(f"logits are N×K with N = {samples}, not {tuple(logits.shape)}")
    count = class_count if class_count is not None else len(classes) or logits.shape[1]
    if count > logits.shape[1] or (classes and len(classes) != count):
        raise ValueError(
            f"{count} classes with {len(classes)} names do not fit {logits.shape[1]} logits"
        )
    if not count:
        return [()] * samples
    names = classes or [f"class {index}" for index in range(count)]
    best = logits[:, :count].detach().float().softmax(1).topk(min(TOP, count), dim=1)
    return [
        tuple(
            Prediction(index, names[index], value) for index, value in zip(row, values, strict=True)
        )
        for row, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
