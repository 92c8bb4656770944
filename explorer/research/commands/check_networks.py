"""`python -m explorer check-networks`: does every network of the shelf work, and 60 more?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from explorer.cli.command import Command

RANDOM = 60
SHELF, DRAWN, NAMED = "shelf", "random timm", "named"


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("references", nargs="*", metavar="REF", help="only these networks")
    parser.add_argument(
        "--random",
        type=int,
        default=RANDOM,
        help="how many of timm's architectures to draw beside the shelf (default: %(default)s)",
    )
    parser.add_argument("--rng", type=int, default=0, help="random seed of the draw")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs/networks.jsonl"),
        help="what was found; a later run goes on from there (default: %(default)s)",
    )
    parser.add_argument("--memory", type=float, default=8.0, help="GB a network may use")
    parser.add_argument(
        "--most",
        type=float,
        default=100.0,
        help="million parameters that one drawn may have (default: %(default)s)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the table of docs/networks.md"
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.research import network_check

    there = network_check.read(options.out)
    if options.markdown:
        print(markdown(list(there.values())), end="")
        return
    for group, reference in _wanted(options, there):
        if (group, reference) not in there:
            most = options.most * 1e6 if group == DRAWN else float("inf")
            found = network_check.check_apart(reference, most, int(options.memory * 1e9))
            there[group, reference] = found = network_check.grouped(found, group)
            network_check.append(options.out, found)
            print(f"{found.state:8} {reference:44} {found.seconds:6.1f} s  {found.reason}")
    states = [one.state for one in there.values()]
    print(", ".join(f"{states.count(state)} {state}" for state in network_check.STATES))


def _wanted(options: argparse.Namespace, there: dict) -> Iterator[tuple[str, str]]:
    """The networks to look at: of those that differ in their weights only the first, and of those
    drawn at random as many as it takes until enough were not skipped.
    """
    from explorer.models import catalogue
    from explorer.research import network_check

    if options.references:
        yield from ((NAMED, reference) for reference in options.references)
        return
    apart = {
        catalogue.architecture_of(entry.reference): entry.reference
        for entry in reversed(catalogue.curated())
    }
    yield from ((SHELF, reference) for reference in reversed(apart.values()))
    left = options.random
    for reference in network_check.random_architectures(options.rng):
        if not left:
            return
        yield DRAWN, reference
        left -= there[DRAWN, reference].state != network_check.SKIPPED


def markdown(found: list) -> str:
    """The table that docs/networks.md holds: what failed, what works, what was too large."""
    found = sorted(found, key=lambda one: ("failed", "ok", "skipped").index(one.state))
    lines = [
        "| network | parameters | input | layers | early | middle | penultimate | cut − whole |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        falls = [f"{before:.2f} → {after:.3f}" for _, before, after in one.descents]
        cells = [
            one.reference,
            f"{one.parameters / 1e6:.1f} M",
            "×".join(map(str, one.input_size)) if one.layers else "",
            str(one.layers or ""),
            *(falls or ["", "", ""]),
            f"**{one.reason}**" if one.state == "failed" else one.reason or f"{one.difference:.0e}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


COMMAND = Command(
    "check-networks",
    "list layers, cut and optimise through networks, random weights",
    _run,
    _add_options,
)
