"""`iri plan`: what a sweep would generate, how long that takes and how much disk; runs nothing."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command

if TYPE_CHECKING:
    from explorer.sweep.estimate import Estimate
    from explorer.sweep.plan import Plan

MOST_NAMED = 12
FILE_HELP = "the sweep, a TOML file (docs/sweeps.md)"


def plan_facts(plan: Plan, estimate: Estimate) -> dict[str, object]:
    """Plan and estimate as plain JSON values."""
    return {**estimate.to_dict(), "values": plan.axes(), "notes": list(plan.notes)}


def print_plan(plan: Plan, estimate: Estimate) -> None:
    """What varies, how many requests that makes, and what they take."""
    for name, words in plan.axes().items():
        more = len(words) - MOST_NAMED
        shown = ", ".join(words[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        print(f"{name:15} {len(words):>6,}   {shown}")
    for note in plan.notes:
        print(note)
    noun = "request" if estimate.requests == 1 else "requests"
    print(f"{estimate.requests:,} {noun}: {estimate.sentence()}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=file_path, help=FILE_HELP)


def _run(options: argparse.Namespace) -> None:
    from explorer.jobs.settings import check_settings
    from explorer.jobs.worker_processes import visible_gpus
    from explorer.store import Store
    from explorer.sweep.estimate import estimate
    from explorer.sweep.layers import KnownLayers
    from explorer.sweep.plan import MOST_UNCONFIRMED, plan
    from explorer.sweep.source import read_file

    source = read_file(options.file)
    check_settings()
    store = Store()
    planned = plan(source, layers_of=KnownLayers(store))
    expected = estimate(planned.requests, store, len(visible_gpus()) or 1)
    if options.json:
        print(json.dumps(plan_facts(planned, expected), indent=1, ensure_ascii=False))
        return
    print_plan(planned, expected)
    if planned.layers_unknown:
        names = ", ".join(planned.layers_unknown)
        print(f"The layers of {names} are checked when the sweep runs.", file=sys.stderr)
    if expected.requests > MOST_UNCONFIRMED:
        print(
            f"More than {MOST_UNCONFIRMED:,} requests: `iri sweep` needs --yes to run them.",
            file=sys.stderr,
        )


COMMAND = Command(
    "plan", "what a sweep would generate, its time and disk", _run, _add_options, prints_json=True
)
