"""`python -m explorer reproduce`: whether the paper's conclusions hold on the embedded zoo."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from explorer.cli.arguments import file_path, whole_number
from explorer.cli.command import Command
from explorer.cli.outputs import check_folder


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="fewer networks, targets and steps")
    parser.add_argument(
        "--out", type=file_path, default=Path("reproduction"), help="folder (default: %(default)s)"
    )
    parser.add_argument(
        "--shelf", choices=("embedded",), default="embedded", help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--targets", type=whole_number(2), help="how many drawn targets (default: the plan's)"
    )
    parser.add_argument(
        "--processes", type=whole_number(1), help="how many at once (default: one per CPU)"
    )


def _run(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    from explorer.research.reproduction.plan import FULL, QUICK
    from explorer.research.reproduction.report import write
    from explorer.research.reproduction.run import run

    plan = QUICK if options.quick else FULL
    if options.targets:
        plan = replace(plan, drawn=options.targets)
    parts = run(plan, options.out, processes=options.processes)
    for claim in write(plan, parts, options.out):
        print(f"{claim.title}: {claim.verdict}")
    print(f"Written to {options.out / 'report.md'}, with tables, a figure and a contact sheet")


COMMAND = Command(
    "reproduce", "test the paper's claims on the embedded networks", _run, _add_options
)
