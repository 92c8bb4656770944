"""The rows in files of jsPsych, however they were written; what cannot be read is named."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from explorer.result import ResultError
from explorer.result.checks import unpacked

LARGEST_FILE = 256 * 2**20
"""Bytes of a file of answers, unpacked."""

_MOST_ZIPS_IN_ZIPS = 3
_COLUMNS = {"experiment", "participant", "trial", "position"}


def rows_of(
    name: str, data: bytes, unreadable: list[str], depth: int = 0
) -> Iterator[dict[str, Any]]:
    """The rows of a file: JSON, JSON lines, CSV, or a zip of such files.

    unreadable: takes a sentence for each file, member of a zip, or line that is left out. depth: in
    how many zips the file is.
    """
    if len(data) > LARGEST_FILE:
        unreadable.append(f"{name} has more than {LARGEST_FILE // 2**20} MB; split it")
    elif data[:4] != b"PK\x03\x04":
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            unreadable.append(f"{name} is no text in UTF-8, and no zip file")
        else:
            yield from _rows_of_text(name, text, unreadable)
    elif depth == _MOST_ZIPS_IN_ZIPS:
        unreadable.append(f"{name} is a zip file in {depth} others; unpack it")
    else:
        try:
            files = unpacked(data, LARGEST_FILE)
        except ResultError as error:
            unreadable.append(f"{name} cannot be read: {error}")
            return
        for member, content in sorted(files.items()):
            if content:
                yield from rows_of(f"{name}/{member}", content, unreadable, depth + 1)


def _rows_of_text(name: str, text: str, unreadable: list[str]) -> Iterator[dict[str, Any]]:
    if not text.lstrip().startswith(("{", "[")):
        yield from _rows_of_table(name, text, unreadable)
        return
    try:
        whole = _parsed(text)
    except ValueError:
        yield from _rows_of_lines(name, text, unreadable)
    else:
        yield from _flat(whole)


def _rows_of_lines(name: str, text: str, unreadable: list[str]) -> Iterator[dict[str, Any]]:
    """Of one value per line, as JATOS joins results; in a value, other breaks may stand."""
    bad = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                value = _parsed(line)
            except ValueError:
                bad.append(number)
            else:
                yield from _flat(value)
    if bad:
        others = len(bad) - 1
        more = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
        unreadable.append(
            f"{name}, line {bad[0]:,}{more}, is no JSON that can be read; is the file whole?"
        )


def _rows_of_table(name: str, text: str, unreadable: list[str]) -> Iterator[dict[str, Any]]:
    table = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = set(table.fieldnames or ())
    except csv.Error:
        columns = set()
    if not columns >= _COLUMNS:
        unreadable.append(
            f"{name} has no answers: it is neither JSON nor a CSV table with the columns "
            "experiment, participant, trial and position"
        )
        return
    while True:
        try:
            yield next(table)
        except StopIteration:
            return
        except csv.Error as error:  # such as a field without end; the reader goes on after it
            unreadable.append(f"{name}, line {table.reader.line_num:,}, is no row of CSV: {error}")


def _parsed(text: str) -> Any:
    """What the JSON says; ValueError, too, where it is nested or its numbers are without bound."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _flat(value: Any) -> Iterator[dict[str, Any]]:
    """The rows in lists of rows; an object that is no row, such as metadata, is left out."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict) and ("trial_type" in value or "position" in value):
            yield value
