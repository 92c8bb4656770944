"""`iri losses`: the loss variants and their formulae."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.losses.variants import LOSSES

    print_rows(
        options,
        [loss.to_dict() for loss in LOSSES.values()],
        lambda row: f"{row['name']!s:36} {row['family']!s:18} {row['formula']}",
    )


COMMAND = Command("losses", "the loss variants and their formulae", _run, prints_json=True)
