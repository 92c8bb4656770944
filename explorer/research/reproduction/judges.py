"""Which measures judge, and from which seed: decided by their calibration, before any IRI is made.

The calibration knows photographs and recognisable copies of them in seeds, and no network
(`python -m explorer.research.calibration`).
"""

from __future__ import annotations

from dataclasses import dataclass

from explorer.metrics.calibration import Calibration, calibration_of
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.metrics.registry import PERCEPTUAL_MEASURES

SEEDS = ("noise", "light-noise", "feather-noise", "grey-noise")
"""Kinds of noise from which IRIs were published, the paper's default N(0, 1) first."""


@dataclass(frozen=True)
class Judge:
    """A measure that can tell, and its shares in the calibration."""

    measure: str
    calibration: Calibration

    def to_text(self) -> str:
        """`detail-map` (78 % right, 1 % wrong)."""
        right, wrong = self.calibration.right, self.calibration.wrong
        return f"`{self.measure}` ({right:.0%} right, {wrong:.0%} wrong)"


def judges(side: int, seed: str) -> tuple[Judge, ...]:
    """The measures that can tell photographs in such seeds, one a family, in registered order.

    side: in px. Only measures that the calibration has: the others depend on what is downloaded.
    """
    best: dict[str, Judge] = {}
    for name, measure in PERCEPTUAL_MEASURES.items():
        found = calibration_of(name, (side, side), seed) if side >= measure.smallest else None
        if found is None or not found.can_tell:
            continue
        family = measure.family or name
        if family not in best or found.margin > best[family].calibration.margin:
            best[family] = Judge(name, found)
    return tuple(best.values())


def seed_of_claims(side: int) -> str:
    """The kind of seed from which claims are decided for networks that take so many px.

    The paper's default where enough measures can tell in it, else that of SEEDS in which the most
    can; the default again where too few can in any of them.
    """
    default = SEEDS[0]
    if len(judges(side, default)) >= MIN_VOTES:
        return default
    best = max(SEEDS, key=lambda seed: len(judges(side, seed)))  # the first of equals
    return best if len(judges(side, best)) >= MIN_VOTES else default
