"""Alignment: the share of IRIs that look more like their target than like their seed.

Nanda et al. (AAAI 2023), automatic form: the share with d(x_r, x_t) ≤ d(x_r, x_0). Only IRIs whose
match succeeded count; which those are is for the caller to say. NumPy only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from explorer.metrics.perceptual_verdict import MIN_VOTES, Comparison, at_least_as_near

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

    def to_text(self) -> str:
        """`78 % (69–86)`, or a dash."""
        if self.value is None or self.low is None or self.high is None:
            return "–"
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f}–{100 * self.high:.0f})"


@dataclass(frozen=True)
class Alignment:
    """Alignment of a set of IRIs of one network, layer and loss, by every measure there is.

    count: how many IRIs that is. shares, wrong: by measure, towards the target, and (the control)
    the mean share of wrong targets. counted: the measures that count in the verdict, one a family;
    the others are only shown. mean, deviation, low, high: over the counted measures, as the paper
    reports it, with the 95 % interval of the mean over targets; None where fewer than MIN_VOTES
    count, as in the verdict of a single IRI.
    """

    count: int
    shares: Mapping[str, Share]
    wrong: Mapping[str, Share]
    counted: tuple[str, ...]
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "count": self.count,
            "mean": self.mean,
            "deviation": self.deviation,
            "low": self.low,
            "high": self.high,
            "judging": list(self.counted),
            "measures": {
                name: share.to_dict() | {"wrong_target": self.wrong[name].to_dict()}
                for name, share in self.shares.items()
            },
        }


def alignment(iris: Sequence[Sequence[Comparison]], rng_seed: int = 0) -> Alignment:
    """The alignment of IRIs, each given by its comparisons, as `Result.perceptual`.

    All were made by one network and loss, so that the same measures count. A measure without a
    value is left out.
    """
    by_name = [{each.measure: each for each in comparisons} for comparisons in iris]
    nearer: dict[str, np.ndarray] = {}
    wrong: dict[str, np.ndarray] = {}
    counted = []
    for name in dict.fromkeys(name for iri in by_name for name in iri):
        rows = [iri.get(name) for iri in by_name]
        present = [row for row in rows if row is not None]
        if all(row.to_target is None for row in present):
            continue
        nearer[name] = np.array([math.nan if row is None else nearer_target(row) for row in rows])
        wrong[name] = np.array([math.nan if row is None else nearer_wrong(row) for row in rows])
        if all(row.counts_in_verdict for row in present):
            counted.append(name)
    shares = {name: _known_share(values, rng_seed) for name, values in nearer.items()}
    enough = counted if len(counted) >= MIN_VOTES else []
    mean, deviation = over_measures(shares[name] for name in enough)
    low, high = _interval_of_mean([nearer[name] for name in enough], rng_seed)
    return Alignment(
        count=len(iris),
        shares=shares,
        wrong={name: _known_share(values, rng_seed) for name, values in wrong.items()},
        counted=tuple(counted),
        mean=mean,
        deviation=deviation,
        low=low,
        high=high,
    )


def nearer_target(comparison: Comparison) -> float:
    """1.0 if the IRI is at least as near its target as its seed, else 0.0; nan without values.

    A tie counts, as in the paper; in the verdict of a single result it does not
    (`explorer.metrics.perceptual_verdict.Comparison.nearer_target`).
    """
    return _at_least_as_near(comparison, comparison.to_target, comparison.to_seed)


def nearer_wrong(comparison: Comparison) -> float:
    """The control: the share of the wrong targets that it is at least as near as its seed.

    nan without values. Of results that were compared with a single wrong target, 0.0 or 1.0.
    """
    if comparison.wrong_nearer is not None:
        return comparison.wrong_nearer
    return _at_least_as_near(comparison, comparison.to_mismatched, comparison.to_seed)


def _at_least_as_near(comparison: Comparison, value: float | None, other: float | None) -> float:
    if value is None or other is None:
        return math.nan
    return float(at_least_as_near(comparison.nearer, value, other))


def over_measures(shares: Iterable[Share]) -> tuple[float | None, float | None]:
    """Mean and standard deviation over measures, as the paper reports alignment; None for none."""
    values = [share.value for share in shares if share.value is not None]
    return (float(np.mean(values)), float(np.std(values))) if values else (None, None)


def aligned_share(nearer: np.ndarray, rng_seed: int = 0) -> Share:
    """The mean of `nearer` (N,), shares in [0, 1], with a bootstrap interval over targets.

    Where all are alike, resampling tells nothing: then 3/N is the interval's width, the rule of
    three (Hanley and Lippman-Hand, JAMA 1983). It never reaches less far from 0 or from 1 than
    that, for nearly all answers alike tell no more.
    """
    values = np.asarray(nearer, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"one answer per IRI is needed, not an array of shape {values.shape}")
    if not len(values):
        return Share(None, None, None, 0)
    low, high = _interval(_resampled(values, rng_seed))
    if low == high:
        low, high = low - 3 / len(values), high + 3 / len(values)
    low, high = _by_three(low, high, len(values))
    return Share(float(values.mean()), low, high, len(values))


def mean_difference(
    pairs: list[tuple[np.ndarray, np.ndarray]], rng_seed: int = 0
) -> tuple[float, float, float]:
    """Mean over pairs of (share of the first − share of the second), with its 95 % interval.

    Each pair holds answers (N,) to the *same* targets, nan where an IRI does not count; targets
    are resampled jointly for all pairs, so that what a target adds to both sides cancels. All
    arrays have one length. A pair without any countable answer on either side is left out; raises
    ValueError if none remains. An interval without width, of answers that are all alike, is widened
    by 3/N to both sides as in `aligned_share`, N the targets that count on both sides of a pair.
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
    low, high = _interval(np.array([_gap(stacked[:, :, places]) for places in drawn]))
    if low == high:
        paired = max(1, int(np.isfinite(stacked).all(1).sum(-1).max()))
        low, high = low - 3 / paired, high + 3 / paired
    return _gap(stacked), low, high


def _by_three(low: float, high: float, count: int) -> tuple[float, float]:
    """The interval within [0, 1], reaching at least 3/count from 0 and from 1."""
    width = min(1.0, 3 / count)
    return max(0.0, min(low, 1 - width)), min(1.0, max(high, width))


def _known_share(answers: np.ndarray, rng_seed: int) -> Share:
    return aligned_share(answers[np.isfinite(answers)], rng_seed)


def _interval_of_mean(
    answers: Sequence[np.ndarray], rng_seed: int
) -> tuple[float | None, float | None]:
    """Of the mean over measures of their shares, the same targets drawn for all of them."""
    stacked = np.array([each for each in answers if np.isfinite(each).any()])
    if not len(stacked):
        return None, None
    count = stacked.shape[1]
    drawn = np.random.default_rng(rng_seed).integers(0, count, (RESAMPLES, count))
    means = np.ma.masked_invalid(stacked)[:, drawn].mean(axis=2).mean(axis=0)
    return _by_three(*_interval(means.filled(np.nan)), count)


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
