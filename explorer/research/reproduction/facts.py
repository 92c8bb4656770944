"""What the rules need to know of a network, from its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from explorer.models.sources import embedded

EQUAL_BUDGETS = 1.25
"""Budgets are equal where the larger is at most this many times the smaller."""

DATA_SETS = {"imagenette": "Imagenette", "cifar10": "CIFAR-10", "drawn": "drawn pictures"}
"""Titles of the data sets that embedded networks learned from, as sentences name them."""

PHOTOGRAPHS = ("imagenette", "cifar10")

LABELS, ALL_LABELS, SIMCLR, UNTRAINED = "labels", "all labels", "SimCLR", "untrained"
_OBJECTIVES = {"simclr": SIMCLR, "trades": "TRADES", "mart": "MART"}


@dataclass(frozen=True)
class Facts:
    """One embedded network.

    dataset: a key of DATA_SETS. objective: LABELS, ALL_LABELS (of drawn pictures: every factor),
    SIMCLR, "TRADES", "MART" or UNTRAINED. updates: of its weights. passes: forward and backward
    passes per batch, all updates together, which is what training costs. clean, attacked: test
    accuracy in percent, and that under PGD at ε 1; None where the card lacks it.
    """

    name: str
    dataset: str
    side: int
    architecture: str
    objective: str
    epsilon: float
    augmentation: str
    updates: int
    passes: int
    initialisation: int
    clean: float | None = None
    attacked: float | None = None

    @property
    def adversarial(self) -> bool:
        """Whether it was trained on perturbed pictures."""
        return self.epsilon > 0

    @property
    def factors(self) -> dict[str, object]:
        """The paper's factors, by name."""
        return {
            "architecture": self.architecture,
            "objective": self.objective,
            "adversarial ε": self.epsilon,
            "augmentation": self.augmentation,
        }

    def differing(self, other: Facts) -> list[str]:
        """The factors in which the two differ."""
        return [name for name, value in self.factors.items() if other.factors[name] != value]


def facts_of(name: str) -> Facts:
    """Those of an embedded network; RequestError for a name that is not there."""
    card = embedded.card(name)
    recipe: Mapping[str, Any] = card["recipe"]
    objective = _OBJECTIVES.get(
        recipe["objective"], ALL_LABELS if card["labels"] == "multi" else LABELS
    )
    inner = recipe["inner_steps"]
    return Facts(
        name=name,
        dataset=recipe["dataset"],
        side=max(card["input_size"]),
        architecture=card["family"],
        objective=objective if recipe["steps"] else UNTRAINED,
        epsilon=float(recipe["epsilon"]),
        augmentation=recipe["augmentation"],
        updates=recipe["steps"],
        # Inner steps are passes of their own; the update is one on clean and perturbed pictures.
        passes=recipe["steps"] * (inner + 2 if inner else 1),
        initialisation=recipe["rng_seed"],
        clean=card["accuracy"].get("clean"),
        attacked=card["accuracy"].get("pgd", {}).get("1"),
    )


def among(these: Iterable[Facts], **wanted: object) -> list[Facts]:
    """Those with all these values of their fields."""
    known = {field.name for field in fields(Facts)}
    if not wanted.keys() <= known:
        raise ValueError(f"unknown facts {sorted(wanted.keys() - known)}; known: {sorted(known)}")
    return [
        each
        for each in these
        if all(getattr(each, name) == value for name, value in wanted.items())
    ]


def equal_budgets(first: Facts, second: Facts) -> bool:
    """Whether both were trained for about as many passes."""
    low, high = sorted((first.passes, second.passes))
    return high <= EQUAL_BUDGETS * low


def comparable(first: Facts, second: Facts) -> bool:
    """Whether two networks of one data set may stand for a factor in which they differ.

    Where one alone is adversarially trained their budgets differ by design, and those of one
    initialisation belong together; else the budgets have to be equal: to be trained longer is a
    factor, too.
    """
    if first.dataset != second.dataset:
        return False
    if first.adversarial != second.adversarial:
        return first.initialisation == second.initialisation
    return equal_budgets(first, second)


def crossed(first: Iterable[Facts], second: Iterable[Facts]) -> list[tuple[Facts, Facts]]:
    """All comparable pairs of one of the first and one of the second."""
    rest = list(second)
    return [(a, b) for a in first for b in rest if comparable(a, b)]


def adversarial_pairs(these: Iterable[Facts]) -> list[tuple[Facts, Facts]]:
    """(the adversarially trained, its counterpart without attacks), alike in all else."""
    rest = list(these)
    return [
        (robust, standard)
        for robust, standard in crossed(
            [each for each in rest if each.adversarial], among(rest, epsilon=0.0)
        )
        if robust.differing(standard) == ["adversarial ε"]
    ]


def single_factor_pairs(these: Iterable[Facts]) -> list[tuple[str, Facts, Facts]]:
    """(factor, first, second) for all comparable pairs that differ in one factor alone."""
    rest = list(these)
    pairs: list[tuple[str, Facts, Facts]] = []
    for index, first in enumerate(rest):
        for second in rest[index + 1 :]:
            differing = first.differing(second)
            if len(differing) == 1 and comparable(first, second):
                factor = differing[0]
                low, high = sorted((first, second), key=lambda each: str(each.factors[factor]))
                pairs.append((factor, low, high))
    return pairs


def budgets(pairs: Iterable[tuple[Facts, Facts]]) -> str:
    """`10,000 against 5,000 updates` where budgets of a pair are not equal; "" where all are."""
    unequal = dict.fromkeys(
        (first.updates, second.updates)
        for first, second in pairs
        if not equal_budgets(first, second)
    )
    if not unequal:
        return ""
    return ", ".join(f"{a:,} against {b:,}" for a, b in unequal) + " updates"
