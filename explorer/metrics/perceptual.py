"""Comparing an IRI with its target, its seed and a mismatched picture by every perceptual measure.

The measures are in `explorer.metrics.registry`, what their answers say together in
`explorer.metrics.perceptual_verdict`; importing any of them is cheap, torch comes with the first
measure that is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from explorer.metrics.measure import PerceptualMeasure
from explorer.metrics.perceptual_verdict import Comparison
from explorer.metrics.registry import PERCEPTUAL_MEASURES

if TYPE_CHECKING:
    from torch import Tensor


def available(
    size: tuple[int, int], allow_download: bool = True
) -> list[tuple[PerceptualMeasure, str | None]]:
    """Every measure with None, or with the reason why it cannot be computed on this size here.

    size: height and width in px. Answers within seconds, also where the hub is out of reach, and
    downloads nothing itself.
    """
    return [(each, _why_not(each, size, allow_download)) for each in PERCEPTUAL_MEASURES.values()]


def compare(
    iri: Tensor,
    target: Tensor,
    seed: Tensor,
    mismatched: Tensor | None = None,
    used_in_loss: frozenset[str] = frozenset(),
    network_family: str | None = None,
    allow_download: bool = True,
) -> tuple[Comparison, ...]:
    """Every measure's view of one IRI: as `compare_batch`, images 3×H×W or 1×3×H×W."""
    (comparisons,) = compare_batch(
        _single(iri),
        _single(target),
        _single(seed),
        None if mismatched is None else _single(mismatched),
        used_in_loss,
        network_family,
        allow_download,
    )
    return comparisons


def compare_batch(
    iri: Tensor,
    target: Tensor,
    seed: Tensor,
    mismatched: Tensor | None = None,
    used_in_loss: frozenset[str] = frozenset(),
    network_family: str | None = None,
    allow_download: bool = True,
) -> list[tuple[Comparison, ...]]:
    """Every measure's view of each IRI of a batch, in the order of PERCEPTUAL_MEASURES.

    iri, target, seed, mismatched: N×3×H×W in [0, 1], all of one shape; mismatched is the target of
    some other IRI, the control. used_in_loss: names of measures that the loss contained.
    network_family: `Network.family` of the network under test. Raises ValueError for images of the
    wrong shape or range and for an unknown measure; a measure that cannot be had here gives its
    reason instead of numbers.
    """
    import torch

    for name in used_in_loss:
        PERCEPTUAL_MEASURES.named(name)
    others = {"target": target, "seed": seed, "mismatched target": mismatched}
    _check({"IRI": iri} | {name: each for name, each in others.items() if each is not None})
    with torch.no_grad():
        one_with_seed = _identical(target, seed)
        one_with_mismatched = _identical(target, mismatched)
        rows = []
        for each, reason in available((iri.shape[-2], iri.shape[-1]), allow_download):
            values: list[list[float]] | None = None
            if reason is None:
                values, reason = _values(each, iri, (target, seed, mismatched))
            rows.append(
                [
                    _comparison(
                        each,
                        [row[n] for row in values] if values else None,
                        one_with_seed[n],
                        one_with_mismatched[n],
                        used_in_loss,
                        network_family,
                        reason,
                    )
                    for n in range(len(iri))
                ]
            )
    return list(zip(*rows, strict=True))


def _why_not(each: PerceptualMeasure, size: tuple[int, int], allow_download: bool) -> str | None:
    if min(size) < each.smallest:
        return (
            f"{each.title} needs at least {each.smallest}×{each.smallest} px; "
            f"this image has {size[0]}×{size[1]}"
        )
    return each.unavailable_reason(allow_download)


def _values(
    each: PerceptualMeasure, iri: Tensor, others: tuple[Tensor | None, ...]
) -> tuple[list[list[float]] | None, str | None]:
    """Per other image (nan where it is None) the N values, or the reason why there are none."""
    from explorer.metrics.backbones import MeasureUnavailable

    try:
        return [
            [math.nan] * len(iri) if other is None else each.function(iri, other).tolist()
            for other in others
        ], None
    except MeasureUnavailable as error:
        return None, str(error)


def _comparison(
    each: PerceptualMeasure,
    values: list[float] | None,
    one_with_seed: bool,
    one_with_mismatched: bool,
    used_in_loss: frozenset[str],
    network_family: str | None,
    reason: str | None,
) -> Comparison:
    to_target, to_seed, to_mismatched = (
        value if math.isfinite(value) else None for value in values or [math.nan] * 3
    )
    if values is not None and to_target is None:
        reason = f"{each.title} gave no finite number for these images"
    return Comparison(
        measure=each.name,
        nearer=each.nearer,
        to_target=to_target,
        to_seed=to_seed,
        to_mismatched=to_mismatched,
        used_in_loss=each.name in used_in_loss,
        same_family=bool(each.family) and (network_family or "").startswith(each.family),
        nearer_target=None if one_with_seed else _nearer(each, to_target, to_seed),
        nearer_than_mismatched=(
            None if one_with_mismatched else _nearer(each, to_target, to_mismatched)
        ),
        reason=reason,
        shares_backbone_with_loss=any(
            bool(each.family) and PERCEPTUAL_MEASURES[name].family == each.family
            for name in used_in_loss - {each.name}
        ),
        redundant=each.redundant,
    )


def _nearer(
    each: PerceptualMeasure, to_target: float | None, to_other: float | None
) -> bool | None:
    if to_target is None or to_other is None:
        return None
    return to_target > to_other if each.nearer == "higher" else to_target < to_other


def _identical(target: Tensor, other: Tensor | None) -> list[bool]:
    if other is None:
        return [False] * len(target)
    return (target == other).flatten(1).all(1).tolist()


def _single(image: Tensor) -> Tensor:
    image = image[None] if image.ndim == 3 else image
    if len(image) != 1:
        raise ValueError(f"one IRI at a time, not {len(image)}; compare_batch takes N")
    return image


def _check(images: dict[str, Tensor]) -> None:
    expected = tuple(images["IRI"].shape)
    for name, image in images.items():
        shape = tuple(image.shape)
        if len(shape) != 4 or shape[1] != 3 or shape != expected:
            raise ValueError(
                f"images are N×3×H×W, all of one shape; {name}: {shape}, IRI: {expected}"
            )
        if not (image.is_floating_point() and bool(((image >= 0) & (image <= 1)).all())):
            raise ValueError(f"{name}: values must be floating-point numbers in [0, 1]")
