"""`iri gallery`: the bundled pictures and whose they are."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from explorer.cli.command import Command, print_rows


def _run(options: argparse.Namespace) -> None:
    from explorer.images import gallery

    print_rows(
        options,
        [asdict(gallery.describe(name)) for name in gallery.names()],
        lambda row: f"{row['name']!s:16} {row['title']} ({row['credit']}, {row['licence']})",
    )


COMMAND = Command("gallery", "the bundled pictures and their credits", _run, prints_json=True)
