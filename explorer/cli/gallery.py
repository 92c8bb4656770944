"""`iri gallery`: the bundled pictures and whose they are."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.images import gallery
    from explorer.images.noise_targets import NOISE_TARGETS
    from explorer.images.seeds import SEED_KINDS

    if options.drawn is not None:
        seeds = [kind.to_dict() for kind in SEED_KINDS.values()]
        targets = [target.to_dict() for target in NOISE_TARGETS.values()]
        print_rows(
            options,
            seeds if options.drawn == "seeds" else targets,
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
