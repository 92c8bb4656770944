"""Reading the database of a cache without ever writing to it.

So reading goes on where nothing can be written: on a disk that is full or read-only, and while
another program holds the database locked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from . import settings
from .errors import CacheError
from .folder import DATABASE, make_private
from .values import Row

log = logging.getLogger(__name__)

_LOCK_WAIT = 0.25  # seconds
_UNLOCKED_SECONDS = 2.0  # that a connection without locks is used before one with is tried again
_AT_ONCE = 500  # keys in one statement; SQLite allows 999 parameters in its oldest builds
_TEXT = f"raw = 1 AND typeof(key) = 'text' AND key NOT LIKE '{settings.SET_ASIDE}%'"
# What may be no damage, but a lock, or a directory in which SQLite can create no file.
_NOT_DAMAGED = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_IOERR",
)

# What is in a row is small; a planted value of a gigabyte is not even read.
_VALUE = "CASE WHEN length(value) <= 1000000 THEN value END"

SIZE = (
    "CASE WHEN typeof(size) = 'integer' AND size BETWEEN 0 AND 1000000000000 THEN size ELSE 0 END"
)
"""A row's size in bytes; 0 where it states one that no entry has, being damaged or forged."""

IS_ATTACHED = " OR ".join(f"key LIKE '{prefix}%'" for prefix in settings.ATTACHED)
"""The condition for a row that belongs to another."""


class Rows:
    """The rows of a cache, as they are now. Safe to use from any thread.

    Where there is no database there are no rows. Every method raises sqlite3.Error for a database
    that is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / DATABASE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None
        self._unlocked_until: float | None = None  # of a connection without locks

    def find(self, key: str) -> Row | None:
        """The row of an entry."""
        rows = self._ask(
            f"SELECT mode, filename, {_VALUE} FROM Cache WHERE key = ? AND raw = 1", (key,)
        )
        return Row(*rows[0]) if rows else None

    def keys(self) -> list[str]:
        """The keys that are plain text, in the order in which they were first stored.

        Without those of attached entries.
        """
        return [
            key
            for (key,) in self._ask(
                f"SELECT key FROM Cache WHERE {_TEXT} AND NOT ({IS_ATTACHED}) ORDER BY rowid"
            )
        ]

    def set_aside(self) -> list[str]:
        """The keys of entries that this installation has not signed, without their prefix."""
        rows = self._ask(
            "SELECT key FROM Cache WHERE raw = 1 AND typeof(key) = 'text' AND key LIKE ?",
            (f"{settings.SET_ASIDE}%",),
        )
        return [key.removeprefix(settings.SET_ASIDE) for (key,) in rows]

    def stored_at(self) -> dict[str, float]:
        """When each entry was stored last, attached ones too: seconds since 1970, by key."""
        return dict(
            self._ask(
                f"SELECT key, store_time FROM Cache WHERE {_TEXT}"
                " AND typeof(store_time) = 'real' ORDER BY store_time"
            )
        )

    def find_all(self, keys: Sequence[str]) -> dict[str, Row]:
        """The rows of many entries by their keys."""
        found: dict[str, Row] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found |= {
                key: Row(*columns)
                for key, *columns in self._ask(
                    f"SELECT key, mode, filename, {_VALUE} FROM Cache"
                    f" WHERE raw = 1 AND key IN ({marks})",
                    some,
                )
            }
        return found

    def every(self) -> list[tuple[object, object, Row]]:
        """Of every row, readable or not: its key, raw, and where its value is."""
        rows = self._ask(f"SELECT key, raw, mode, filename, {_VALUE} FROM Cache ORDER BY rowid")
        return [(key, raw, Row(*columns)) for key, raw, *columns in rows]

    def total(self) -> tuple[int, int]:
        """Number of entries, without attached ones, and the sum of the sizes of all, in bytes."""
        rows = self._ask(
            f"SELECT COALESCE(SUM({_TEXT} AND NOT ({IS_ATTACHED})), 0), COALESCE(SUM({SIZE}), 0)"
            " FROM Cache"
        )
        return rows[0] if rows else (0, 0)

    def reads(self) -> tuple[int, int]:
        """Hits and misses of all processes since the database was created."""
        counts = dict(self._ask("SELECT key, value FROM Settings WHERE key IN ('hits', 'misses')"))
        hits, misses = (counts.get(name) for name in ("hits", "misses"))
        return hits if type(hits) is int else 0, misses if type(misses) is int else 0

    @property
    def exist(self) -> bool:
        """Whether there is a database at all."""
        return self._path.exists()

    def see_changes(self) -> None:
        """See what was just written, also if until now the database could be read only unlocked."""
        with self._lock:
            if self._unlocked_until is not None:
                self._close()

    def close(self) -> None:
        """Close the connection; it opens again when it is needed."""
        with self._lock:
            self._close()

    def _ask(self, query: str, parameters: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]
        with self._lock:
            try:
                return self._asked(query, parameters, unlocked=False)
            except sqlite3.Error as error:
                was_unlocked = self._unlocked_until is not None
                self._close()
                if was_unlocked or not _name(error).startswith(_NOT_DAMAGED):
                    raise
            try:
                return self._asked(query, parameters, unlocked=True)
            except sqlite3.Error:
                self._close()
                raise

    def _asked(self, query: str, parameters: Sequence[object], unlocked: bool) -> list[tuple]:  # type: ignore[type-arg]
        try:
            connection = self._connected(unlocked)
            return [] if connection is None else connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            if not str(error).startswith("no such table") or self._was_finished():
                raise
            self._close()  # another process has created the file, and not yet what is in it
            return []

    def _was_finished(self) -> bool:
        """Whether the database had all its tables once, so that one that is missing is damage."""
        if self._connection is None:
            return False
        try:
            query = "SELECT 1 FROM Settings WHERE key = ?"
            return bool(self._connection.execute(query, (settings.SIGNED_BY,)).fetchall())
        except sqlite3.Error:
            return False

    def _connected(self, unlocked: bool) -> sqlite3.Connection | None:
        """The connection to the file that is there now, which another process may have replaced.

        unlocked: as to a file that nobody changes, without what is only in its log. Such a
        connection serves for a short time even where it is not asked for.
        """
        try:
            found = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            self._close()
            return None
        identity = (os.getpid(), found.st_dev, found.st_ino)
        over = self._unlocked_until is not None and time.monotonic() > self._unlocked_until
        if self._connection is not None and identity == self._opened and not over:
            return self._connection
        self._close()
        if not over and not unlocked:
            with contextlib.suppress(OSError, CacheError):
                make_private(self._directory)
        self._opened = identity
        self._unlocked_until = time.monotonic() + _UNLOCKED_SECONDS if unlocked else None
        self._connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro{'&immutable=1' if unlocked else ''}",
            uri=True,
            timeout=_LOCK_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        return self._connection

    def _close(self) -> None:
        if self._connection is not None and self._opened and self._opened[0] == os.getpid():
            self._connection.close()
        self._connection = self._opened = self._unlocked_until = None


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", None) or ""
