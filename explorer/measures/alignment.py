"""Alignment: the share of IRIs that look more like their target than like their seed.

Nanda et al. (AAAI 2023), automatic form: the share with d(x_r, x_t) ≤ d(x_r, x_0). Only IRIs whose
match succeeded count. NumPy only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] with its bootstrap interval, and how many IRIs it rests on.

    value, low and high are None where `count` is 0.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain JSON values."""
        return asdict(self)


def aligned_share(nearer: np.ndarray, rng_seed: int = 0) -> Share:
    """The share of true among `nearer` (N,), with a percentile bootstrap interval over targets."""
    values = np.asarray(nearer, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"one answer per IRI is needed, not an array of shape {values.shape}")
    if not len(values):
        return Share(None, None, None, 0)
    low, high = _interval(_resampled(values, rng_seed))
    return Share(float(values.mean()), low, high, len(values))


def mean_difference(
    pairs: list[tuple[np.ndarray, np.ndarray]], rng_seed: int = 0
) -> tuple[float, float, float]:
    """Mean over pairs of (share of the first − share of the second), with its 95 % interval.

    Each pair holds answers (N,) to the *same* targets, nan where an IRI does not count; targets
    are resampled jointly for all pairs, so that what a target adds to both sides cancels. All
    arrays have one length. A pair without any countable answer on either side is left out; raises
    ValueError if none remains.
    """
    usable = [
        (first, second)
        for first, second in pairs
        if np.isfinite(first).any() and np.isfinite(second).any()
    ]
    if not usable:
        raise ValueError("no pair has an IRI on both sides whose match succeeded")
    stacked = np.array(usable, dtype=float)  # pairs × 2 × N
    count = stacked.shape[-1]
    drawn = np.random.default_rng(rng_seed).integers(0, count, (RESAMPLES, count))
    low, high = _interval(np.array([_gap(stacked[:, :, one]) for one in drawn]))
    return _gap(stacked), low, high


def _gap(pairs: np.ndarray) -> float:
    present = np.isfinite(pairs)
    counts = present.sum(-1)
    with np.errstate(invalid="ignore"):
        shares = np.where(present, pairs, 0.0).sum(-1) / counts
    gaps = shares[:, 0] - shares[:, 1]
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else np.nan


def _resampled(values: np.ndarray, rng_seed: int) -> np.ndarray:
    drawn = np.random.default_rng(rng_seed).integers(0, len(values), (RESAMPLES, len(values)))
    return values[drawn].mean(axis=1)


def _interval(estimates: np.ndarray) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(estimates, [tail, 1 - tail])
    return float(low), float(high)
