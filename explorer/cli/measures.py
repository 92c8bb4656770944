"""`iri measures`: the perceptual and representation measures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import cast

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.metrics.registry import PERCEPTUAL_MEASURES
    from explorer.metrics.representation_measures import REPRESENTATION_MEASURES

    rows = [measure.to_dict() for measure in PERCEPTUAL_MEASURES.values()]
    rows += [measure.to_dict() for measure in REPRESENTATION_MEASURES.values()]
    print_rows(options, rows, _line)


def _line(row: dict[str, object]) -> str:
    ends = cast(Sequence[float | None], row["range"])
    low, high = ("∞" if end is None else f"{end:g}" for end in ends)
    return f"{row['name']!s:22} {row['nearer']!s:6} is nearer, {low} to {high}. {row['says']}"


COMMAND = Command("measures", "the measures, their ranges and sources", _run, prints_json=True)
