"""Where a row's value is, and opening it without trusting the row."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .errors import DamagedEntry

IN_ROW, IN_FILE = 1, 2
"""The modes of diskcache that this cache writes; every other is refused."""

_VALUE_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")
# A planted pipe must not be waited for, nor a link be followed out of the directory.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Row(NamedTuple):
    """The columns of an entry that say where its value is, whoever wrote them."""

    mode: object
    filename: object
    value: object


@contextmanager
def opened(directory: Path, row: Row) -> Iterator[tuple[BinaryIO, int]]:
    """The value of a row as an open file, and its size in bytes.

    Raises
    ------
    DamagedEntry
        If the row's mode is one that is not read, it names a file outside the cache, or what it
        names is no plain file.
    FileNotFoundError
        If there is no such file; another process may just have replaced the entry.
    """
    mode, filename, value = row
    if mode == IN_ROW and filename is None:
        if type(value) is not bytes:
            raise DamagedEntry(f"holds {type(value).__name__}, not bytes")
        yield io.BytesIO(value), len(value)
        return
    if mode != IN_FILE:
        raise DamagedEntry(f"has a row of mode {mode!r}, which is not read")
    if type(filename) is not str or not is_value_file(filename):
        raise DamagedEntry("names a file that does not belong to the cache")
    try:
        file = os.fdopen(os.open(directory / filename, _FLAGS), "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedEntry(f"has a file that cannot be read ({error.strerror})") from error
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise DamagedEntry("names what is no file")
        yield file, found.st_size


def value_files(directory: Path) -> list[Path]:
    """The files in a cache's directory that are named as the values of entries are."""
    files = directory.glob("??/??/*.val")
    return [path for path in files if is_value_file(str(path.relative_to(directory)))]


def is_value_file(name: object) -> bool:
    """Whether a filename column holds what this cache itself writes there, and nothing else."""
    return type(name) is str and _VALUE_FILE.fullmatch(name) is not None
