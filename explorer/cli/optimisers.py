"""`iri optimisers`: the optimisers and how each works."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.synthesis.optimizers.registry import OPTIMISERS

    print_rows(
        options,
        [optimiser.to_dict() for optimiser in OPTIMISERS.values()],
        lambda row: f"{row['name']!s:28} {row['help']}",
    )


COMMAND = Command("optimisers", "the optimisers and how each works", _run, prints_json=True)
