"""The paper's claims and the rules that decide them, fixed before the numbers were seen.

Shares are alignment of the nearest IRIs by `plan.JUDGE` over targets whose match succeeded; a
difference is in percent points with its 95 % bootstrap interval over targets, the same targets on
both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from explorer.metrics.alignment import mean_difference
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.research.reproduction.answers import MIN_MATCHED, Answers
from explorer.research.reproduction.plan import FAMILIES, JUDGE, MAX_WRONG

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "can't tell"
MARGIN = 5.0  # percent points that an effect must exceed to count as one

FREE = FAMILIES["regularizer-free"]

RULES = f"""\
An effect of A over B *holds* if the whole 95 % interval of A − B is above +{MARGIN:g} points,
*does not hold* if the whole interval is below +{MARGIN:g} points, else one *can't tell*. A side
counts only if at least {MIN_MATCHED:.0%} of its IRIs match, and if at least {MIN_VOTES} measures
count and call at most {MAX_WRONG:.0%} of the wrong targets at least as near as the seed: else they
cannot judge it, for they would call anything near. A claim of several effects holds if all hold,
does not hold if any does not, else one can't tell."""


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of a network, from its card.

    objective: "untrained", "object labels", "all labels", "SimCLR", "TRADES" or "MART".
    """

    name: str
    architecture: str
    objective: str
    epsilon: float
    augmentation: str
    steps: int

    @property
    def factors(self) -> dict[str, object]:
        """The paper's factors, by name."""
        return {
            "architecture": self.architecture,
            "objective": self.objective,
            "adversarial ε": self.epsilon,
            "augmentation": self.augmentation,
        }


@dataclass(frozen=True)
class Effect:
    """A minus B in percent points, with its interval (None where nothing could be compared).

    Over the pairs of A and B whose sides match and can be judged; unjudged: how many could not, of
    how many that match. searched: the same of the images as searched. unequal: how many of the
    pairs are not at equal match, and of how many, and the two median relative distances of the pair
    that differs most.
    """

    text: str
    points: float | None
    low: float | None
    high: float | None
    unequal: tuple[int, int, MatchRange] | None = None
    searched: tuple[float, float, float] | None = None
    unjudged: tuple[int, int] = (0, 0)

    @property
    def verdict(self) -> str:
        """By the rule above."""
        if self.low is None or self.high is None:
            return UNCLEAR
        if self.low > MARGIN:
            return HOLDS
        return FAILS if self.high < MARGIN else UNCLEAR


@dataclass(frozen=True)
class Claim:
    """One claim, the effects that decide it, and the verdict."""

    title: str
    statement: str
    effects: tuple[Effect, ...]

    @property
    def verdict(self) -> str:
        """By the rule above."""
        verdicts = [effect.verdict for effect in self.effects]
        if not verdicts:
            return UNCLEAR
        if FAILS in verdicts:
            return FAILS
        return HOLDS if set(verdicts) == {HOLDS} else UNCLEAR


Table = Mapping[tuple[str, str], Answers]
"""(network, loss) → its answers, for the seed kind of the claims."""


Pairs = list[tuple[Answers | None, Answers | None]]
"""Two sides to compare; None where a side was not made."""


def difference(text: str, pairs: Pairs) -> Effect:
    """Mean over pairs of alignment of the first minus alignment of the second."""
    matched = [
        (first, second)
        for first, second in pairs
        if first is not None and second is not None and first.counts and second.counts
    ]
    usable = [pair for pair in matched if all(each.judged for each in pair)]
    unjudged = (len(matched) - len(usable), len(matched))
    found = _points([(first.nearer[JUDGE], second.nearer[JUDGE]) for first, second in usable])
    if found is None:
        return Effect(text, None, None, None, unjudged=unjudged)
    before = [(a.as_searched.nearer[JUDGE], b.as_searched.nearer[JUDGE]) for a, b in usable]
    ranges = [MatchRange.of(each.median_distance for each in pair) for pair in usable]
    apart = [each for each in ranges if not each.equal]
    worst = max(apart, key=lambda each: each.factor, default=None)
    unequal = None if worst is None else (len(apart), len(ranges), worst)
    return Effect(text, *found, unequal, _points(before), unjudged)


def _points(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float] | None:
    """The mean difference in percent points with its interval; None where there is none."""
    try:
        points, low, high = (100 * value for value in mean_difference(pairs))
    except ValueError:
        return None
    return points, low, high


