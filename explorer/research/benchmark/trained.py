"""The table for a trained ImageNet network: distance after equal passes, and distance moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.models import hubs
from explorer.models.sources import compressed
from explorer.research.benchmark.cases import TRAINED, Case
from explorer.research.benchmark.procedures import ENGINE, ON_TRAINED
from explorer.research.markdown import table as markdown_table

AFTER = (50, 100, 200)
"""Passes after which the distances are compared."""


def why_skipped() -> str | None:
    """A sentence where the weights are not stored on this machine, else None; downloads nothing."""
    file = compressed.named(TRAINED.partition(":")[2])
    if (hubs.torch_folder() / file.url.rpartition("/")[2]).is_file():
        return None
    return f"The benchmark on {TRAINED} is skipped: its weights are not stored on this machine."


@dataclass(frozen=True)
class Cell:
    """One target of one case after one number of passes.

    distances: least relative distance so far by procedure; of the run with just this budget where
    the step size depends on the budget. moved: root mean square over pixels between the best image
    and the one it started from, of the same runs, which end after the passes in `moved_after`.
    """

    case: Case
    target: str
    passes: int
    distances: dict[str, float]
    moved: dict[str, float]
    moved_after: dict[str, int]

    @property
    def best(self) -> str:
        """The reference that is nearest, from whatever start."""
        return min((name for name in self.distances if name != ENGINE), key=self.distances.get)  # type: ignore[arg-type]

    @property
    def ratio(self) -> float:
        """Our distance over the best reference's."""
        return self.distances[ENGINE] / self.distances[self.best]


def cells(parts: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Of all targets that every procedure has had, in the order of the parts."""
    done: dict[tuple[Case, str], dict[str, Mapping[str, Any]]] = {}
    for part in parts:
        if part["kind"] == "work" and part["case"]["network"] == TRAINED:
            done.setdefault((Case(**part["case"]), part["target"]), {})[part["procedure"]] = part
    return [
        _cell(case, target, passes, {name: done[case, target][name] for name in ON_TRAINED})
        for case, target in done
        if set(done[case, target]) == set(ON_TRAINED)
        for passes in AFTER
    ]


def _cell(
    case: Case, target: str, passes: int, by_procedure: Mapping[str, Mapping[str, Any]]
) -> Cell:
    budgets = {
        name: min(int(budget) for budget in part["runs"] if int(budget) >= passes)
        for name, part in by_procedure.items()
    }
    runs = {name: by_procedure[name]["runs"][str(budget)] for name, budget in budgets.items()}
    return Cell(
        case,
        target,
        passes,
        {name: min(run["relative_l2"][: passes + 1]) for name, run in runs.items()},
        {name: run["moved"] for name, run in runs.items()},
        budgets,
    )


def geometric_mean(ratios: Sequence[float]) -> float:
    """Of numbers above 0."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def section(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paragraphs of the report; none where nothing was measured."""
    every = cells(parts)
    if not every:
        return []
    behind = [cell for cell in every if cell.ratio > 1]
    text = (
        f"Least relative distance after as many passes. Our engine is at least as near as the best "
        f"reference from any start in {len(every) - len(behind)} of {len(every)} cells; geometric "
        f"mean of the ratios {geometric_mean([cell.ratio for cell in every]):.2f}. In brackets the "
        "root mean square over pixels by which the best image has moved from where it started, "
        f"after {AFTER[-1]} passes."
    )
    titles = [f"- **{one.title}**: {one.help}" for one in ON_TRAINED.values()]
    rows = [
        [cell.case.layer, cell.case.seed, cell.target, cell.passes]
        + [_value(cell, name) for name in ON_TRAINED]
        + [f"{cell.ratio:.2f}"]
        for cell in every
    ]
    header = ["layer", "seed", "target", "passes", *(one.title for one in ON_TRAINED.values())]
    return [
        f"### On a trained network: {TRAINED}",
        text,
        markdown_table([*header, "ratio"], rows),
        "\n".join(titles),
    ]


def _value(cell: Cell, name: str) -> str:
    text = f"{cell.distances[name]:.3f}"
    if cell.distances[name] <= min(cell.distances.values()):
        text = f"**{text}**"
    return f"{text} ({cell.moved[name]:.2f})" if cell.passes == AFTER[-1] else text
