"""The paper's claims and the rules that decide them.

Shares are of the nearest IRIs by `plan.JUDGE` over targets whose match succeeded: alignment less
the share of wrong targets. A difference is in percent points with its 95 % bootstrap interval over
targets, the same targets on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from explorer.metrics.alignment import mean_difference
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.research.reproduction.answers import MIN_IRIS, MIN_MATCHED, Answers
from explorer.research.reproduction.facts import (
    LABELS,
    SIMCLR,
    UNTRAINED,
    Facts,
    adversarial_pairs,
    among,
    budgets,
    crossed,
)
from explorer.research.reproduction.plan import FAMILIES, FREE, JUDGE

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "can't tell"
MARGIN = 5.0  # percent points that an effect must exceed to count as one

RULES = f"""\
An effect of A over B *holds* if the whole 95 % interval of A − B is above +{MARGIN:g} points,
*does not hold* if the whole interval is below +{MARGIN:g} points, else one *can't tell*. A and B
are alignment less the share of wrong targets, so that measures that would call anything near say
nothing. A side counts only if at least {MIN_MATCHED:.0%} of its IRIs match, {MIN_IRIS} or more, and
at least {MIN_VOTES} measures count. A claim of several effects holds if all hold, does not hold if
any does not, else one can't tell."""


@dataclass(frozen=True)
class Effect:
    """A minus B in percent points, with its interval (None where nothing could be compared).

    Of alignment less the share of wrong targets, over the pairs of A and B whose sides match and
    can be judged; unjudged: how many could not, of how many that match. searched: the same of the
    images as searched. aligned: of alignment alone, which no rule asks for. unequal: how many of
    the pairs are not at equal match, and of how many, and the two median relative distances of the
    pair that differs most. budgets: in words where training budgets differ. targets: how many count
    on both sides of a pair, at most.
    """

    text: str
    points: float | None
    low: float | None
    high: float | None
    unequal: tuple[int, int, MatchRange] | None = None
    searched: tuple[float, float, float] | None = None
    unjudged: tuple[int, int] = (0, 0)
    aligned: tuple[float, float, float] | None = None
    budgets: str = ""
    targets: int = 0

    @property
    def verdict(self) -> str:
        """By the rule above."""
        return _by_interval(self.low, self.high)


@dataclass(frozen=True)
class Claim:
    """One claim about the networks of one data set, the effects that decide it, and the verdict.

    number: 1, 2 or 3. dataset: a key of `facts.DATA_SETS`. networks: how many it rests on.
    further: effects that are of interest and decide nothing.
    """

    number: int
    dataset: str
    effects: tuple[Effect, ...]
    further: tuple[Effect, ...] = ()
    networks: int = 0

    @property
    def title(self) -> str:
        """The claim in one line."""
        return TITLES[self.number]

    @property
    def verdict(self) -> str:
        """By the rule above."""
        return _together([effect.verdict for effect in self.effects])


def _by_interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return UNCLEAR
    if low > MARGIN:
        return HOLDS
    return FAILS if high < MARGIN else UNCLEAR


def _together(verdicts: Sequence[str]) -> str:
    if FAILS in verdicts:
        return FAILS
    return HOLDS if set(verdicts) == {HOLDS} else UNCLEAR


RESIDUAL, PLAIN = "residual CNN", "plain CNN"
SKIPS, NO_SKIPS = (RESIDUAL, "DenseNet"), ("VGG-like CNN", "Inception")
"""Where no plain network differs in the skip connections alone, designs with them and without."""

TITLES = {
    1: "Claim 1: the loss decides what one concludes about a network",
    2: "Claim 2: the regularizer-free loss ranks networks as expected",
    3: "Claim 3: residual connections, a contrastive loss and adversarial augmentation align best",
}
STATEMENTS = {
    1: "Image priors make networks look more aligned, an adversarial term less, than the "
    "regularizer-free loss does.",
    2: "Of two networks that differ only in adversarial training, the one with it is more aligned, "
    "for every such pair.",
    3: "Each of the three adds to alignment where the other two allow the comparison.",
}

Table = Mapping[tuple[str, str], Answers]
"""(network, loss) → its answers, for the seed kind of the claims."""

Pairs = Sequence[tuple[Answers | None, Answers | None]]
"""Two sides to compare; None where a side was not made."""


