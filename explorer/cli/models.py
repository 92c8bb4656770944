"""`iri models`: the available networks."""

from __future__ import annotations

import argparse
import sys

from explorer.cli.command import Command, print_rows


def _add_options(parser: argparse.ArgumentParser) -> None:
    from explorer.models.sources import SOURCES

    listable = ", ".join(source.name for source in SOURCES.values() if source.names)
    parser.add_argument(
        "--source",
        help=f"all of one source: {listable} (default: the embedded networks, the curated ones, "
        "and those published here)",
    )
    parser.add_argument("--search", help="only those with these words in reference or title")


def _run(options: argparse.Namespace) -> None:
    from explorer.models import catalogue

    entries = catalogue.listed(options.source, options.search or "")
    if not entries:
        where = f" of the source {options.source}" if options.source else ""
        print(f"No network{where} matches {options.search!r}.", file=sys.stderr)
    print_rows(
        options,
        [entry.to_dict() for entry in entries],
        lambda row: f"{row['reference']!s:52} {row['title']}. {row['summary']}".rstrip(". "),
    )


COMMAND = Command("models", "list available networks", _run, _add_options, prints_json=True)
