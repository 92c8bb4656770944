"""A sweep as somebody wrote it: the TOML text, where each key stands in it, and its errors."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, time
from pathlib import Path
from typing import Any

from explorer.errors import RequestError, unknown
from explorer.request import Request

LONGEST_TEXT = 200_000  # characters
TABLE = "sweep"

_NOT_TO_GIVE = {"weights", "null", "classes", "continues", "away_from"}
"""Fields of a Request that stand for the content of files, or for earlier results."""

_TABLE_LINE = re.compile(rf"\s*\[\[\s*{TABLE}\s*\]\]")
_TABLE_TWICE = re.compile(r"Cannot declare \('(.*?)',\) twice")
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
        for each in _in_lists(self.written.get(field)):
            if isinstance(each, bool | date | time):
                message = message.replace(repr(each), _as_toml(each), 1)
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
    if reason == "Cannot overwrite a value":
        key = _key_on(source.text.splitlines()[line - 1])
        reason = f"{key} is given a value twice; write a list for several values"
    elif twice := _TABLE_TWICE.fullmatch(reason):
        name = twice[1]
        reason = f"the table [{name}] begins twice; write [[{name}]] each time for several"
    return SweepError("", f"it is no TOML: {reason[:1].lower()}{reason[1:]}", _place(source, line))


def _key_on(line: str) -> str:
    """The key to which a line gives a value, in quotation marks where that is clear."""
    key = line.partition("=")[0].strip(" \t\"'")
    return repr(key) if re.fullmatch(r"[\w.-]+", key) else "a key"


def _in_lists(value: object) -> Iterator[object]:
    """A value, or all in it where it is a list or a table."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _in_lists(each)
    else:
        yield value


def _as_toml(value: bool | date | time) -> str:
    """A value as it is written in the file."""
    return str(value).lower() if isinstance(value, bool) else value.isoformat()


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
    quoted = rf"""(?:{name}|"{name}"|'{name}')"""
    begins = re.compile(rf"\s*(?:{quoted}\s*[=.]|\[+\s*{quoted}\s*[\].])")
    if index is None and not any(map(begins.match, lines[:end_of_common])):
        # A table of another name belongs to the whole file wherever it stands.
        begins, sections = re.compile(rf"\s*\[+\s*{quoted}\s*[\].]"), [(0, len(lines))]
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
