"""Medians over targets and the comparison of procedures: from a run's parts to plain rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.research.benchmark.cases import TRAINED, Case
from explorer.research.benchmark.machine import PassWork, Peak
from explorer.research.benchmark.plan import AFTER, DISTANCES
from explorer.research.benchmark.procedures import (
    ENGINE,
    ENGINE_GREY,
    OWN_SEED,
    PAPER,
    PROCEDURES,
    REFERENCES,
)

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One procedure in one case, medians over targets; infinite where a distance is not reached.

    passes, seconds: by relative distance; of the budget that gets there first, the same for all
        targets, where the procedure's step size depends on the budget. budgets: which one that was.
    after: distance by number of passes, best so far; of that same budget if it was run.
    unclamped: least distance of the unclamped image, where that is a different one.
    """

    procedure: str
    passes: dict[float, float]
    seconds: dict[float, float]
    budgets: dict[float, int]
    after: dict[int, float]
    unclamped: float | None
    ms_per_pass: float
    cpu_ms_per_pass: float | None
    memory: float | None


@dataclass(frozen=True)
class CaseTable:
    """All procedures in one case; auto: which optimiser of ours that was."""

    case: Case
    targets: tuple[str, ...]
    budget: int
    auto: str
    threads: int
    rows: dict[str, Row]
    work: PassWork
    peak: Peak

    @property
    def floor_ms(self) -> tuple[float, float]:
        """ms a pass takes at least, by arithmetic and by memory."""
        arithmetic, memory = self.work.floor(self.peak)
        return 1000 * arithmetic, 1000 * memory

    @property
    def share_of_floor(self) -> float:
        """The least possible time of a pass as a fraction of our engine's."""
        return max(self.floor_ms) / self.rows[ENGINE].ms_per_pass


@dataclass(frozen=True)
class Standing:
    """Our engine compared with the references and the paper's procedure, at one distance.

    best: the reference that needs the fewest passes, None if none gets there. Verdicts are None
    where the passes that were made do not decide them.
    fewest: our engine needs no more. fewest_alike: nor from the same seed, where the best reference
    starts from its own seed.
    seconds_ratio: ours over the quickest reference's.
    """

    case: Case
    distance: float
    ours: float
    best: str | None
    best_passes: float
    paper: float
    fewest: bool
    fewest_alike: bool
    fifth_of_paper: bool | None
    seconds_ratio: float | None


def case_tables(parts: Sequence[Part]) -> list[CaseTable]:
    """One table per case, in the order of the parts, of the targets that every procedure had.

    Not of trained ImageNet networks, see `explorer.research.benchmark.trained`.
    """
    cases: dict[Case, dict[str, dict[str, Part]]] = {}
    for part in parts:
        if part["kind"] == "work" and part["case"]["network"] != TRAINED:
            targets = cases.setdefault(Case(**part["case"]), {})
            targets.setdefault(part["target"], {})[part["procedure"]] = part
    complete = {
        case: {target: done for target, done in targets.items() if set(done) == set(PROCEDURES)}
        for case, targets in cases.items()
    }
    return [_table(case, targets) for case, targets in complete.items() if targets]


def _table(case: Case, targets: Mapping[str, Mapping[str, Part]]) -> CaseTable:
    every = [part for done in targets.values() for part in done.values()]
    return CaseTable(
        case=case,
        targets=tuple(targets),
        budget=every[0]["passes"],
        auto=every[0]["auto"],
        threads=every[0]["threads"],
        rows={
            name: _row(name, [done[name]["runs"] for done in targets.values()])
            for name in PROCEDURES
        },
        work=PassWork(**every[0]["work"]),
        peak=Peak(
            max(part["peak"]["flops"] for part in every),
            max(part["peak"]["bytes"] for part in every),
        ),
    )


def _row(name: str, targets: list[Mapping[str, Part]]) -> Row:
    """targets: for each target its runs by budget."""
    runs = {int(budget): [one[budget] for one in targets] for budget in targets[0]}
    longest = runs[max(runs)]
    first = {goal: _first(runs, goal) for goal in DISTANCES}
    return Row(
        procedure=name,
        passes={goal: passes for goal, (passes, _, _) in first.items()},
        seconds={goal: seconds for goal, (_, seconds, _) in first.items()},
        budgets={goal: budget for goal, (_, _, budget) in first.items()},
        after={
            passes: statistics.median(
                min(run["relative_l2"][: passes + 1])
                for run in runs[min(budget for budget in runs if budget >= passes)]
            )
            for passes in sorted({*AFTER, max(runs)})
            if passes <= max(runs)
        },
        unclamped=_median(min(run["unclamped"]) for run in longest if run["unclamped"]),
        ms_per_pass=1000 * statistics.median(run["seconds_per_pass"] for run in longest),
        cpu_ms_per_pass=_median(
            1000 * run["cpu_seconds_per_pass"] for run in longest if run["cpu_seconds_per_pass"]
        ),
        memory=_median(run["memory"] for run in longest if run["memory"] is not None),
    )


