"""`iri gallery`: the bundled pictures and whose they are."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.images import gallery
    from explorer.images.noise_targets import NOISE_TARGETS
    from explorer.images.seeds import SEED_KINDS

    drawn = {"seeds": SEED_KINDS, "targets": NOISE_TARGETS}.get(options.drawn)
    if drawn is not None:
        print_rows(
            options,
            [record.to_dict() for record in drawn.values()],
            lambda row: f"{row['name']!s:16} {row['help']}",
        )
        return
    print_rows(
        options,
        [asdict(gallery.describe(name)) for name in gallery.names()],
        lambda row: f"{row['name']!s:16} {row['title']} ({row['credit']}, {row['licence']})",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--drawn",
        choices=("seeds", "targets"),
        help="the seeds or targets that are drawn by a formula, instead of the pictures",
    )


COMMAND = Command(
    "gallery", "the bundled pictures and their credits", _run, _add_options, prints_json=True
)
