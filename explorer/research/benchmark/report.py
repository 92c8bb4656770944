"""The output of a benchmark: JSON for scripts, and a section of a Markdown file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explorer.research.benchmark import trained
from explorer.research.benchmark.plan import Plan
from explorer.research.benchmark.procedures import PROCEDURES
from explorer.research.benchmark.tables import batch_rows, case_tables, noise, standings


def to_json(
    plan: Plan, parts: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything, as plain JSON values; distances that were not reached are null."""
    tables = case_tables(parts)
    spread = noise(parts)
    return _plain(
        {
            "plan": plan.name,
            "missing": plan.missing(parts),
            "machine": machine,
            "noise": None if spread is None else asdict(spread),
            "seconds": sum(part["seconds"] for part in parts),
            "procedures": [
                {"name": each.name, "title": each.title, "help": each.help}
                for each in PROCEDURES.values()
            ],
            "cases": [
                {
                    **asdict(table.case),
                    "targets": table.targets,
                    "passes_made": table.budget,
                    "auto": table.auto,
                    "threads": table.threads,
                    "work_per_pass": asdict(table.work),
                    "peak": asdict(table.peak),
                    "floor_ms_per_pass": dict(
                        zip(("arithmetic", "memory"), table.floor_ms, strict=True)
                    ),
                    "share_of_floor": table.share_of_floor,
                    "rows": [asdict(row) for row in table.rows.values()],
                    "standings": [asdict(standing) for standing in standings(table)],
                }
                for table in tables
            ],
            "trained": [asdict(cell) for cell in trained.cells(parts)],
            "batches": [
                {
                    **asdict(row.case),
                    "ms_per_pass_and_image": row.ms,
                    "cpu_ms_per_pass_and_image": row.cpu_ms,
                    "gain": row.gain,
                    "cpu_gain": row.cpu_gain,
                }
                for row in batch_rows(parts)
            ],
        }
    )


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def put_into(path: Path, section: str, kind: str) -> None:
    """Replace the section of this kind of device in a Markdown file, or add it at its end.

    The section is between two comments, `bench cpu` and `end of bench cpu` (or cuda).
    """
    begin, end = f"<!-- bench {kind} -->", f"<!-- end of bench {kind} -->"
    block = f"{begin}\n\n{section}\n{end}\n"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, marker, rest = text.partition(begin)
    if marker:
        after = rest.partition(end)[2].lstrip("\n")
        text = before + block + (f"\n{after}" if after else "")
    else:
        text = (f"{text.rstrip()}\n\n" if text.strip() else "") + block
    path.write_text(text, encoding="utf-8")
