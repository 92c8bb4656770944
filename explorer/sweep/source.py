"""A sweep as somebody wrote it: the TOML text, where each key stands in it, and its errors."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from explorer.errors import RequestError, unknown
from explorer.request import Request

LONGEST_TEXT = 200_000  # characters
TABLE = "sweep"

_NOT_TO_GIVE = {"weights", "null", "classes", "continues", "away_from"}
"""Fields of a Request that stand for the content of files, or for earlier results."""

_TABLE_LINE = re.compile(rf"\s*\[\[\s*{TABLE}\s*\]\]")
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


class SweepError(RequestError):
    """A sweep that cannot be right: names file, line and key, and says what would be."""

    def __init__(self, field: str, message: str, place: str) -> None:
        super().__init__(field, message)
        self.args = (field, message, place)
        self.place = place

    def __str__(self) -> str:
        named = f"{self.field}: {self.message}" if self.field else self.message
        return f"{self.place}: {named}"


@dataclass(frozen=True)
class Source:
    """The text of a sweep, and what it is called in messages.

    folder: from which relative paths in it count; None for a visitor's, which may name no files.
    """

    text: str
    name: str
    folder: Path | None = None

    @property
    def of_visitor(self) -> bool:
        """Whether it may name networks and pictures of the app only, and no files."""
        return self.folder is None


def read_file(path: Path) -> Source:
    """The sweep in a file; RequestError (field `file`) where it cannot be read."""
    try:
        return Source(path.read_text(encoding="utf-8-sig"), path.name, path.resolve().parent)
    except FileNotFoundError as error:
        raise RequestError("file", f"there is no file {str(path)!r}") from error
    except IsADirectoryError as error:
        raise RequestError("file", f"{str(path)!r} is a folder; give a TOML file") from error
    except UnicodeDecodeError as error:
        raise RequestError("file", f"{str(path)!r} is no text in UTF-8, as TOML is") from error
    except OSError as error:
        raise RequestError("file", f"{str(path)!r} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Table:
    """One product of a sweep: what was written for each field, those of the whole file included.

    index: of its `[[sweep]]`, from 0; None where the file has none and is one product itself.
    """

    source: Source
    index: int | None
    written: dict[str, Any]

    def error(self, field: str, message: str, value: object = None) -> SweepError:
        """The error for this key, with the line of the value in it where that is found."""
        line = _line_of(self.source.text, self.index, field, value)
        return SweepError(field, message, _place(self.source, line))


def field_names() -> tuple[str, ...]:
    """The keys that a sweep may set: the fields of a Request, without those that follow."""
    return tuple(each.name for each in fields(Request) if each.name not in _NOT_TO_GIVE)


def tables(source: Source) -> list[Table]:
    """The products in the text; SweepError for what is no TOML, and for a key that is none."""
    if len(source.text) > LONGEST_TEXT:
        raise SweepError("", f"the text is longer than {LONGEST_TEXT:,} characters", source.name)
    try:
        content = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(source, str(error)) from error
    except ValueError as error:  # of more digits than Python reads
        raise SweepError("", "a number in it is too long", source.name) from error
    except RecursionError as error:
        raise SweepError("", "its lists are nested too deeply", source.name) from error
    parts = content.pop(TABLE, None)
    common = Table(source, None, content)
    _check_keys(common)
    if parts is None:
        return [common]
    if not isinstance(parts, list) or not all(isinstance(each, dict) for each in parts):
        raise common.error(TABLE, f"it begins a table; write it as a line [[{TABLE}]]")
    own = [Table(source, index, part) for index, part in enumerate(parts)]
    for table in own:
        _check_keys(table)
    return [Table(source, each.index, content | each.written) for each in own]


def _check_keys(table: Table) -> None:
    names = field_names()
    for key in table.written:
        if key not in names:
            message = unknown(key, "key", key, (TABLE, *names)).message
            raise table.error(key, message)


def _no_toml(source: Source, message: str) -> SweepError:
    """What tomllib says, with the line in its usual place."""
    found = _POSITION.search(message)
    line = int(found[1]) if found and found[1] else len(source.text.splitlines())
    reason = _POSITION.sub("", message)
    return SweepError("", f"it is no TOML: {reason[:1].lower()}{reason[1:]}", _place(source, line))


def _place(source: Source, line: int | None) -> str:
    return source.name if line is None else f"{source.name}, line {line}"


def _line_of(text: str, index: int | None, key: str, value: object) -> int | None:
    """The line, from 1, of a key in the index-th table, else before all tables; None if unfound.

    value: the one of the key's values that is meant; the line on which it stands, where that is
    a later one of the key's list.
    """
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _TABLE_LINE.match(line)]
    end_of_common = starts[0] if starts else len(lines)
    sections = [(0, end_of_common)]
    if index is not None and index < len(starts):
        sections.insert(0, (starts[index] + 1, (*starts, len(lines))[index + 1]))
    name = re.escape(key)
    begins = re.compile(rf"""\s*(?:(?:{name}|"{name}"|'{name}')\s*[=.]|\[+\s*{name}\s*\])""")
    for start, end in sections:
        for number in range(start, end):
            if begins.match(lines[number]):
                return 1 + _line_of_value(lines, number, end, value)
    return None


def _line_of_value(lines: list[str], start: int, end: int, value: object) -> int:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        shown = [f'"{value}"', f"'{value}'"] if isinstance(value, str) else [str(value)]
        for number in range(start, end):
            if number > start and re.match(r"\s*[\w\"'-]+\s*=", lines[number]):
                break
            if any(text in lines[number] for text in shown):
                return number
    return start
