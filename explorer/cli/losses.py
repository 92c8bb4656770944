"""`iri losses`: the loss variants and their formulae."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.losses.differences import DIFFERENCE_LOSSES
    from explorer.losses.terms import TERMS
    from explorer.losses.variants import LOSSES

    if options.terms:
        print_rows(
            options,
            [term.to_dict() for term in TERMS.values()],
            lambda row: f"{row['name']!s:16} {row['symbol']!s:34} {row['help']}",
        )
        return
    print_rows(
        options,
        [loss.to_dict() for loss in (*LOSSES.values(), *DIFFERENCE_LOSSES.values())],
        lambda row: f"{row['name']!s:36} {row['family']!s:18} {row['formula']}",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--terms", action="store_true", help="the terms that --weight takes, instead of the losses"
    )


COMMAND = Command(
    "losses", "the loss variants and their formulae", _run, _add_options, prints_json=True
)
