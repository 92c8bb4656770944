"""diskcache without pickle: rows that would be unpickled or point elsewhere are refused.

diskcache 5.6.3 unpickles a row whose mode column says so, and any key whose raw column is 0
(CVE-2025-69872, no fixed release); it joins any value of the filename column to the cache's
directory, so that an absolute path reads, or on eviction deletes, any file. A database that
somebody else could write to must do neither.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import ENOVAL, MODE_BINARY, MODE_RAW, MODE_TEXT, UNKNOWN

from . import eviction, settings
from .errors import DamagedEntry
from .rows import SIZE
from .salvage import note
from .values import Row, is_value_file

LOCK_WAIT = 2.0  # seconds
_INLINE_BYTES = 16_384  # of summaries, which are read thousands at a time; more goes to a file
_STORED = (bytes, str, int, float)


class PlainDisk(diskcache.Disk):
    """Stores values of exactly the types bytes, str, int and float under str keys."""

    def put(self, key: object) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a key is a str, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        if raw != 1 or type(key) is not str:
            raise DamagedEntry("has a key that is not plain text")
        return key

    def store(
        self, value: object, read: bool, key: object = UNKNOWN
    ) -> tuple[int, int, str | None, object]:
        if read or type(value) not in _STORED:
            raise TypeError(f"a value is bytes, str, int or float, not {type(value).__name__}")
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise TypeError("an int has at most 64 bits")
        if type(value) is bytes and len(value) <= _INLINE_BYTES and _is_summary(key):
            return len(value), MODE_RAW, None, sqlite3.Binary(value)
        return super().store(value, read, key=key)

    def _write(
        self,
        full_path: str,
        iterator: Iterable[bytes | str],
        mode: str,
        encoding: str | None = None,
    ) -> None:
        try:
            super()._write(full_path, iterator, mode, encoding)
        except BaseException:  # where the disk is full, half a value must not stay
            with contextlib.suppress(OSError):
                os.remove(full_path)
            raise

    def fetch(self, mode: object, filename: object, value: object, read: bool) -> object:
        if mode == MODE_RAW and filename is None and type(value) in _STORED:
            return value
        if mode not in (MODE_BINARY, MODE_TEXT) or read:
            raise DamagedEntry(f"has a row of mode {mode!r}, which is not read")
        if not is_value_file(filename):
            raise DamagedEntry("names a file that does not belong to the cache")
        try:
            return super().fetch(mode, filename, value, read)
        except (OSError, UnicodeDecodeError) as error:
            # diskcache would take an OSError for "no such key" and keep the row.
            raise DamagedEntry(f"has a file that cannot be read ({error})") from error

    def remove(self, file_path: object) -> None:
        if is_value_file(file_path):
            super().remove(file_path)


class PlainCache(diskcache.Cache):
    """A diskcache of PlainDisk, for writing: with eviction to the byte, and no wait of a minute.

    SQLite waits LOCK_WAIT for a lock and then raises. diskcache itself would go on for a minute
    when it opens a database, and for ever with `retry=True`, also on errors that are no locks, such
    as a directory deleted under a running app. Reading is for `Rows`.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(
            str(directory),
            timeout=LOCK_WAIT,
            disk=PlainDisk,
            disk_min_file_size=0,  # every value but summaries in a file, so that sizes are exact
            eviction_policy="least-recently-used",
            cull_limit=0,  # diskcache evicts ten at a time, the newest among them; see evict_to
            size_limit=2**62,
            statistics=0,
        )
        self._is_counted = False

    @property
    def _sql_retry(self) -> Callable[..., Any]:
        return lambda *arguments: _retried(lambda: self._sql(*arguments))

    def reset(self, key: str, value: object = ENOVAL, update: bool = True) -> object:
        if value is ENOVAL or not key.startswith("sqlite_"):
            return super().reset(key, value, update)
        if update:
            self._sql_retry("UPDATE Settings SET value = ? WHERE key = ?", (value, key))
        pragma = key.removeprefix("sqlite_")
        rows = _retried(lambda: self._sql(f"PRAGMA {pragma}").fetchall())
        if rows != [(value,)]:
            _retried(lambda: self._sql(f"PRAGMA {pragma} = {value}").fetchall())
        setattr(self, key, value)
        return value

    @contextlib.contextmanager
    def _transact(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        try:
            with super()._transact(*arguments, **named) as transaction:
                yield transaction
        except diskcache.Timeout:  # says so of every error, a full disk among them
            raise sqlite3.OperationalError("the database cannot be locked for writing") from None

    @contextlib.contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Wait for locks for another time than LOCK_WAIT, in this thread."""
        if seconds == LOCK_WAIT:
            yield
            return
        self._sql(f"PRAGMA busy_timeout = {round(1000 * seconds)}")
        try:
            yield
        finally:
            self._sql(f"PRAGMA busy_timeout = {round(1000 * LOCK_WAIT)}")

    def write(self, key: str, value: bytes) -> None:
        """Store a value under a key, whole or not at all, whatever fails."""
        size, mode, filename, in_row = self.disk.store(value, False, key=key)
        now, columns = time.time(), (None, None, size, mode, filename, in_row)
        try:
            with self._transact() as (sql, cleanup):
                rows = sql(
                    "SELECT rowid, filename FROM Cache WHERE key = ? AND raw = 1", (key,)
                ).fetchall()
                if rows:
                    ((rowid, earlier),) = rows
                    cleanup(earlier)
                    self._row_update(rowid, now, columns)
                else:
                    self._row_insert(key, True, now, columns)
        except BaseException:
            self.disk.remove(filename)
            raise
        if filename is not None:
            note(Path(self.directory), key, filename)

    def adopt(self, key: str, filename: str, size: int) -> bool:
        """Take a file that is there as the entry of a key, unless that has one; size: in bytes."""
        with self._transact() as (sql, _):
            if sql("SELECT 1 FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchall():
                return False
            columns = (None, None, size, MODE_BINARY, filename, None)
            self._row_insert(key, True, time.time(), columns)
            return True

    def drop(self, key: str) -> bool:
        """Delete an entry and what is attached to it; returns whether there was one."""
        with self._transact() as (sql, cleanup):
            dropped, _ = self._drop(sql, cleanup, key)
        return dropped > 0

    def _drop(
        self, sql: Callable[..., Any], cleanup: Callable[[object], None], key: str
    ) -> tuple[int, int]:
        """How many rows of exactly this key were deleted, and the bytes freed with the attached."""
        dropped, freed = 0, 0
        for name in (key, *(prefix + key for prefix in settings.ATTACHED)):
            rows = sql(
                f"SELECT rowid, {SIZE}, filename FROM Cache WHERE key = ? AND raw = 1",
                (name,),
            ).fetchall()
            for rowid, size, filename in rows:
                sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                cleanup(filename)
                dropped += name == key
                freed += size
        return dropped, freed

    def evict_to(self, limit: int, keep: str) -> list[str]:
        """Drop the least recently used entries, but not `keep`, until the rest is within limit.

        limit: bytes. What is attached to an entry goes with it, and not before it. Returns the keys
        of the dropped entries.
        """
        with self._transact() as (sql, cleanup):
            evicted = eviction.evict(
                sql, cleanup, partial(self._drop, sql, cleanup), limit, keep, self._is_counted
            )
        self._is_counted = True
        return evicted

    def drop_impossible(self) -> list[str]:
        """Drop the entries whose rows state a size that none has; returns their keys."""
        with self._transact() as (sql, cleanup):
            return eviction.drop_impossible(sql, cleanup)

    def filenames(self) -> list[object]:
        """The filename column of every row, whoever wrote it."""
        return [name for (name,) in self._sql("SELECT filename FROM Cache").fetchall()]

    def drop_if(self, key: object, raw: object, is_bad: Callable[[Row], bool]) -> bool:
        """Drop the row of a key, with what is attached to it, if it is bad; returns whether it was.

        is_bad: is given the row as it is while nobody else can write.
        """
        with self._transact() as (sql, cleanup):
            rows = sql(
                "SELECT rowid, mode, filename, value FROM Cache WHERE key IS ? AND raw IS ?",
                (key, raw),
            ).fetchall()
            bad = [row for row in rows if is_bad(Row(*row[1:]))]
            for rowid, _, filename, _ in bad:
                sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                cleanup(filename)
            if bad and raw == 1 and type(key) is str:
                self._drop(sql, cleanup, key)
        return bool(bad)

    def setting(self, name: str) -> object:
        """A value among the settings; None where there is none."""
        found = self._sql("SELECT value FROM Settings WHERE key = ?", (name,)).fetchone()
        return None if found is None else found[0]

    def rename_rows(
        self, new_key: Callable[[str, Row], str | None], setting: str, value: str
    ) -> int:
        """Give every entry the key that it is to have, drop it where that is None, and set a value.

        All at once or not at all. Where another entry has the key already, that one stays and the
        other is dropped. Returns how many have another key now.
        """
        renamed = 0
        with self._transact() as (sql, cleanup):
            rows = sql(
                "SELECT rowid, key, mode, filename, value FROM Cache"
                " WHERE raw = 1 AND typeof(key) = 'text'"
            ).fetchall()
            taken = {row[1] for row in rows}
            for rowid, key, *columns in rows:
                new = new_key(key, Row(*columns))
                if new == key:
                    continue
                if new is None or new in taken:
                    sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                    cleanup(columns[1])
                else:
                    sql("UPDATE Cache SET key = ? WHERE rowid = ?", (new, rowid))
                    taken.add(new)
                    renamed += 1
            sql("INSERT OR REPLACE INTO Settings (key, value) VALUES (?, ?)", (setting, value))
        return renamed


def _retried(attempt: Callable[[], Any]) -> Any:
    """What an attempt gives, tried again for LOCK_WAIT while the database is locked."""
    until = time.monotonic() + LOCK_WAIT
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if str(error) != "database is locked" or time.monotonic() > until:
                raise
            time.sleep(0.001)


def _is_summary(key: object) -> bool:
    return type(key) is str and key.startswith(settings.SUMMARY)
