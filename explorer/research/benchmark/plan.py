"""The plans of a benchmark, as data: quick and full, for CPU and GPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from explorer.models.names import PENULTIMATE
from explorer.models.sources.embedded import FIRST
from explorer.models.sources.embedded import names as embedded_names
from explorer.research.benchmark.cases import (
    DEFAULT,
    LIVE,
    TARGETS,
    Case,
    deep_cases,
    embedded_cases,
    random_cases,
    trained_cases,
)
from explorer.research.benchmark.procedures import procedures_of

DISTANCES = (0.1, 0.05, 0.02, 0.01)
AFTER = (50, 100, 200, 500)


@dataclass(frozen=True)
class Work:
    """One procedure on one case and target, for a number of passes."""

    case: Case
    target: str
    procedure: str
    passes: int

    @property
    def budgets(self) -> tuple[int, ...]:
        """The budgets to run of procedures whose step size depends on the budget."""
        return (*(passes for passes in AFTER if passes < self.passes), self.passes)


@dataclass(frozen=True)
class BatchCase:
    """A case whose cost per image is timed at several batch sizes."""

    case: Case
    batches: tuple[int, ...] = (1, 4, 16)


@dataclass(frozen=True)
class Plan:
    """One benchmark.

    limit_seconds: nothing new is started after this time; the report names what is missing, and
        the same command continues with it.
    batch_rounds, batch_passes: how often each batch size is timed, and for how many passes.
    """

    name: str
    works: tuple[Work, ...]
    batches: tuple[BatchCase, ...]
    batch_rounds: int
    batch_passes: int
    limit_seconds: float

    @property
    def pieces(self) -> tuple[BatchCase | Work, ...]:
        """Everything to measure, in this order."""
        return (*self.batches, *self.works)

    def missing(self, parts: Sequence[object]) -> int:
        """How many pieces have no part yet."""
        return len(self.pieces) - len(parts)


def works_of(cases: tuple[Case, ...], targets: tuple[str, ...], passes: int) -> tuple[Work, ...]:
    """All procedures on one target of a case in turn, then the next target.

    Each target starts with a different procedure, so that none is always the first.
    """
    pairs = [(case, target) for case in cases for target in targets]
    return tuple(
        Work(case, target, name, passes)
        for turn, (case, target) in enumerate(pairs)
        for name in _rotated(list(procedures_of(case)), turn)
    )


def _rotated(names: list[str], turn: int) -> list[str]:
    start = turn % len(names)
    return names[start:] + names[:start]


def quick() -> Plan:
    """At most three minutes on two cores: one embedded network, and 224×224 with one target."""
    return Plan(
        name="quick",
        works=(
            *works_of(embedded_cases(FIRST[1:]), TARGETS, 100),
            *works_of(random_cases(64), TARGETS, 40),
            *works_of((Case(LIVE, "layer2", 224),), TARGETS[:1], 30),
        ),
        batches=(BatchCase(embedded_cases(FIRST[:1])[0]), BatchCase(Case(LIVE, "layer2", 64))),
        batch_rounds=3,
        batch_passes=4,
        limit_seconds=150,
    )


def full() -> Plan:
    """Everything; an hour or two on two cores, resumable.

    500 passes for the embedded networks that come first, 200 for the random ones at 64×64, 100 at
    224×224, 150 for the other embedded networks.
    """
    others = tuple(name for name in embedded_names() if name not in FIRST)
    return Plan(
        name="full",
        works=(
            *works_of(embedded_cases(FIRST), TARGETS, 500),
            *works_of(random_cases(64), TARGETS, 200),
            *works_of(random_cases(224), TARGETS, 100),
            *works_of(embedded_cases(others), TARGETS, 150),
        ),
        batches=(
            *(BatchCase(case) for case in embedded_cases(FIRST)),
            *(
                BatchCase(Case(network, layer, 64))
                for network in (DEFAULT, LIVE)
                for layer in (PENULTIMATE, "layer2")
            ),
        ),
        batch_rounds=7,
        batch_passes=8,
        limit_seconds=4 * 3600,
    )


def trained() -> Plan:
    """SqueezeNet trained on ImageNet: 200 passes, about three hours on two cores, resumable.

    The cases are taken by turns, so that what is there after some of the time covers all of them.
    """
    return Plan(
        name="trained",
        works=tuple(
            work for target in TARGETS for work in works_of(trained_cases(), (target,), 200)
        ),
        batches=(),
        batch_rounds=0,
        batch_passes=0,
        limit_seconds=6 * 3600,
    )


def quick_on_cuda() -> Plan:
    """A few minutes on a GPU: ResNet-50 at 224×224 with one target, and batch scaling."""
    return replace(
        quick(),
        name="quick, for a GPU",
        works=works_of(deep_cases(), TARGETS[:1], 100),
        batches=(*quick().batches, BatchCase(deep_cases()[0])),
    )


def full_on_cuda() -> Plan:
    """All that is measured on a CPU, and ResNet-50 at 224×224."""
    return replace(
        full(),
        name="full, for a GPU",
        works=(*works_of(deep_cases(), TARGETS, 500), *full().works),
        batches=(*full().batches, *map(BatchCase, deep_cases())),
    )


PLANS = {
    "quick": quick,
    "full": full,
    "trained": trained,
    "quick-cuda": quick_on_cuda,
    "full-cuda": full_on_cuda,
}


def plan_called(name: str, device: str) -> Plan:
    """The plan `quick`, `full` or `trained` for a device, `cpu` or `cuda`."""
    return PLANS.get(f"{name}-{device}", PLANS[name])()


_ROOT = Path(__file__).resolve().parents[2]
_DECIDE = ("research/benchmark", "images", "models", "losses", "synthesis", "zoo/weights")
_DO_NOT = ("tables.py", "trained.py", "markdown.py", "report.py", "plan.py")


def fingerprint(*facts: object) -> str:
    """Eight hex digits that change with every source line that the measurements depend on."""
    return hashlib.sha256(f"{facts!r}{_code()}".encode()).hexdigest()[:8]


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for package in _DECIDE:
        for path in sorted((_ROOT / package).rglob("*")):
            if path.suffix in (".py", ".safetensors") and path.name not in _DO_NOT:
                digest.update(path.read_bytes())
    return digest.hexdigest()
