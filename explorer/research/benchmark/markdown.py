"""The benchmark's report as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from explorer.models.sources.embedded import FIRST
from explorer.research.benchmark import trained
from explorer.research.benchmark.cases import NETWORKS
from explorer.research.benchmark.plan import DISTANCES, Plan
from explorer.research.benchmark.procedures import ENGINE, PAPER, PROCEDURES
from explorer.research.benchmark.tables import (
    BatchRow,
    CaseTable,
    Row,
    Standing,
    batch_rows,
    case_tables,
    noise,
    standings,
)
from explorer.research.markdown import table as markdown_table

HARDEST = ("resnet18-live", "layer2", 224)
HARDEST_GOAL = 0.12
_OPTIONS = {"quick": " --quick", "trained": " --trained"}  # of the command, by plan
BATCH_GOAL = {"cpu": 0.7, "cuda": 0.1}


def markdown(
    plan: Plan, parts: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], kind: str
) -> str:
    """The report, which starts with a second-level heading. kind: `cpu` or `cuda`."""
    tables = case_tables(parts)
    batches = batch_rows(parts)
    sections = [
        f"## Benchmark against published procedures: {machine['device']}",
        _opening(plan, parts, machine),
    ]
    if tables:
        every = [standings(table) for table in tables]
        sections += [
            "### Passes needed",
            "Each cell: our engine / the best reference there / the paper's procedure with its "
            f"clamp gradient fixed; – not within the passes made. {_verdict(tables, every)}",
            _overview(tables, every),
            "### The procedures",
            "\n".join(f"- **{one.title}**: {one.help}" for one in PROCEDURES.values()),
            "### Case by case",
            "Where the step size depends on the budget of passes, every budget that a column names "
            "was run; “20 of 100” is 20 passes with the budget that gets there first. Distances "
            "are the best so far, of the image clamped to [0, 1]. CPU ms: CPU time of a pass, "
            "which other processes affect little. MB: peak memory beyond network and images.",
            *(_case(table) for table in tables if _in_detail(table)),
            "### Hardware limit",
            "Least time of a pass (roofline): FLOPs of its convolutions and products over the "
            "highest rate of a matrix product or a convolution in the same run, bytes (every "
            "layer's output and gradient written and read once, weights read twice) over the rate "
            "of a large copy. The share is the larger of the two over our engine's time.",
            _floors(tables),
        ]
    sections += trained.section(parts)
    if batches:
        sections += ["### Batches", _batches(batches, kind)]
    return "\n\n".join(sections) + "\n"


def _opening(plan: Plan, parts: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    command = "python -m explorer bench" + _OPTIONS.get(plan.name.partition(",")[0], "")
    minutes = sum(part["seconds"] for part in parts) / 60
    text = (
        f"Command: `{command}`; {minutes:.0f} minutes. {machine['processor']}, "
        f"{machine['cores']} cores, torch {machine['torch']}, {machine['system']}."
    )
    spread = noise(parts)
    if spread is not None:
        text += (
            f" Noise: one fixed small product, timed before every run, took {spread.low:.2f} to "
            f"{spread.high:.2f} of its median (10 to 90 %); a thread had a core for "
            f"{spread.cpu_share:.0%} of the time. Passes and distances do not depend on that, "
            "seconds do."
        )
    missing = plan.missing(parts)
    if missing:
        text += f" **{missing} parts are missing: the time limit was reached.**"
    made = {piece.case.network for piece in plan.pieces}
    random = " ".join(f"`{name}`: {text}." for name, text in NETWORKS.items() if name in made)
    return (
        f"{text}\n\nA pass is one forward and backward run to the layer, for any purpose. Targets "
        "are photographs of the gallery, seeds N(0, 1) noise clamped to [0, 1], the loss of our "
        "engine is regularizer-free; medians over targets, one image at a time. All procedures run "
        f"on the same network code, no further than the layer; changes that our engine makes to "
        f"the network (folding, memory format) are part of it. {random}"
    )


def _verdict(tables: Sequence[CaseTable], every: Sequence[Sequence[Standing]]) -> str:
    cells = [standing for row in every for standing in row]
    behind = [standing for standing in cells if not standing.fewest]
    far = [standing for standing in cells if standing.fifth_of_paper is False]
    undecided = sum(standing.fifth_of_paper is None for standing in cells)
    ratios = [standing.seconds_ratio for standing in cells if standing.seconds_ratio is not None]
    sentences = [
        f"Our engine needs no more passes than any reference in {len(cells) - len(behind)} of "
        f"{len(cells)} cells that any procedure reaches, and at most a fifth of the paper's in "
        f"{len(cells) - len(far) - undecided}"
        + (f" ({undecided} undecided: the paper's never gets there)." if undecided else ".")
    ]
    if ratios:
        sentences.append(
            f"Its seconds are {statistics.median(ratios):.2f} of the fastest reference's in the "
            "median cell."
        )
    sentences += [f"Behind: {_cell_name(each)} ({_behind(each)})." for each in behind]
    sentences += [f"More than a fifth of the paper's: {_cell_name(each)}." for each in far]
    for table in tables:
        case = (table.case.network, table.case.layer, table.case.size)
        reached = table.rows[ENGINE].after.get(100)
        if case == HARDEST and reached is not None:
            goal = "reached" if reached <= HARDEST_GOAL else "not reached"
            sentences.append(
                f"{table.case.title} after 100 passes: {reached:.3f} (goal 0.12: {goal})."
            )
    return " ".join(sentences)


def _behind(standing: Standing) -> str:
    if standing.fewest_alike:
        return f"{standing.best}, but not from the same seed"
    return str(standing.best)


def _cell_name(standing: Standing) -> str:
    return f"{standing.case.title} at {standing.distance:g}"


def _overview(tables: Sequence[CaseTable], every: Sequence[Sequence[Standing]]) -> str:
    rows = []
    for table, row_standings in zip(tables, every, strict=True):
        reached = {standing.distance: standing for standing in row_standings}
        row: dict[str, object] = {"case": table.case.title}
        for goal in DISTANCES:
            standing = reached.get(goal)
            row[f"to {goal:g}"] = "–" if standing is None else _cell(standing, table)
        row["passes made"] = table.budget
        rows.append(row)
    return _grid(rows)


def _cell(standing: Standing, table: CaseTable) -> str:
    best = _count(standing.best_passes) + (f" ({standing.best})" if standing.best else "")
    mark = "**" if standing.fewest else ""
    paper = _count(table.rows[PAPER].passes[standing.distance])
    return f"{mark}{_count(standing.ours)}{mark} / {best} / {paper}"


def _in_detail(table: CaseTable) -> bool:
    source, _, name = table.case.network.partition(":")
    return source != "embedded" or name in FIRST


def _case(table: CaseTable) -> str:
    targets = ", ".join(table.targets)
    threads = "thread" if table.threads == 1 else "threads"
    rows = [_procedure_row(row, table) for row in table.rows.values()]
    return (
        f"**{table.case.title}** (targets {targets}; {table.threads} {threads}; `auto` is "
        f"`{table.auto}`)\n\n{_grid(rows)}"
    )


def _procedure_row(row: Row, table: CaseTable) -> dict[str, object]:
    cells: dict[str, object] = {"procedure": PROCEDURES[row.procedure].title}
    cells |= {f"passes to {goal:g}": _arrival(row, goal, table) for goal in DISTANCES}
    cells |= {f"s to {goal:g}": _seconds(row.seconds[goal]) for goal in DISTANCES}
    cells |= {f"after {passes}": f"{value:.4f}" for passes, value in row.after.items()}
    cells["unclamped"] = "" if row.unclamped is None else f"{row.unclamped:.4f}"
    cells["ms a pass"] = f"{row.ms_per_pass:.1f}"
    if row.cpu_ms_per_pass is not None:
        cells["CPU ms"] = f"{row.cpu_ms_per_pass:.1f}"
    cells["MB"] = "–" if row.memory is None else f"{row.memory / 2**20:.0f}"
    return cells


def _arrival(row: Row, goal: float, table: CaseTable) -> str:
    count = _count(row.passes[goal])
    if count == "–" or row.budgets[goal] == table.budget:
        return count
    return f"{count} of {row.budgets[goal]}"


def _floors(tables: Sequence[CaseTable]) -> str:
    rows = []
    for table in tables:
        if not _in_detail(table):
            continue
        arithmetic, memory = table.floor_ms
        ours = table.rows[ENGINE]
        nearest = next((d for d in reversed(DISTANCES) if math.isfinite(ours.passes[d])), None)
        floor, took = "–", "–"
        if nearest is not None:
            floor = _seconds(ours.passes[nearest] * max(arithmetic, memory) / 1000)
            took = f"{_seconds(ours.seconds[nearest])} (to {nearest:g})"
        rows.append(
            {
                "case": table.case.title,
                "GFLOP": f"{table.work.flops / 1e9:.2f}",
                "MB": f"{table.work.bytes / 1e6:.0f}",
                "best GFLOP/s here": f"{table.peak.flops / 1e9:.0f}",
                "best GB/s here": f"{table.peak.bytes / 1e9:.0f}",
                "least ms: arithmetic": f"{arithmetic:.1f}",
                "memory": f"{memory:.1f}",
                "ours, ms a pass": f"{ours.ms_per_pass:.1f}",
                "share": f"{table.share_of_floor:.0%}",
                "least s": floor,
                "ours, s": took,
            }
        )
    return _grid(rows)


def _batches(batches: Sequence[BatchRow], kind: str) -> str:
    rows = []
    for row in batches:
        cells: dict[str, object] = {"case": row.case.title}
        cells |= {f"batch {batch}": f"{ms:.1f}" for batch, ms in row.ms.items()}
        cells["largest / 1"] = f"{row.gain:.2f}"
        cells |= {f"batch {batch}: CPU": f"{ms:.1f}" for batch, ms in row.cpu_ms.items()}
        if row.cpu_gain is not None:
            cells["largest / 1: CPU"] = f"{row.cpu_gain:.2f}"
        rows.append(cells)
    goal = BATCH_GOAL[kind]
    return (
        "ms per pass and image of our engine, the sizes timed in turns. Goal: per image, the "
        f"largest batch costs at most {goal:g} of a single image.\n\n{_grid(rows)}"
    )


def _count(passes: float) -> str:
    return f"{passes:.0f}" if math.isfinite(passes) else "–"


def _seconds(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) and value < 10 else _count(value)


def _grid(rows: Sequence[Mapping[str, object]]) -> str:
    return markdown_table(list(rows[0]), [list(row.values()) for row in rows])
