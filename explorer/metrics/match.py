"""The first verdict: to the network, is the IRI the same as its target?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.metrics.layer_measures import OF_A_PAIR
from explorer.metrics.null import Null
from explorer.metrics.representation import all_measures
from explorer.models.layers import representations
from explorer.models.names import LOGITS
from explorer.models.network import Network
from explorer.models.precision import full_precision

TOP = 3


@dataclass(frozen=True)
class Prediction:
    """A class, by its place among the logits and its name, and its probability in [0, 1]."""

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Match:
    """How well one IRI's representation matches its target's, beside the null.

    relative_l2, cosine, pearson, spearman, snr_db: see `explorer.metrics.representation`.
    beyond_null: Spearman ρ, Pearson R² and SNR each better than the largest of the null, and the
    Pearson correlation positive (R² alone would pass an inverted representation).
    same_class: whether both images get the same class; None for a network without classes.
    target_top, iri_top: the likeliest classes of either, the first one first.
    """

    relative_l2: float
    cosine: float
    pearson: float
    spearman: float
    snr_db: float
    beyond_null: bool
    same_class: bool | None = None
    target_top: tuple[Prediction, ...] = ()
    iri_top: tuple[Prediction, ...] = ()

    @property
    def same(self) -> bool:
        """Feather et al.'s success: beyond the null, and the same class where there are classes."""
        return self.beyond_null and self.same_class is not False

    @property
    def target_class(self) -> str | None:
        """The class that the network gives the target."""
        return self.target_top[0].name if self.target_top else None

    @property
    def iri_class(self) -> str | None:
        """The class that the network gives the IRI."""
        return self.iri_top[0].name if self.iri_top else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values with `same` among them; undefined and infinite numbers become None."""
        plain = asdict(self) | {"same": self.same}
        for name in OF_A_PAIR:
            plain[name] = plain[name] if math.isfinite(plain[name]) else None
        plain["target_top"], plain["iri_top"] = list(plain["target_top"]), list(plain["iri_top"])
        return plain


def judge_matches(
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
    columns = [measured[name].tolist() for name in OF_A_PAIR]
    iri_tops = _tops(logits, classes, class_count, len(representation))
    target_tops = _tops(target_logits, classes, class_count, len(representation))
    return tuple(
        Match(
            relative_l2=relative,
            cosine=cosine,
            pearson=pearson,
            spearman=spearman,
            snr_db=snr,
            beyond_null=pearson > 0
            and pearson**2 > null.pearson_r2.max
            and spearman > null.spearman.max
            and snr > null.snr_db.max,
            same_class=iri_top[0].index == target_top[0].index if iri_top and target_top else None,
            target_top=target_top,
            iri_top=iri_top,
        )
        for relative, cosine, pearson, spearman, snr, target_top, iri_top in zip(
            *columns, target_tops, iri_tops, strict=True
        )
    )


def match_images(
    network: Network, layer: str, images: Tensor, targets: Tensor, null: Null
) -> tuple[Match, ...]:
    """One Match per image; images and targets N×3×H×W in [0, 1] at the network's input size.

    null: of this network and layer. In full float32 precision, also where a GPU would round the
    inputs of its products to TF32. Raises RequestError (field `layer`) for an unknown layer.
    """
    wanted = dict.fromkeys((layer, LOGITS))
    with torch.no_grad(), full_precision():
        of_images, of_targets = (representations(network, wanted, x) for x in (images, targets))
    has_classes = network.class_count > 0
    return judge_matches(
        of_images[layer],
        of_targets[layer],
        null,
        of_images[LOGITS] if has_classes else None,
        of_targets[LOGITS] if has_classes else None,
        network.classes,
        network.class_count,
    )


def judge_match(
    representation: Tensor,
    target_representation: Tensor,
    null: Null,
    logits: Tensor | None = None,
    target_logits: Tensor | None = None,
    classes: Sequence[str] = (),
    class_count: int | None = None,
) -> Match:
    """The Match of a single IRI: as `judge_matches`, with N = 1."""
    if len(representation) != 1:
        raise ValueError(f"one IRI at a time, not {len(representation)}; judge_matches takes N")
    return judge_matches(
        representation, target_representation, null, logits, target_logits, classes, class_count
    )[0]


def _tops(
    logits: Tensor | None, classes: Sequence[str], class_count: int | None, samples: int
) -> list[tuple[Prediction, ...]]:
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
