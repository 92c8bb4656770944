"""Measuring matches: representations of IRIs and targets in, `Match` records out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.metrics.first_look import FirstLook
from explorer.metrics.match import Match, Prediction, beyond_null, finite
from explorer.metrics.null import Null
from explorer.metrics.representation import all_measures, relative_l2
from explorer.models.layers import expression_of, representations
from explorer.models.names import LOGITS
from explorer.models.network import Network
from explorer.models.precision import full_precision

TOP = 3


@dataclass(frozen=True)
class Represented:
    """Representations N×… of N images at one layer, and the logits of a network with classes."""

    at_layer: Tensor
    logits: Tensor | None

    def split(self, count: int) -> list[Represented]:
        """In parts of `count` images."""
        logits = self.logits
        rows = [slice(start, start + count) for start in range(0, len(self.at_layer), count)]
        return [
            Represented(self.at_layer[some], None if logits is None else logits[some])
            for some in rows
        ]


def represented(network: Network, layer: str, images: Tensor) -> Represented:
    """What matches are measured from, in one pass; images N×3×H×W in [0, 1].

    layer: an expression (`explorer.models.layer_expression`). In full float32 precision, also where
    a GPU would round the inputs of its products to TF32. Raises RequestError (field `layer`) for an
    unknown layer.
    """
    has_classes = network.class_count > 0
    wanted = dict.fromkeys((layer, LOGITS) if has_classes else (layer,))
    with torch.no_grad(), full_precision():
        found = representations(network, wanted, images)
    return Represented(found[layer], found[LOGITS] if has_classes else None)


def match_images(
    network: Network, layer: str, images: Tensor, targets: Tensor, null: Null
) -> tuple[Match, ...]:
    """One Match per image; images and targets N×3×H×W in [0, 1] at the network's input size.

    layer, errors: as of `represented`. null: of this network and layer.
    """
    both = represented(network, layer, torch.cat([images, targets]))
    of_images, of_targets = both.split(len(images))
    return match_represented(network, layer, of_images, of_targets, null)


def match_represented(
    network: Network, layer: str, images: Represented, targets: Represented, null: Null
) -> tuple[Match, ...]:
    """One Match per image, from what `represented` gave for images and targets."""
    matches = match_representations(
        images.at_layer,
        targets.at_layer,
        null,
        images.logits,
        targets.logits,
        network.classes,
        network.class_count,
    )
    places = [place for place, _ in expression_of(network, layer).terms]
    only_parts = all(place.part is not None for place in places)
    return tuple(replace(match, part_of_layer=only_parts) for match in matches)


def first_looks(
    network: Network, images: Represented, rounded: Represented, targets: Represented
) -> tuple[FirstLook, ...]:
    """What is known of each image before there is a null; rounded: the images in 8 bits."""
    count = len(targets.at_layer)
    distances = (
        relative_l2(each.at_layer, targets.at_layer).tolist() for each in (images, rounded)
    )
    tops = (
        _likeliest(each.logits, network.classes, network.class_count, count)
        for each in (targets, images)
    )
    return tuple(
        FirstLook(
            finite(exact),
            finite(after_8bit),
            target[0].name if target else None,
            iri[0].name if iri else None,
            target[0].index == iri[0].index if target and iri else None,
        )
        for exact, after_8bit, target, iri in zip(*distances, *tops, strict=True)
    )


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
