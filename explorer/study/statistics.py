"""Statistics of people's answers: intervals, agreement, exclusion, and what predicts them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from explorer.study.records import Answer, Kind, Task
from explorer.study.stimulus_set import StimulusSet

LEAST_CATCH = 0.75
"""Who gives the right answer in fewer of the catch trials is excluded; said before a round."""

RESAMPLES = 2000
"""Of the images, for a bootstrap interval."""


def wilson_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a share, k of n; (0, 1) where n is 0.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22,
    209–212. It takes the n answers as independent, which several of one person are not quite.
    Raises ValueError unless 0 ≤ k ≤ n and 0 < level < 1.
    """
    if not 0 <= k <= n or not 0 < level < 1:
        raise ValueError(
            f"{k} of {n} at level {level} is no share; it takes 0 ≤ k ≤ n, 0 < level < 1"
        )
    if n == 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = (k + z2 / 2) / (n + z2)
    half = sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return (0.0 if k == 0 else max(0.0, middle - half)), (
        1.0 if k == n else min(1.0, middle + half)
    )


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Fleiss' κ of a table images × categories: how many raters chose which.

    κ = (P − E) / (1 − E). P is the mean over the images with n ≥ 2 raters of
    Σ c(c − 1) / (n(n − 1)), over the categories' counts c; E = Σ p² with p the mean over all images
    of c / n. With equally many raters an image this is Fleiss (1971), "Measuring nominal scale
    agreement among many raters", Psychological Bulletin 76, 378–382; with unequal numbers the
    generalisation in Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition, chapter 2. None
    where no image has two raters, or all answers are in one category, so that agreement by chance
    is certain.
    """
    table = np.asarray(counts, dtype=float)
    raters = table.sum(axis=1)
    table, raters = table[raters > 0], raters[raters > 0]
    several = raters >= 2
    if not several.any():
        return None
    pairs = (table * (table - 1)).sum(axis=1)[several] / (raters * (raters - 1))[several]
    by_chance = float(((table / raters[:, None]).mean(axis=0) ** 2).sum())
    if 1 - by_chance < 1e-12:
        return None
    return float((pairs.mean() - by_chance) / (1 - by_chance))


def free_marginal_kappa(
    ratings: Iterable[Sequence[tuple[str, Collection[str]]]],
) -> float | None:
    """Agreement beyond that of raters who click at random, each among the options they had.

    ratings: per image, of each rater the option chosen and all that this rater was offered.
    κ = (P − E) / (1 − E). P is the mean over the images with n ≥ 2 raters of the share of pairs of
    raters who chose the same; E is the same mean of |A ∩ B| / (|A| |B|), the chance that two who
    choose at random, one among the options A, the other among B, choose the same. Where all have
    the same K options E is 1 / K, and this is Randolph's (2005) free-marginal multirater κ (ERIC
    ED490661), with two raters the κ of Brennan & Prediger (1981), Educational and Psychological
    Measurement 41, 687–699. The extension to options that differ between raters is ours. Fleiss'
    E, from how often each category was chosen, is too small there: all are offered the right one.
    None where no image has two raters, or chance agreement is certain.
    """
    observed, by_chance = [], []
    for each in ratings:
        pairs = len(each) * (len(each) - 1)
        if not pairs:
            continue
        chosen = Counter(choice for choice, _ in each)
        observed.append(sum(count * (count - 1) for count in chosen.values()) / pairs)
        weight: Counter[str] = Counter()  # the sum over raters of the chance that they choose it
        for _, offered in each:
            weight.update(dict.fromkeys(offered, 1 / len(offered)))
        oneself = sum(1 / len(offered) for _, offered in each)
        by_chance.append((sum(value**2 for value in weight.values()) - oneself) / pairs)
    if not observed:
        return None
    agreed, chance = float(np.mean(observed)), float(np.mean(by_chance))
    return None if 1 - chance < 1e-12 else (agreed - chance) / (1 - chance)


def excluded(answers: Iterable[Answer]) -> frozenset[str]:
    """The participants with fewer than LEAST_CATCH of their catch trials right.

    Who answered no catch trial is not excluded.
    """
    right: dict[str, list[bool]] = defaultdict(list)
    for each in answers:
        if each.kind is Kind.CATCH:
            right[each.participant].append(bool(each.correct))
    return frozenset(
        participant for participant, each in right.items() if sum(each) < LEAST_CATCH * len(each)
    )


def for_target(answer: Answer) -> bool:
    """Whether an answer says the target: `target` of two alternatives, else the right answer."""
    return (
        answer.value == "target" if answer.task is Task.TWO_ALTERNATIVES else bool(answer.correct)
    )


def counts_by_image(answers: Iterable[Answer]) -> dict[str, tuple[int, int]]:
    """Of each stimulus, how many answers say the target, and of how many."""
    said: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for each in answers:
        said[each.stimulus] += for_target(each)
        asked[each.stimulus] += 1
    return {name: (said[name], asked[name]) for name in asked}


@dataclass(frozen=True)
class MeasurePrediction:
    """How well one measure predicts people's answers.

    agreement: the share of answers that the sign of its margin predicts, target or not; an image
    that is exactly as near to both counts half. low, high: 95 % bootstrap interval over images.
    images: how many it has a margin for. held_out: for how many of them neither the loss nor the
    network is related to the measure. best: in which share of the resamples it agrees most of the
    measures that count, ties shared; 0 where it does not count. correlation: Spearman's ρ of its
    margin with the share of people who say the target, over the images; None where either is
    constant.
    """

    measure: str
    agreement: float
    low: float
    high: float
    images: int
    held_out: int
    best: float
    correlation: float | None

    @property
    def counts(self) -> bool:
        """Whether it is held out for every image, so that it may be called the best."""
        return self.held_out == self.images


def measure_predictions(
    stimulus_set: StimulusSet,
    answers: Iterable[Answer],
    level: float = 0.95,
    resamples: int = RESAMPLES,
    rng_seed: int = 0,
) -> list[MeasurePrediction]:
    """What every measure predicts of the main answers, the one that agrees most first.

    Exclude people before. A measure without any margin is left out. Images are drawn with
    replacement, each with all its answers (a cluster bootstrap; Davison & Hinkley 1997, chapter 3),
    and the same images for all measures; the interval is between percentiles.
    """
    counts = counts_by_image(each for each in answers if each.kind is Kind.MAIN)
    stimuli = [each for each in stimulus_set.stimuli if each.name in counts]
    measures = [
        name
        for name in dict.fromkeys(name for each in stimuli for name in each.margins)
        if any(each.margins.get(name) is not None for each in stimuli)
    ]
    if not measures:
        return []
    margins = np.array([[_number(each.margins.get(name)) for name in measures] for each in stimuli])
    said, asked = np.array([counts[each.name] for each in stimuli], dtype=float).T
    measured = ~np.isnan(margins)
    right = np.where(
        margins > 0,
        said[:, None],
        np.where(margins < 0, (asked - said)[:, None], asked[:, None] / 2),
    )
    right, total = np.where(measured, right, 0.0), np.where(measured, asked[:, None], 0.0)
    agreement = right.sum(axis=0) / total.sum(axis=0)
    drawn = np.random.default_rng(rng_seed).multinomial(
        len(stimuli), np.full(len(stimuli), 1 / len(stimuli)), size=resamples
    )
    with np.errstate(invalid="ignore"):
        resampled = (drawn @ right) / (drawn @ total)
    tail = (1 - level) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    held_out = measured & np.array(
        [[name in each.held_out for name in measures] for each in stimuli]
    )
    counted = (held_out == measured).all(axis=0)
    best = _share_best(np.where(counted, resampled, np.nan))
    share = said / asked
    rows = [
        MeasurePrediction(
            measure=name,
            agreement=float(agreement[place]),
            low=float(low[place]),
            high=float(high[place]),
            images=int(measured[:, place].sum()),
            held_out=int(held_out[:, place].sum()),
            best=float(best[place]),
            correlation=spearman(margins[measured[:, place], place], share[measured[:, place]]),
        )
        for place, name in enumerate(measures)
    ]
    return sorted(rows, key=lambda each: (-each.agreement, each.measure))


def spearman(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation, ties by their mean rank; None where either is constant."""
    one, other = (_ranks(np.asarray(each, dtype=float)) for each in (first, second))
    one, other = one - (len(one) + 1) / 2, other - (len(other) + 1) / 2
    norm = sqrt(float((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / norm) if norm > 0 else None


def mcnemar(one_way: int, other_way: int) -> float:
    """The exact two-sided p-value of McNemar's test: as many changed one way as the other.

    McNemar (1947), Psychometrika 12, 153–157, with the binomial distribution instead of χ².
    """
    changed = one_way + other_way
    tail = sum(comb(changed, k) for k in range(min(one_way, other_way) + 1)) / 2**changed
    return min(1.0, 2 * tail)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def _share_best(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column the share of rows in which it is largest; equal ones share a row.

    NaN is never the largest.
    """
    known = np.where(np.isnan(resampled), -1.0, resampled)
    most = known.max(axis=1, keepdims=True)
    largest = np.isclose(known, most, rtol=0, atol=1e-12) & (known >= 0)
    return (largest / np.maximum(largest.sum(axis=1, keepdims=True), 1)).mean(axis=0)