def judge(table: Table, facts: Mapping[str, Facts]) -> list[Claim]:
    """The three claims."""
    trained = [each for each in facts.values() if each.objective != "untrained"]
    return [_loss_decides(table, trained), _fair_ranking(table, trained), _best(table, trained)]


def _loss_decides(table: Table, trained: list[Facts]) -> Claim:
    leaning, adversarial = FAMILIES["human-leaning"], FAMILIES["adversarial"]

    def pairs(first: str, second: str) -> Pairs:
        return [(table.get((each.name, first)), table.get((each.name, second))) for each in trained]

    return Claim(
        "Claim 1: the loss decides what one concludes about a network",
        "Image priors make networks look more aligned, an adversarial term less, than the "
        "regularizer-free loss does.",
        (
            difference("image priors minus regularizer-free", pairs(leaning, FREE)),
            difference("regularizer-free minus adversarial", pairs(FREE, adversarial)),
        ),
    )


def _fair_ranking(table: Table, trained: list[Facts]) -> Claim:
    effects = [
        difference(
            f"{robust.name} minus {standard.name}",
            [(table.get((robust.name, FREE)), table.get((standard.name, FREE)))],
        )
        for standard, robust in adversarial_pairs(trained)
    ]
    return Claim(
        "Claim 2: the regularizer-free loss ranks networks as expected",
        "Of two networks that differ only in adversarial training, the one with it is more "
        "aligned, for every such pair.",
        tuple(effects),
    )


def _best(table: Table, trained: list[Facts]) -> Claim:
    def among(**wanted: object) -> list[Facts]:
        """The networks with these values of their facts."""
        return [each for each in trained if wanted.items() <= asdict(each).items()]

    def free(these: list[Facts]) -> list[Answers | None]:
        return [table.get((each.name, FREE)) for each in these]

    def crossed(first: list[Facts], second: list[Facts]) -> Pairs:
        return [(a, b) for a in free(first) for b in free(second)]

    training: dict[str, object] = {
        "objective": "all labels",
        "epsilon": 2.0,
        "augmentation": "none",
    }
    supervised = among(architecture="residual CNN", **training)
    budget = min((each.steps for each in supervised), default=0)
    supervised = [each for each in supervised if each.steps == budget]
    plain = among(architecture="plain CNN", **training)
    contrastive = among(architecture="residual CNN", objective="SimCLR", epsilon=2.0)
    not_adversarial = among(
        architecture="residual CNN", objective="SimCLR", epsilon=0.0, augmentation="simclr"
    )
    return Claim(
        "Claim 3: residual connections, a contrastive loss and adversarial augmentation align best",
        "Each of the three adds to alignment where the other two allow the comparison.",
        (
            difference("skips minus no skips, adversarially trained", crossed(supervised, plain)),
            difference(
                "contrastive minus labels, adversarially trained", crossed(contrastive, supervised)
            ),
            difference(
                "contrastive, adversarially trained minus not",
                crossed(contrastive, not_adversarial),
            ),
        ),
    )


def adversarial_pairs(trained: list[Facts]) -> list[tuple[Facts, Facts]]:
    """(standard training, the same with adversarial training)."""
    return [
        (standard, robust)
        for standard in trained
        for robust in trained
        if standard.epsilon == 0
        and robust.epsilon == 2
        and _differing(standard, robust) == ["adversarial ε"]
    ]


def single_factor_pairs(facts: Mapping[str, Facts]) -> list[tuple[str, Facts, Facts]]:
    """(factor, first, second) for all pairs of networks that differ in one factor alone.

    Two adversarially trained networks of different budgets are not a pair: training longer is a
    factor, too.
    """
    pairs: list[tuple[str, Facts, Facts]] = []
    names = list(facts.values())
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            differing = _differing(first, second)
            both_adversarial = first.epsilon > 0 and second.epsilon > 0
            if len(differing) == 1 and not (both_adversarial and first.steps != second.steps):
                factor = differing[0]
                low, high = sorted((first, second), key=lambda each: str(each.factors[factor]))
                pairs.append((factor, low, high))
    return pairs


def _differing(first: Facts, second: Facts) -> list[str]:
    return [name for name, value in first.factors.items() if second.factors[name] != value]