def _first(runs: Mapping[int, list[Part]], goal: float) -> tuple[float, float, int]:
    """(passes, seconds, budget) of the budget that reaches the goal in the fewest passes."""
    candidates = []
    for budget, these in runs.items():
        passes = [arrival(run["relative_l2"], goal) for run in these]
        seconds = [
            run["seconds"][int(count)] if math.isfinite(count) else math.inf
            for run, count in zip(these, passes, strict=True)
        ]
        candidates.append((statistics.median(passes), statistics.median(seconds), budget))
    return min(candidates)


def _median(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.median(values) if values else None


def arrival(distances: Sequence[float], goal: float) -> float:
    """After how many passes the distance first is at most the goal; infinite if never."""
    return next((float(k) for k, each in enumerate(distances) if each <= goal), math.inf)


def standings(table: CaseTable) -> list[Standing]:
    """At every distance that our engine or a reference reaches."""
    return [
        _standing(table, goal)
        for goal in DISTANCES
        if any(math.isfinite(table.rows[name].passes[goal]) for name in (ENGINE, *REFERENCES))
    ]


def _standing(table: CaseTable, goal: float) -> Standing:
    passes = {name: row.passes[goal] for name, row in table.rows.items()}
    best = min(REFERENCES, key=passes.__getitem__)
    quickest = min(table.rows[name].seconds[goal] for name in REFERENCES)
    from_noise = min(passes[name] for name in REFERENCES if name != OWN_SEED)
    return Standing(
        case=table.case,
        distance=goal,
        ours=passes[ENGINE],
        best=best if math.isfinite(passes[best]) else None,
        best_passes=passes[best],
        paper=passes[PAPER],
        fewest=passes[ENGINE] <= passes[best],
        fewest_alike=passes[ENGINE] <= from_noise and passes[ENGINE_GREY] <= passes[OWN_SEED],
        fifth_of_paper=_within_fifth(passes[ENGINE], passes[PAPER], table.budget),
        seconds_ratio=table.rows[ENGINE].seconds[goal] / quickest
        if math.isfinite(quickest)
        else None,
    )


def _within_fifth(ours: float, paper: float, budget: int) -> bool | None:
    if math.isfinite(paper):
        return 5 * ours <= paper
    return True if 5 * ours <= budget else None


@dataclass(frozen=True)
class BatchRow:
    """ms, and CPU ms (empty on CUDA), per pass and image, by batch size."""

    case: Case
    ms: dict[int, float]
    cpu_ms: dict[int, float]

    @property
    def gain(self) -> float:
        """Cost per image at the largest batch as a share of that at the smallest."""
        return self.ms[max(self.ms)] / self.ms[min(self.ms)]

    @property
    def cpu_gain(self) -> float | None:
        """The same of CPU time."""
        return self.cpu_ms[max(self.ms)] / self.cpu_ms[min(self.ms)] if self.cpu_ms else None


def batch_rows(parts: Sequence[Part]) -> list[BatchRow]:
    """One row per network and layer whose batches were timed."""
    return [
        BatchRow(
            Case(**part["case"]),
            {int(batch): 1000 * cost["seconds"] for batch, cost in part["costs"].items()},
            {
                int(batch): 1000 * cost["cpu_seconds"]
                for batch, cost in part["costs"].items()
                if cost["cpu_seconds"] is not None
            },
        )
        for part in parts
        if part["kind"] == "batches"
    ]


@dataclass(frozen=True)
class Noise:
    """How much other processes interfered: the spread of a fixed small task, and our CPU share.

    low, high: 10 % and 90 % quantiles of its time, as multiples of the median.
    """

    low: float
    high: float
    cpu_share: float


def noise(parts: Sequence[Part]) -> Noise | None:
    """Over all measurements of procedures; None if there are none."""
    works = [part for part in parts if part["kind"] == "work"]
    probes = sorted(value for part in works for value in part["probes"])
    if not probes:
        return None
    middle = statistics.median(probes)
    last = len(probes) - 1
    return Noise(
        probes[round(0.1 * last)] / middle,
        probes[round(0.9 * last)] / middle,
        statistics.median(part["cpu_share"] / part["threads"] for part in works),
    )
