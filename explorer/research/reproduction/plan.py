"""The plans of a reproduction, as data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from explorer.models.sources.embedded import CARDS

FAMILIES = {
    "regularizer-free": "regularizer-free",
    "human-leaning": "freq",
    "adversarial": "adversarial",
}
"""Each family of losses and the variant that represents it."""

ADVERSARY = "robust-features"
"""Perceptual distance of the adversarial losses."""

JUDGE = "counted"
"""What decides the claims: the mean over the measures that count in the verdict on people, one a
family. Which those are, the calibration says (`explorer.metrics.calibration`) for this size, and
these kinds of target and seed, and not the numbers found here; ADVERSARY is not one of them for
N(0, 1) noise at 64 px."""

MAX_WRONG = 0.05
"""Share of wrong targets called at least as near as the seed, above which one cannot judge."""

WRONG_TARGETS = 5
"""The control: so many targets that an IRI was not made for, or all others if they are fewer."""

LAYER = "penultimate"
VERSION = 9  # to be raised when the same plan would give other numbers


@dataclass(frozen=True)
class Plan:
    """One reproduction.

    goal: relative distance at which a regularizer-free IRI is finished, so that networks are
        compared at equal matches: a search that continues changes ever more of what the network
        ignores.
    seed: the kind for the claims (N(0, 1) noise, clamped, is the paper's default).
    other_seeds: run as well, regularizer-free, for `headline` networks: alignment depends on the
        seed.
    drawn: how many held-out drawn targets; gallery: whether the photographs are targets, too.
    networks: names of embedded networks, None for all that ship.
    """

    name: str
    steps: int
    drawn: int
    gallery: bool
    networks: tuple[str, ...] | None
    seed: str = "noise"
    goal: float = 0.05
    other_seeds: tuple[str, ...] = ()
    headline: tuple[str, ...] = ("residual-multi-standard", "residual-multi-adv2")

    def works(self, shipped: tuple[str, ...]) -> list[Work]:
        """Everything to run, given the networks that ship."""
        names = [name for name in shipped if self.networks is None or name in self.networks]
        works = [Work(name, loss, self.seed) for loss in FAMILIES.values() for name in names]
        works += [
            Work(name, FAMILIES["regularizer-free"], seed)
            for name in self.headline
            if name in names
            for seed in self.other_seeds
        ]
        return works


@dataclass(frozen=True)
class Work:
    """The IRIs of one network, loss and seed kind, of every target."""

    network: str
    loss: str
    seed: str

    def file_name(self, plan: Plan) -> str:
        """A name for its part that changes with everything that decides the part's content."""
        decides = {key: value for key, value in asdict(plan).items() if key in _DECIDES}
        weights = (CARDS / f"{self.network}.safetensors").read_bytes()
        facts = [VERSION, decides, asdict(self), hashlib.sha256(weights).hexdigest()]
        text = json.dumps(facts, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.network}+{self.loss}+{self.seed}+{digest}.json"


_DECIDES = ("steps", "goal", "drawn", "gallery")

QUICK = Plan(
    name="quick",
    steps=100,
    drawn=16,
    gallery=False,
    networks=(
        "residual-untrained",
        "residual-multi-standard",
        "residual-multi-adv2",
        "residual-multi-adv2-b",
        "plain-multi-standard",
        "plain-multi-adv2",
        "residual-simclr",
        "residual-simclr-adv2",
    ),
    other_seeds=("grey-noise",),
)
FULL = Plan(
    name="full",
    steps=400,
    drawn=64,
    gallery=True,
    networks=None,
    other_seeds=("grey-noise", "uniform"),
)
PLANS = {plan.name: plan for plan in (QUICK, FULL)}
