"""The second question: by automatic perceptual measures, is the IRI more like target or seed?

The measures are in `explorer.metrics.registry`; importing either is cheap, torch comes with the
first measure that is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from explorer.metrics.registry import MEASURES, Measure, measure

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Comparison:
    """What one measure says of one IRI.

    to_target, to_seed, to_mismatched: the measure's values; all None where it could not be
    computed, `reason` then says why; to_mismatched None also where no mismatched target was given.
    used_in_loss: the loss that made the IRI contained this measure. kin_to_loss: it rests on the
    network of another measure that the loss contained. same_family: it rests on a relative of the
    network under test. votes: `Measure.votes`. A measure that is not held out or has no vote is
    shown but does not judge.
    nearer_target: strictly more like the target than like the seed (a tie is not nearer); None
    where that has no answer, because there is no value or seed and target are one picture.
    nearer_than_mismatched: the same question against the mismatched target.
    """

    measure: str
    nearer: Literal["higher", "lower"]
    to_target: float | None
    to_seed: float | None
    to_mismatched: float | None
    used_in_loss: bool
    same_family: bool
    nearer_target: bool | None
    nearer_than_mismatched: bool | None
    reason: str | None = None
    kin_to_loss: bool = False
    votes: bool = True

    @property
    def held_out(self) -> bool:
        """No part of the loss, nor kin to one, and no relative of the network under test."""
        return not (self.used_in_loss or self.kin_to_loss or self.same_family)

    @property
    def judges(self) -> bool:
        """Whether this measure counts in the verdict: held out, and it has a vote."""
        return self.held_out and self.votes

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, `held_out` and `judges` among them."""
        return asdict(self) | {"held_out": self.held_out, "judges": self.judges}


@dataclass(frozen=True)
class PerceptualVerdict:
    """How many of the judging measures call the IRI nearer its target than its seed.

    The same against a mismatched target is the control: an IRI that is also nearer a target it was
    not made for says little. Measures without an answer are not counted.
    """

    nearer_target: int
    judges: int
    nearer_than_mismatched: int
    judges_of_mismatched: int

    def to_dict(self) -> dict[str, int]:
        """Plain JSON values."""
        return asdict(self)


def available(
    size: tuple[int, int], allow_download: bool = True
) -> list[tuple[Measure, str | None]]:
    """Every measure with None, or with the reason why it cannot be computed on this size here.

    size: height and width in px. Answers within seconds, also where the hub is out of reach, and
    downloads nothing itself.
    """
    return [(each, _why_not(each, size, allow_download)) for each in MEASURES.values()]


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
    images = [None if each is None else _single(each) for each in (iri, target, seed, mismatched)]
    return compare_batch(*images, used_in_loss, network_family, allow_download)[0]


def compare_batch(
    iri: Tensor,
    target: Tensor,
    seed: Tensor,
    mismatched: Tensor | None = None,
    used_in_loss: frozenset[str] = frozenset(),
    network_family: str | None = None,
    allow_download: bool = True,
) -> list[tuple[Comparison, ...]]:
    """Every measure's view of each IRI of a batch, in the order of MEASURES.

    iri, target, seed, mismatched: N×3×H×W in [0, 1], all of one shape; mismatched is the target of
    some other IRI, the control. used_in_loss: names of measures that the loss contained.
    network_family: `Network.family` of the network under test. Raises ValueError for images of the
    wrong shape or range and for an unknown measure; a measure that cannot be had here gives its
    reason instead of numbers.
    """
    import torch

    for name in used_in_loss:
        measure(name)
    others = {"target": target, "seed": seed, "mismatched target": mismatched}
    _check({"IRI": iri} | {name: each for name, each in others.items() if each is not None})
    with torch.no_grad():
        one_with_seed = _identical(target, seed)
        one_with_mismatched = _identical(target, mismatched)
        rows = []
        for each, reason in available(tuple(iri.shape[-2:]), allow_download):
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


def verdict(comparisons: Sequence[Comparison]) -> PerceptualVerdict:
    """The count over the measures that judge one IRI."""
    judges = [each for each in comparisons if each.judges]
    by_seed = [each.nearer_target for each in judges if each.nearer_target is not None]
    by_control = [
        each.nearer_than_mismatched for each in judges if each.nearer_than_mismatched is not None
    ]
    return PerceptualVerdict(sum(by_seed), len(by_seed), sum(by_control), len(by_control))


def why_it_judges(row: Mapping[str, Any]) -> str:
    """`yes`, or `no` with the reason, of one row of `perceptual` as in result.json, of any age."""
    if row["used_in_loss"]:
        return "no: in the loss"
    if not row["held_out"]:
        return "no: kin"
    return "yes" if row.get("votes", True) else "no: repeats another"


def _why_not(each: Measure, size: tuple[int, int], allow_download: bool) -> str | None:
    if min(size) < each.smallest:
        return (
            f"{each.title} needs at least {each.smallest}×{each.smallest} px; "
            f"this image has {size[0]}×{size[1]}"
        )
    return each.why_not(allow_download)


def _values(
    each: Measure, iri: Tensor, others: tuple[Tensor | None, ...]
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
    each: Measure,
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
        kin_to_loss=any(
            bool(each.family) and MEASURES[name].family == each.family
            for name in used_in_loss - {each.name}
        ),
        votes=each.votes,
    )


def _nearer(each: Measure, to_target: float | None, to_other: float | None) -> bool | None:
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
