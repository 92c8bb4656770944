"""Whether results that stand side by side are at equal match, so that they may be compared.

Two IRIs at different distances from their targets differ for that reason alone: a search that goes
on to smaller distances changes more of what the network ignores. No torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

EQUAL_FACTOR = 1.5
"""Relative distances of which the largest is at most this many times the smallest are equal."""

LEAST_DISTANCE = 0.001
"""Smaller relative distances count as this one: below it no picture depends on them."""


@dataclass(frozen=True)
class MatchRange:
    """The smallest and the largest relative distance of results that stand side by side.

    Both None where no distance is known.
    """

    nearest: float | None
    farthest: float | None

    @classmethod
    def of(cls, distances: Iterable[float | None]) -> MatchRange:
        """That of these relative distances; those that are None or infinite are left out."""
        known = [each for each in distances if each is not None and isfinite(each)]
        return cls(min(known, default=None), max(known, default=None))

    @property
    def factor(self) -> float:
        """How many times the smallest the largest is; 1 for a single one, or none."""
        if self.nearest is None or self.farthest is None:
            return 1.0
        return max(self.farthest, LEAST_DISTANCE) / max(self.nearest, LEAST_DISTANCE)

    @property
    def equal(self) -> bool:
        """Whether they are within EQUAL_FACTOR of each other."""
        return self.factor <= EQUAL_FACTOR

    @property
    def warning(self) -> str:
        """A sentence with both numbers where they are not at equal match; "" where they are."""
        if self.equal:
            return ""
        return (
            f"These are not at equal match: {self.nearest:.2g} against {self.farthest:.2g}, more "
            f"than {EQUAL_FACTOR:g} times as far; what differs between them may come from the "
            "search. Compare them at the same goal, with enough steps to reach it."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"nearest": self.nearest, "farthest": self.farthest, "equal": self.equal}
