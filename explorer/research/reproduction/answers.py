"""What the measures say of one network, loss and seed kind, and whether that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explorer.metrics.alignment import Share, aligned_share
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.research.reproduction.plan import JUDGE

MIN_MATCHED = 0.5  # share of IRIs that must match for a loss to count
MIN_IRIS = 5  # that must match at the least


@dataclass(frozen=True)
class Answers:
    """One network, loss and seed kind over the targets of one kind.

    Of the nearest IRIs where the loss asks for the match alone, `searched` then being the same of
    the images as the search left them; else of these, and `searched` is None.
    nearer: (N,) 1.0, 0.0, or nan where the IRI does not count: nearer its target than its seed, by
    measure; by JUDGE the mean over the measures that count. wrong: the share of wrong targets that
    it is at least as near (the control). counted: those measures. matched, converged, relative_l2:
    (N,). moved, relative: (N,), ‖IRI − seed‖ as RMS, and as a share of ‖target − seed‖.
    """

    nearer: Mapping[str, np.ndarray]
    wrong: Mapping[str, np.ndarray]
    counted: tuple[str, ...]
    matched: np.ndarray
    converged: np.ndarray
    relative_l2: np.ndarray
    moved: np.ndarray
    relative: np.ndarray
    searched: Answers | None = None

    def share(self, measure: str = JUDGE) -> Share:
        """Alignment by one measure."""
        return _share(self.nearer[measure])

    def control(self, measure: str = JUDGE) -> Share:
        """The same towards the wrong targets."""
        return _share(self.wrong[measure])

    @property
    def as_searched(self) -> Answers:
        """Those of the images as the search left them."""
        return self if self.searched is None else self.searched

    @property
    def median_distance(self) -> float | None:
        """The median relative distance of those that match; None where none does."""
        distances = self.relative_l2[self.matched]
        return float(np.median(distances)) if len(distances) else None

    @property
    def counts(self) -> bool:
        """Whether enough IRIs match to conclude anything."""
        return bool(self.matched.mean() >= MIN_MATCHED and self.matched.sum() >= MIN_IRIS)

    @property
    def judged(self) -> bool:
        """Whether enough measures count."""
        return len(self.counted) >= MIN_VOTES

    @property
    def net(self) -> np.ndarray:
        """(N,) alignment less the share of wrong targets, which decides the claims."""
        net: np.ndarray = self.nearer[JUDGE] - self.wrong[JUDGE]
        return net


def _share(answers: np.ndarray) -> Share:
    return aligned_share(answers[np.isfinite(answers)])