def difference(text: str, pairs: Pairs, budgets: str = "") -> Effect:
    """Mean over pairs of the first minus the second, alignment less the share of wrong targets."""
    matched = [
        (first, second)
        for first, second in pairs
        if first is not None and second is not None and first.counts and second.counts
    ]
    usable = [pair for pair in matched if all(each.judged for each in pair)]
    effect = Effect(
        text,
        *(None, None, None),
        unjudged=(len(matched) - len(usable), len(matched)),
        budgets=budgets,
    )
    found = _points([(first.net, second.net) for first, second in usable])
    if found is None:
        return effect
    before = [(a.as_searched.net, b.as_searched.net) for a, b in usable]
    alone = [(a.nearer[JUDGE], b.nearer[JUDGE]) for a, b in usable]
    ranges = [MatchRange.of(each.median_distance for each in pair) for pair in usable]
    apart = [each for each in ranges if not each.equal]
    worst = max(apart, key=lambda each: each.factor, default=None)
    points, low, high = found
    return replace(
        effect,
        points=points,
        low=low,
        high=high,
        unequal=None if worst is None else (len(apart), len(ranges), worst),
        searched=_points(before),
        aligned=_points(alone),
        targets=max(int((a.matched & b.matched).sum()) for a, b in usable),
    )


def _points(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float] | None:
    """The mean difference in percent points with its interval; None where there is none."""
    try:
        points, low, high = (100 * value for value in mean_difference(pairs))
    except ValueError:
        return None
    return points, low, high


def judge(table: Table, facts: Mapping[str, Facts]) -> list[Claim]:
    """The three claims for every data set of these networks."""
    trained = [each for each in facts.values() if each.objective != UNTRAINED]
    claims = []
    for dataset in dict.fromkeys(each.dataset for each in trained):
        these = among(trained, dataset=dataset)
        claims += [decide(table, these) for decide in (_loss_decides, _fair_ranking, _best)]
    return sorted(claims, key=lambda claim: claim.number)


def _loss_decides(table: Table, these: list[Facts]) -> Claim:
    leaning, adversarial = FAMILIES["human-leaning"], FAMILIES["adversarial"]
    run = [each for each in these if (each.name, leaning) in table]

    def pairs(first: str, second: str) -> Pairs:
        return [(table.get((each.name, first)), table.get((each.name, second))) for each in run]

    return Claim(
        1,
        these[0].dataset,
        (
            difference("image priors minus regularizer-free", pairs(leaning, FREE)),
            difference("regularizer-free minus adversarial", pairs(FREE, adversarial)),
        ),
        networks=len(run),
    )


def _fair_ranking(table: Table, these: list[Facts]) -> Claim:
    pairs = adversarial_pairs(these)
    effects = tuple(
        compared(f"`{robust.name}` minus `{standard.name}`", table, [(robust, standard)])
        for robust, standard in pairs
    )
    networks = {each.name for pair in pairs for each in pair}
    return Claim(2, these[0].dataset, effects, networks=len(networks))


def _best(table: Table, these: list[Facts]) -> Claim:
    attacked = [each for each in these if each.adversarial]
    labelled = [each for each in among(attacked, objective=LABELS) if each.augmentation != "none"]
    supervised = among(labelled, architecture=RESIDUAL)
    plain = among(labelled, architecture=PLAIN)
    with_skips = supervised if plain else [e for e in labelled if e.architecture in SKIPS]
    without = plain or [each for each in labelled if each.architecture in NO_SKIPS]
    contrastive = among(these, architecture=RESIDUAL, objective=SIMCLR)
    contrastive_attacked = [each for each in contrastive if each.adversarial]
    effects = {
        "skips minus no skips, adversarially trained": crossed(with_skips, without),
        "contrastive minus labels, adversarially trained": crossed(
            contrastive_attacked, supervised
        ),
        "contrastive, adversarially trained minus not": crossed(
            contrastive_attacked, among(contrastive, epsilon=0.0)
        ),
    }
    further = {
        f"{RESIDUAL} minus {design}, adversarially trained": crossed(
            supervised, among(labelled, architecture=design)
        )
        for design in dict.fromkeys(each.architecture for each in labelled)
        if design not in (RESIDUAL, PLAIN)
    }
    further["usual augmentation minus none, adversarially trained"] = [
        pair
        for pair in crossed(labelled, among(attacked, objective=LABELS, augmentation="none"))
        if pair[0].differing(pair[1]) == ["augmentation"]
    ]
    for objective in ("TRADES", "MART"):
        further[f"{objective} minus adversarial training"] = crossed(
            among(these, architecture=RESIDUAL, objective=objective), supervised
        )
    return Claim(
        3,
        these[0].dataset,
        tuple(compared(text, table, pairs) for text, pairs in effects.items()),
        tuple(compared(text, table, pairs) for text, pairs in further.items() if pairs),
        networks=len({each.name for pairs in effects.values() for pair in pairs for each in pair}),
    )


def compared(text: str, table: Table, pairs: Sequence[tuple[Facts, Facts]]) -> Effect:
    """The first minus the second networks of these pairs, regularizer-free."""
    sides = [(table.get((a.name, FREE)), table.get((b.name, FREE))) for a, b in pairs]
    return difference(text, sides, budgets(pairs))
