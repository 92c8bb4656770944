"""The paper's claims, and the rules by which they are judged. Written before the numbers were seen.

Shares are alignment by `plan.JUDGE` over targets whose match succeeded; a difference is in percent
points with its 95 % bootstrap interval over targets, the same targets on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from explorer.metrics.alignment import Share, aligned_share, mean_difference
from explorer.research.reproduction.plan import FAMILIES, JUDGE

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "can't tell"
MARGIN = 5.0  # percent points that an effect must exceed to count as one
LEAST_MATCHED = 0.5  # share of IRIs that must match for a loss to say anything

FREE = FAMILIES["regularizer-free"]

RULES = f"""\
An effect of A over B *holds* if the whole 95 % interval of A − B lies above +{MARGIN:g} points,
*does not hold* if the whole interval lies below +{MARGIN:g} points, else one *can't tell*. A side
counts only if at least {LEAST_MATCHED:.0%} of its IRIs match. A claim of several effects holds if
all hold, does not hold if any does not, else one can't tell."""


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of a network, from its card.

    teaching: "untrained", "names", "all factors", "pairs", "TRADES" or "MART".
    """

    name: str
    design: str
    teaching: str
    epsilon: float
    augmentation: str
    steps: int

    @property
    def factors(self) -> dict[str, object]:
        """The paper's factors, by name."""
        return {
            "design": self.design,
            "teaching": self.teaching,
            "attack": self.epsilon,
            "augmentation": self.augmentation,
        }


@dataclass(frozen=True)
class Answers:
    """One network, loss and seed kind over the targets of one kind.

    nearer, wrong: (N,) 1.0, 0.0, or nan where the IRI does not count: nearer its target than its
    seed; nearer a wrong target than its seed (the control). matched, converged, relative_l2: (N,).
    """

    nearer: Mapping[str, np.ndarray]
    wrong: Mapping[str, np.ndarray]
    matched: np.ndarray
    converged: np.ndarray
    relative_l2: np.ndarray

    def share(self, measure: str = JUDGE) -> Share:
        """Alignment by one measure."""
        return _share(self.nearer[measure])

    def control(self, measure: str = JUDGE) -> Share:
        """The same towards the wrong target."""
        return _share(self.wrong[measure])

    @property
    def counts(self) -> bool:
        """Whether enough IRIs match to conclude anything."""
        return bool(self.matched.mean() >= LEAST_MATCHED)


@dataclass(frozen=True)
class Effect:
    """A minus B in percent points, with its interval (None where nothing could be compared)."""

    text: str
    points: float | None
    low: float | None
    high: float | None

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
    """One claim, what speaks for and against it, and the verdict."""

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
"""(network, loss) → its answers, from the seed kind that the claims rest on."""


def difference(text: str, pairs: list[tuple[Answers | None, Answers | None]]) -> Effect:
    """Mean over pairs of alignment of the first minus alignment of the second."""
    usable = [
        (first.nearer[JUDGE], second.nearer[JUDGE])
        for first, second in pairs
        if first is not None and second is not None and first.counts and second.counts
    ]
    try:
        points, low, high = (100 * value for value in mean_difference(usable))
    except ValueError:
        return Effect(text, None, None, None)
    return Effect(text, points, low, high)


def judge(table: Table, facts: Mapping[str, Facts]) -> list[Claim]:
    """The three claims."""
    trained = [one for one in facts.values() if one.teaching != "untrained"]
    return [_loss_decides(table, trained), _fair_ranking(table, trained), _best(table, trained)]


def _loss_decides(table: Table, trained: list[Facts]) -> Claim:
    leaning, adversarial = FAMILIES["human-leaning"], FAMILIES["adversarial"]

    def pairs(first: str, second: str) -> list:
        return [(table.get((one.name, first)), table.get((one.name, second))) for one in trained]

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
            f"{attacked.name} minus {usual.name}",
            [(table.get((attacked.name, FREE)), table.get((usual.name, FREE)))],
        )
        for usual, attacked in attack_pairs(trained)
    ]
    return Claim(
        "Claim 2: the regularizer-free loss ranks networks as expected",
        "Of two networks that differ only in adversarial training, it calls the attacked one more "
        "aligned, for every such pair.",
        tuple(effects),
    )


def _best(table: Table, trained: list[Facts]) -> Claim:
    def among(**wanted: object) -> list[Facts]:
        return [one for one in trained if wanted.items() <= one.factors.items()]

    def free(these: list[Facts]) -> list[Answers | None]:
        return [table.get((one.name, FREE)) for one in these]

    def crossed(first: list[Facts], second: list[Facts]) -> list:
        return [(a, b) for a in free(first) for b in free(second)]

    taught: dict[str, object] = {"teaching": "all factors", "attack": 2.0, "augmentation": "none"}
    supervised = among(design="residual CNN", **taught)
    budget = min((one.steps for one in supervised), default=0)
    supervised = [one for one in supervised if one.steps == budget]
    plain = among(design="plain CNN", **taught)
    contrastive = among(design="residual CNN", teaching="pairs", attack=2.0)
    unattacked = among(design="residual CNN", teaching="pairs", attack=0.0, augmentation="simclr")
    return Claim(
        "Claim 3: residual connections, a contrastive loss and adversarial augmentation align best",
        "Each of the three adds to alignment where the other two allow the comparison.",
        (
            difference("skips minus no skips, attacked", crossed(supervised, plain)),
            difference("contrastive minus labels, attacked", crossed(contrastive, supervised)),
            difference("contrastive, attacked minus not", crossed(contrastive, unattacked)),
        ),
    )


def attack_pairs(trained: list[Facts]) -> list[tuple[Facts, Facts]]:
    """(trained as usual, the same with adversarial training)."""
    return [
        (usual, attacked)
        for usual in trained
        for attacked in trained
        if usual.epsilon == 0
        and attacked.epsilon == 2
        and _differing(usual, attacked) == ["attack"]
    ]


def single_factor_pairs(facts: Mapping[str, Facts]) -> list[tuple[str, Facts, Facts]]:
    """(factor, first, second) for all pairs of networks that differ in one factor alone.

    Two attacked networks of different budgets are no pair: training longer is a factor, too.
    """
    found = []
    names = list(facts.values())
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            differing = _differing(first, second)
            both_attacked = first.epsilon > 0 and second.epsilon > 0
            if len(differing) == 1 and not (both_attacked and first.steps != second.steps):
                factor = differing[0]
                pair = sorted((first, second), key=lambda one: str(one.factors[factor]))
                found.append((factor, *pair))
    return found


def _differing(first: Facts, second: Facts) -> list[str]:
    return [name for name, value in first.factors.items() if second.factors[name] != value]


def _share(answers: np.ndarray) -> Share:
    return aligned_share(answers[np.isfinite(answers)])
