"""The benchmark's report for people, as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from explorer.models.sources.embedded import FIRST
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

HARDEST = ("resnet18-live", "layer2", 224)
HARDEST_GOAL = 0.12
BATCH_GOAL = {"cpu": 0.7, "cuda": 0.1}


def markdown(
    plan: Plan, parts: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], kind: str
) -> str:
    """The report, from its own heading of second rank on. kind: `cpu` or `cuda`."""
    tables = case_tables(parts)
    batches = batch_rows(parts)
    sections = [
        f"## Making IRIs, side by side: {machine['device']}",
        _opening(plan, parts, machine),
    ]
    if tables:
        every = [standings(table) for table in tables]
        sections += [
            "### Who needs how many passes",
            "Each cell: our engine / the best reference there / the paper's procedure with its "
            f"clamp trap mended; – not within the passes that were made. {_verdict(tables, every)}",
            _overview(tables, every),
            "### The procedures",
            "\n".join(f"- **{one.title}**: {one.help}" for one in PROCEDURES.values()),
            "### Case by case",
            "Where steps hang on the budget of passes, every budget that a column names was run; "
            "“20 of 100” is 20 passes with the budget that gets there first. Distances are the "
            "best so far, of the image clamped to [0, 1]. CPU ms: what a pass costs whoever else "
            "is busy. MB: what a run needs beyond network and pictures.",
            *(_case(table) for table in tables if _in_detail(table)),
            "### The physical floor",
            "What a pass needs at least: FLOPs of its convolutions and products over the most that "
            "a matrix product or a convolution reached here in the same run, bytes (every layer's "
            "output and gradient written and read once, weights read twice) over the rate of a "
            "large copy. The share is the larger of the two over our engine's time.",
            _floors(tables),
        ]
    if batches:
        sections += ["### Batches", _batches(batches, kind)]
    return "\n\n".join(sections) + "\n"


def _opening(plan: Plan, parts: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    command = "python -m explorer bench" + (" --quick" if plan.name.startswith("quick") else "")
    minutes = sum(part["seconds"] for part in parts) / 60
    text = (
        f"Command: `{command}`; {minutes:.0f} minutes. {machine['processor']}, "
        f"{machine['cores']} cores, torch {machine['torch']}, {machine['system']}."
    )
    spread = noise(parts)
    if spread is not None:
        text += (
            f" Noise: one fixed small product, timed before every run, took {spread.low:.2f} to "
            f"{spread.high:.2f} of its median (10 to 90 %); a thread of ours had a core for "
            f"{spread.cpu_share:.0%} of the time. Passes and distances do not depend on that, "
            "seconds do."
        )
    missing = plan.missing(parts)
    if missing:
        text += f" **{missing} parts are missing for want of time.**"
    made = {piece.case.network for piece in plan.pieces}
    random = " ".join(f"`{name}`: {said}." for name, said in NETWORKS.items() if name in made)
    return (
        f"{text}\n\nA pass is one forward and backward run to the layer, for whatever purpose. "
        "Targets are photographs of the gallery, seeds N(0, 1) noise clamped to [0, 1], the loss "
        "of our engine is regularizer-free; medians over targets, one image at a time. All "
        f"procedures run on the same network code, no further than the layer; what our engine does "
        f"to the network besides (folding, memory format) is part of it. {random}"
    )


def _verdict(tables: Sequence[CaseTable], every: Sequence[Sequence[Standing]]) -> str:
    rows = [one for found in every for one in found]
    behind = [one for one in rows if not one.fewest]
    far = [one for one in rows if one.fifth_of_paper is False]
    open_rows = sum(one.fifth_of_paper is None for one in rows)
    ratios = [one.seconds_ratio for one in rows if one.seconds_ratio is not None]
    said = [
        f"Our engine needs no more passes than any reference in {len(rows) - len(behind)} of "
        f"{len(rows)} cells that anybody reaches, and at most a fifth of the paper's in "
        f"{len(rows) - len(far) - open_rows}"
        + (f" ({open_rows} undecided: the paper's never arrives)." if open_rows else ".")
    ]
    if ratios:
        said.append(
            f"Its seconds are {statistics.median(ratios):.2f} of the quickest reference's in the "
            "median cell."
        )
    said += [f"Behind: {_cell_name(one)} ({_behind(one)})." for one in behind]
    said += [f"More than a fifth of the paper's: {_cell_name(one)}." for one in far]
    for table in tables:
        case = (table.case.network, table.case.layer, table.case.size)
        reached = table.rows[ENGINE].after.get(100)
        if case == HARDEST and reached is not None:
            goal = "reached" if reached <= HARDEST_GOAL else "not reached"
            said.append(f"{table.case.title} after 100 passes: {reached:.3f} (goal 0.12: {goal}).")
    return " ".join(said)


def _behind(one: Standing) -> str:
    return f"{one.best}, but not from one seed" if one.fewest_alike else str(one.best)


def _cell_name(one: Standing) -> str:
    return f"{one.case.title} at {one.distance:g}"


def _overview(tables: Sequence[CaseTable], every: Sequence[Sequence[Standing]]) -> str:
    rows = []
    for table, found in zip(tables, every, strict=True):
        reached = {one.distance: one for one in found}
        row = {"case": table.case.title}
        for goal in DISTANCES:
            one = reached.get(goal)
            row[f"to {goal:g}"] = "–" if one is None else _cell(one, table)
        row["passes made"] = table.budget
        rows.append(row)
    return _grid(rows)


def _cell(one: Standing, table: CaseTable) -> str:
    best = _count(one.best_passes) + (f" ({one.best})" if one.best else "")
    mark = "**" if one.fewest else ""
    paper = _count(table.rows[PAPER].passes[one.distance])
    return f"{mark}{_count(one.ours)}{mark} / {best} / {paper}"


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
        furthest = next((d for d in reversed(DISTANCES) if math.isfinite(ours.passes[d])), None)
        floor, took = "–", "–"
        if furthest is not None:
            floor = _seconds(ours.passes[furthest] * max(arithmetic, memory) / 1000)
            took = f"{_seconds(ours.seconds[furthest])} (to {furthest:g})"
        rows.append(
            {
                "case": table.case.title,
                "GFLOP": f"{table.work.flops / 1e9:.2f}",
                "MB": f"{table.work.bytes / 1e6:.0f}",
                "best GFLOP/s here": f"{table.peak.flops / 1e9:.0f}",
                "best GB/s here": f"{table.peak.bytes / 1e9:.0f}",
                "floor, ms: arithmetic": f"{arithmetic:.1f}",
                "memory": f"{memory:.1f}",
                "ours, ms a pass": f"{ours.ms_per_pass:.1f}",
                "share": f"{table.share_of_floor:.0%}",
                "floor, s": floor,
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
        "ms per pass and image of our engine, the sizes timed in turns. Goal: the largest batch "
        f"costs at most {goal:g} of a single image.\n\n{_grid(rows)}"
    )


def _count(passes: float) -> str:
    return f"{passes:.0f}" if math.isfinite(passes) else "–"


def _seconds(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) and value < 10 else _count(value)


def _grid(rows: Sequence[Mapping[str, object]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[str(value) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
