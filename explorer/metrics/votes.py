"""Who votes on "to a person: the same?": one measure a family, and only those that can tell.

No torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from explorer.metrics.calibration import PHOTOGRAPH, Calibration, calibration_of
from explorer.metrics.perceptual_verdict import Comparison
from explorer.metrics.registry import PERCEPTUAL_MEASURES

# Before any that is not in the table: a measure's authors calibrated it on other pictures.
_UNKNOWN_MARGIN = 0.0


def with_votes(
    comparisons: Iterable[Comparison],
    size: tuple[int, int],
    seed_kind: str,
    target_kind: str = PHOTOGRAPH,
) -> tuple[Comparison, ...]:
    """The comparisons of one IRI, each with whether it votes.

    size: height and width in px; seed_kind: of `explorer.images.seeds`, or `calibration.PICTURE`;
    target_kind: of `calibration.TARGET_KINDS`. Votes that the comparisons have are not looked at.
    Of the measures of a family that are held out, have a value and can tell, the one with the
    largest margin in the calibration votes, the first one registered where they are equal; the
    others are `redundant`. A measure that the calibration does not have may vote.
    """
    rows = list(comparisons)
    found = {
        each.measure: calibration_of(each.measure, size, seed_kind, target_kind) for each in rows
    }
    voting: dict[str, Comparison] = {}
    for each in rows:
        if not each.held_out or each.to_target is None or _shortcoming(found[each.measure]):
            continue
        family = PERCEPTUAL_MEASURES.named(each.measure).family or each.measure
        best = voting.get(family)
        if best is None or _margin(found[each.measure]) > _margin(found[best.measure]):
            voting[family] = each
    voters = {each.measure for each in voting.values()}
    families = {PERCEPTUAL_MEASURES.named(name).family for name in voters} - {""}
    return tuple(
        replace(
            each,
            cannot_tell=_shortcoming(found[each.measure]),
            redundant=each.measure not in voters
            and PERCEPTUAL_MEASURES.named(each.measure).family in families,
        )
        for each in rows
    )


def without_votes(comparisons: Iterable[Comparison], reason: str) -> tuple[Comparison, ...]:
    """The comparisons of one IRI, none of which votes; reason: why, in words."""
    return tuple(replace(each, cannot_tell=reason) for each in comparisons)


def _margin(calibration: Calibration | None) -> float:
    return _UNKNOWN_MARGIN if calibration is None else calibration.margin


def _shortcoming(calibration: Calibration | None) -> str | None:
    return (calibration.shortcoming or None) if calibration is not None else None
