"""The plans of a reproduction, as data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from explorer.models.sources import embedded
from explorer.models.sources.embedded import CARDS
from explorer.research.reproduction import paper
from explorer.research.reproduction.facts import PHOTOGRAPHS, Facts, facts_of
from explorer.research.reproduction.judges import judges, seed_of_claims

FAMILIES = {
    "regularizer-free": "regularizer-free",
    "human-leaning": "freq",
    "adversarial": "adversarial",
}
"""Each family of losses and the variant that represents it."""

FREE = FAMILIES["regularizer-free"]

ADVERSARY = "robust-features"
"""Perceptual distance of the adversarial losses; no judge of photographs in noise."""

JUDGE = "counted"
"""What decides the claims: the mean over the measures of `judges.judges`."""

WRONG_TARGETS = 5
"""The control: so many targets that an IRI was not made for, or all others if they are fewer."""

LAYER = "penultimate"
SHOWN = 8  # IRIs of a part that are stored as images, for the contact sheet
VERSION = 10  # to be raised when the same plan would give other numbers


@dataclass(frozen=True)
class Plan:
    """One reproduction.

    steps: of the regularizer-free search. leaning_steps: of the searches of the other families,
    which do not end before. targets: how many photographs, fewer where there are fewer.
    goal: relative distance at which a regularizer-free IRI is finished, so that networks are
        compared at equal matches: a search that continues changes ever more of what the network
        ignores.
    networks: names of embedded networks; None for all that learned from photographs.
    families_of: those for which the other two families of losses are run, too; None for all.
    other_seeds: run as well, regularizer-free, for the networks `headline`: alignment depends on
        the seed.
    """

    name: str
    steps: int
    leaning_steps: int
    targets: int
    goal: float = 0.05
    networks: tuple[str, ...] | None = None
    families_of: tuple[str, ...] | None = None
    other_seeds: tuple[str, ...] = ()
    headline: tuple[str, ...] = ()

    def facts(self) -> dict[str, Facts]:
        """Those of every network of the plan that ships, data set by data set."""
        if self.networks is None:
            known = [facts_of(name) for name in embedded.names()]
            chosen = [each for each in known if each.dataset in PHOTOGRAPHS]
        else:
            shipped = embedded.names()
            chosen = [facts_of(name) for name in self.networks if name in shipped]
        order = list(dict.fromkeys([*PHOTOGRAPHS, *(each.dataset for each in chosen)]))
        chosen.sort(key=lambda each: order.index(each.dataset))
        return {each.name: each for each in chosen}

    def works(self, facts: Iterable[Facts]) -> list[Work]:
        """Everything to run for these networks, what decides the claims first."""
        these = list(facts)
        seeds = {each.name: seed_of_claims(each.side) for each in these}
        works = [Work(each.name, FREE, seeds[each.name]) for each in these]
        works += [
            Work(each.name, loss, seeds[each.name])
            for loss in FAMILIES.values()
            for each in these
            if loss != FREE and (self.families_of is None or each.name in self.families_of)
        ]
        works += [Work(each.name, FREE, paper.SEED) for each in these if paper.row_of(each.name)]
        works += [
            Work(each.name, FREE, seed)
            for each in these
            if each.name in self.headline
            for seed in self.other_seeds
        ]
        return list(dict.fromkeys(works))

    def steps_of(self, loss: str) -> int:
        """The budget of a search by this loss."""
        return self.steps if loss == FREE else self.leaning_steps


@dataclass(frozen=True)
class Work:
    """The IRIs of one network, loss and seed kind, of every target."""

    network: str
    loss: str
    seed: str

    def judges(self) -> tuple[str, ...]:
        """Names of the measures that may judge these IRIs."""
        side = facts_of(self.network).side
        return tuple(each.measure for each in judges(side, self.seed))

    def file_name(self, plan: Plan, targets: str) -> str:
        """A name for its part that changes with everything that decides the part's content.

        targets: the digest of its targets.
        """
        weights = CARDS / f"{self.network}.safetensors"
        facts = [
            VERSION,
            plan.steps_of(self.loss),
            plan.goal,
            targets,
            self.judges(),
            hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else "",
            _null_digest(self.network),
        ]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]
        return f"{self.network}+{self.loss}+{self.seed}+{digest}.json"


@cache
def _null_digest(name: str) -> str:
    """What tells the network's null at LAYER from others, also where it does not ship yet."""
    from explorer.analysis.null_sources import card_of, held_out_facts
    from explorer.analysis.nulls import NULL_VERSION, null_key
    from explorer.analysis.shipped_nulls import shipped
    from explorer.models.loading import load

    network = load(f"embedded:{name}", "cpu")
    source = held_out_facts(card_of(network))
    null = None if source is None else shipped(null_key(network, LAYER, source))
    return f"{NULL_VERSION}" if null is None else json.dumps(null.to_dict(), sort_keys=True)


QUICK = Plan(
    name="quick",
    steps=150,
    leaning_steps=150,
    targets=10,
    networks=(
        "imagenette-residual-standard",
        "imagenette-residual-adv1",
        "imagenette-residual-adv1-b",
        "imagenette-plain-adv1",
        "imagenette-residual-simclr",
        "imagenette-residual-simclr-adv1",
        "cifar10-resnet-standard",
        "cifar10-resnet-adv1",
    ),
    families_of=("imagenette-residual-standard", "imagenette-residual-adv1"),
)
FULL = Plan(
    name="full",
    steps=300,
    leaning_steps=200,
    targets=100,
    families_of=(
        "imagenette-residual-standard",
        "imagenette-residual-adv1",
        "imagenette-residual-simclr",
        "imagenette-residual-simclr-adv1",
        "imagenette-vgg-standard",
        "imagenette-vgg-adv1",
        "cifar10-resnet-standard",
        "cifar10-resnet-adv1",
        "cifar10-resnet-simclr",
        "cifar10-resnet-simclr-adv1",
    ),
    other_seeds=("feather-noise",),
    headline=("imagenette-residual-standard", "imagenette-residual-adv1"),
)
