"""`python -m explorer reproduce`: whether the paper's conclusions hold on the embedded zoo."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from explorer.cli.arguments import file_path, whole_number
from explorer.cli.command import Command
from explorer.cli.outputs import check_folder
from explorer.errors import RequestError
from explorer.research.photo_data import add_data_option, photographs


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="fewer networks, targets and steps")
    parser.add_argument(
        "--out", type=file_path, default=Path("reproduction"), help="folder (default: %(default)s)"
    )
    add_data_option(
        parser,
        "photographs of a data set, imagenette=PATH or cifar10=PATH, as of zoo train, whose "
        "held-out ones are the targets (default: the gallery's); may be repeated",
    )
    parser.add_argument(
        "--networks",
        nargs="+",
        metavar="NAME",
        help="embedded networks (default: the plan's, which learned from photographs)",
    )
    parser.add_argument(
        "--targets", type=whole_number(2), help="how many at most (default: the plan's)"
    )
    parser.add_argument(
        "--processes", type=whole_number(1), help="how many at once (default: one per CPU)"
    )


def _run(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    from explorer.models.sources import embedded
    from explorer.research.reproduction.facts import DATA_SETS
    from explorer.research.reproduction.plan import FULL, QUICK
    from explorer.research.reproduction.report import write
    from explorer.research.reproduction.run import run
    from explorer.research.reproduction.tables import Reproduction
    from explorer.research.reproduction.targets import targets_of

    plan = QUICK if options.quick else FULL
    if options.targets:
        plan = replace(plan, targets=options.targets)
    if options.networks:
        networks = tuple(name.removeprefix("embedded:") for name in options.networks)
        for name in networks:
            embedded.card(name)  # an unknown name is answered here
        plan = replace(plan, networks=networks, families_of=None)
    facts = plan.facts()
    if not facts:
        raise RequestError("networks", "none of the plan's networks ships; give --networks NAME …")
    photos = photographs(options.data)
    targets = {
        each.dataset: targets_of(each.dataset, each.side, plan.targets, photos)
        for each in facts.values()
    }
    parts = run(plan, options.out, facts, targets, processes=options.processes)
    found = Reproduction.of(plan, facts, targets, parts)
    write(found, options.out)
    for claim in found.claims:
        print(f"{claim.title} ({DATA_SETS[claim.dataset]}): {claim.verdict}")
    print(f"Written to {options.out / 'report.md'}, with tables, a figure and a contact sheet")


COMMAND = Command(
    "reproduce", "test the paper's claims on the embedded networks", _run, _add_options
)
