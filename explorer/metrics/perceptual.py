"""Comparing an IRI with its target, its seed and wrong targets by every perceptual measure.

The measures are in `explorer.metrics.registry`, what their answers say together in
`explorer.metrics.perceptual_verdict`; importing any of them is cheap, torch comes with the first
measure that is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from explorer.metrics.calibration import PHOTOGRAPH, PICTURE
from explorer.metrics.measure import PerceptualMeasure
from explorer.metrics.perceptual_verdict import Comparison, at_least_as_near
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.metrics.votes import with_votes

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
    seed_kind: str = PICTURE,
) -> tuple[Comparison, ...]:
    """Every measure's view of one IRI: as `compare_batch`, images 3×H×W or 1×3×H×W.

    mismatched: one image like the others, or K×3×H×W.
    """
    (comparisons,) = compare_batch(
        _single(iri),
        _single(target),
        _single(seed),
        None if mismatched is None else mismatched.reshape(1, -1, *mismatched.shape[-3:]),
        used_in_loss,
        network_family,
        allow_download,
        seed_kind,
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
    seed_kind: str = PICTURE,
    target_kind: str = PHOTOGRAPH,
) -> list[tuple[Comparison, ...]]:
    """Every measure's view of each IRI of a batch, in the order of PERCEPTUAL_MEASURES.

    iri, target, seed: N×3×H×W in [0, 1], all of one shape. mismatched: N×K×3×H×W, K wrong targets
    for each IRI, the control. used_in_loss: names of measures that the loss contained.
    network_family: `Network.family` of the network under test. seed_kind: of the seeds, a name of
    `explorer.images.seeds` or `calibration.PICTURE`; target_kind: of the targets, one of
    `calibration.TARGET_KINDS`; with the size they decide which measures can tell. Raises ValueError
    for images of the wrong shape or range and for an unknown measure; a measure that cannot be had
    here gives its reason instead of numbers.
    """
    import torch

    for name in used_in_loss:
        PERCEPTUAL_MEASURES.named(name)
    wrong = [] if mismatched is None else list(mismatched.unbind(1))
    images = {"IRI": iri, "target": target, "seed": seed}
    _check(images | {f"mismatched target {n}": each for n, each in enumerate(wrong, start=1)})
    size = (iri.shape[-2], iri.shape[-1])
    with torch.no_grad():
        one_with_seed = _identical(target, seed)
        with_wrong = [_identical(target, each) for each in wrong]
        rows = []
        for each, reason in available(size, allow_download):
            values: list[list[float]] | None = None
            if reason is None:
                values, reason = _values(each, iri, (target, seed, *wrong))
            rows.append(
                [
                    _comparison(
                        each,
                        [row[n] for row in values] if values else None,
                        one_with_seed[n],
                        any(each[n] for each in with_wrong),
                        used_in_loss,
                        network_family,
                        reason,
                    )
                    for n in range(len(iri))
                ]
            )
    return [with_votes(each, size, seed_kind, target_kind) for each in zip(*rows, strict=True)]


def _why_not(each: PerceptualMeasure, size: tuple[int, int], allow_download: bool) -> str | None:
    if min(size) < each.smallest:
        return (
            f"{each.title} needs at least {each.smallest}×{each.smallest} px; "
            f"this image has {size[0]}×{size[1]}"
        )
    return each.unavailable_reason(allow_download)


def _values(
    each: PerceptualMeasure, iri: Tensor, others: tuple[Tensor, ...]
) -> tuple[list[list[float]] | None, str | None]:
    """Per other image the N values, or the reason why there are none."""
    from explorer.metrics.backbones import MeasureUnavailable

    try:
        return [each.function(iri, other).tolist() for other in others], None
    except MeasureUnavailable as error:
        return None, str(error)


def _comparison(
    each: PerceptualMeasure,
    values: list[float] | None,
    one_with_seed: bool,
    one_with_wrong: bool,
    used_in_loss: frozenset[str],
    network_family: str | None,
    reason: str | None,
) -> Comparison:
    """values: to the target, the seed and each wrong target."""
    to_target, to_seed, *to_wrong = (_finite(value) for value in values or [math.nan] * 2)
    if values is not None and to_target is None:
        reason = f"{each.title} gave no finite number for these images"
    wrong = [value for value in to_wrong if value is not None]
    to_mismatched = sum(wrong) / len(wrong) if wrong else None
    nearer_than_seed = [
        at_least_as_near(each.nearer, value, to_seed) for value in wrong if to_seed is not None
    ]
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
            None if one_with_wrong else _nearer(each, to_target, to_mismatched)
        ),
        reason=reason,
        shares_backbone_with_loss=any(
            bool(each.family) and PERCEPTUAL_MEASURES[name].family == each.family
            for name in used_in_loss - {each.name}
        ),
        wrong_nearer=(sum(nearer_than_seed) / len(nearer_than_seed) if nearer_than_seed else None),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _nearer(
    each: PerceptualMeasure, to_target: float | None, to_other: float | None
) -> bool | None:
    if to_target is None or to_other is None:
        return None
    return to_target > to_other if each.nearer == "higher" else to_target < to_other


def _identical(target: Tensor, other: Tensor) -> list[bool]:
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
