"""`python -m explorer check-networks`: the curated architectures, and 60 drawn from timm."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path, real_number, whole_number
from explorer.cli.command import Command
from explorer.cli.outputs import check_file
from explorer.errors import RequestError
from explorer.research.markdown import table

if TYPE_CHECKING:
    from explorer.research.network_check import Checked

RANDOM = 60
SHELF, DRAWN, NAMED = "shelf", "random timm", "named"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("references", nargs="*", metavar="REF", help="only these networks")
    parser.add_argument(
        "--random",
        type=whole_number(0),
        default=RANDOM,
        help="how many of timm's architectures to draw in addition to the curated list "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--rng",
        type=whole_number(),
        default=0,
        help="random seed of the draw (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        default=Path("docs/networks.jsonl"),
        help="file of the outcomes, from which a later run continues (default: %(default)s)",
    )
    parser.add_argument(
        "--memory",
        type=real_number(0),
        default=8.0,
        help="GB a network may use (default: %(default)s)",
    )
    parser.add_argument(
        "--most",
        type=real_number(0),
        default=100.0,
        help="million parameters that one drawn may have (default: %(default)s)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print docs/reference/checked-networks.md"
    )


def _run(options: argparse.Namespace) -> None:
    if not options.markdown:
        check_file("out", options.out)
    from explorer.research import network_check

    if options.markdown and options.references:
        raise RequestError("references", "--markdown prints all outcomes; leave the networks out")
    for reference in options.references:
        network_check.check_reference(reference)
    done = network_check.read(options.out)
    if options.markdown:
        print(markdown(list(done.values())), end="")
        return
    for group, reference in _wanted(options, done):
        if (group, reference) not in done:
            most = options.most * 1e6 if group == DRAWN else float("inf")
            checked = network_check.check_apart(reference, most, int(options.memory * 1e9))
            done[group, reference] = checked = network_check.grouped(checked, group)
            network_check.append(options.out, checked)
            print(f"{checked.state:8} {reference:44} {checked.seconds:6.1f} s  {checked.reason}")
    states = [checked.state for checked in done.values()]
    print(", ".join(f"{states.count(state)} {state}" for state in network_check.STATES))


def _wanted(
    options: argparse.Namespace, done: Mapping[tuple[str, str], Checked]
) -> Iterator[tuple[str, str]]:
    """(group, reference) to check: the first of those that differ only in their weights, and drawn
    ones until enough were not skipped.
    """
    from explorer.models import catalogue
    from explorer.research import network_check

    if options.references:
        yield from ((NAMED, reference) for reference in options.references)
        return
    by_architecture = {
        catalogue.architecture_of(entry.reference): entry.reference
        for entry in reversed(catalogue.curated())
    }
    yield from ((SHELF, reference) for reference in reversed(by_architecture.values()))
    left = options.random
    for reference in network_check.random_architectures(options.rng):
        if not left:
            return
        yield DRAWN, reference
        left -= done[DRAWN, reference].state != network_check.SKIPPED


def markdown(outcomes: Iterable[Checked]) -> str:
    """The table of the checked networks: what failed, what works, what was too large."""
    header = (
        *("network", "parameters", "input", "layers"),
        *("early", "middle", "penultimate", "cut − whole"),
    )
    rows = [
        (
            checked.reference,
            f"{checked.parameters / 1e6:.1f} M",
            "×".join(map(str, checked.input_size)) if checked.layers else "",
            checked.layers or "",
            *([f"{a:.2f} → {b:.3f}" for _, a, b in checked.descents] or ["", "", ""]),
            f"**{checked.reason}**"
            if checked.state == "failed"
            else checked.reason or f"{checked.difference:.0e}",
        )
        for checked in sorted(
            outcomes, key=lambda each: ("failed", "ok", "skipped").index(each.state)
        )
    ]
    return table(header, rows) + "\n"


COMMAND = Command(
    "check-networks",
    "check layer listing, truncation and optimisation on randomly initialised networks",
    _run,
    _add_options,
)
