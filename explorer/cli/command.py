"""What a command of the command line is, as a record."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from explorer.decimals import decimals

PROGRAM = "iri"


class CommandFailed(Exception):
    """Something went wrong while running; the message is for the person at the terminal."""


def _no_options(parser: argparse.ArgumentParser) -> None: ...


@dataclass(frozen=True)
class Command:
    """One command: `iri NAME …`.

    run: called with the parsed options. Raises RequestError for what cannot be right (exit code 2),
        CommandFailed, HubUnreachable or OSError for a failure while running (1).
    add_options: adds the command's own options to its parser.
    prints_json: whether it takes `--json`, which `run` then has to heed.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], None]
    add_options: Callable[[argparse.ArgumentParser], None] = _no_options
    prints_json: bool = False


def print_rows(
    options: argparse.Namespace,
    rows: Sequence[dict[str, object]],
    line: Callable[[dict[str, object]], str],
) -> None:
    """Rows of a listing: as JSON with `--json`, else one line each."""
    if options.json:
        print(json.dumps(list(rows), indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(line(row))


def number(value: float | None, digits: int = 3) -> str:
    """A number to print; measures of a constant or zero representation have none."""
    return "–" if value is None else decimals(value, digits)
