"""diskcache without pickle: rows that would be unpickled or point elsewhere are refused.

diskcache 5.6.3 unpickles a row whose mode column says so, and any key whose raw column is 0
(CVE-2025-69872, no fixed release); it joins any value of the filename column to the cache's
directory, so that an absolute path reads, or on eviction deletes, any file. A database that
somebody else could write to must do neither.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW, MODE_TEXT, UNKNOWN

from .errors import DamagedEntry

DATABASE_ERRORS = (sqlite3.Error, diskcache.Timeout)
_LOCK_WAIT = 30  # seconds
_STORED = (bytes, str, int, float)
_VALUE_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")


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
        if not _is_value_file(filename):
            raise DamagedEntry("names a file that does not belong to the cache")
        try:
            return super().fetch(mode, filename, value, read)
        except (OSError, UnicodeDecodeError) as error:
            # diskcache would take an OSError for "no such key" and keep the row.
            raise DamagedEntry(f"has a file that cannot be read ({error})") from error

    def remove(self, file_path: object) -> None:
        if _is_value_file(file_path):
            super().remove(file_path)


class PlainCache(diskcache.Cache):
    """A diskcache of PlainDisk with eviction to the byte, and access to rows for the check.

    SQLite waits 30 s for a lock and then raises: diskcache's own `retry=True` would retry for ever
    on errors that are not locks, such as a directory deleted under a running app.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(
            str(directory),
            timeout=_LOCK_WAIT,
            disk=PlainDisk,
            disk_min_file_size=0,  # every value in a file, so that sizes are exact
            eviction_policy="least-recently-used",
            cull_limit=0,  # diskcache evicts ten at a time, the newest among them; see evict_to
            size_limit=2**62,
            statistics=1,
        )

    def text_keys(self) -> list[str]:
        """The keys that are plain text, in the order in which they were first stored."""
        rows = self._sql(
            "SELECT key FROM Cache WHERE raw = 1 AND typeof(key) = 'text' ORDER BY rowid"
        )
        return [key for (key,) in rows]

    def total(self) -> tuple[int, int]:
        """Number of rows and the sum of their sizes in bytes."""
        return self._sql("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM Cache").fetchone()

    def evict_to(self, limit: int, keep: str) -> list[str]:
        """Drop the least recently used entries, but not `keep`, until the rest is within limit.

        limit: bytes. Returns the keys of the dropped entries.
        """
        evicted = []
        with self._transact() as (sql, cleanup):
            _, size = self.total()
            rows = sql(
                "SELECT rowid, key, COALESCE(CAST(size AS INTEGER), 0), filename FROM Cache"
                " WHERE key != ? ORDER BY access_time",
                (keep,),
            )
            for rowid, key, row_size, filename in rows.fetchall() if size > limit else ():
                if size <= limit:
                    break
                sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                cleanup(filename)
                size -= row_size
                evicted.append(key)
        return evicted

    def row_ids(self) -> list[int]:
        """The ids of all rows, readable or not."""
        return [rowid for (rowid,) in self._sql("SELECT rowid FROM Cache ORDER BY rowid")]

    def check_row(self, rowid: int, check: Callable[[str, object], None]) -> tuple[str, str] | None:
        """Fetch a row's key and value and pass them to check; drop the row if that raises.

        check: raises DamagedEntry for an entry that must not be used. Returns None for a sound row
        or one that is gone, else its key as text and the reason.
        """
        with self._transact() as (sql, cleanup):
            row = sql(
                "SELECT key, raw, mode, filename, value FROM Cache WHERE rowid = ?", (rowid,)
            ).fetchone()
            if row is None:
                return None
            key, raw, mode, filename, value = row
            try:
                check(self.disk.get(key, raw), self.disk.fetch(mode, filename, value, False))
            except DamagedEntry as damage:
                sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
                cleanup(filename)
                return (key if type(key) is str else repr(key)[:40]), str(damage)
        return None

    def remove_orphans(self, older_than: float) -> int:
        """Delete value files that no row names and that are older than so many seconds."""
        rows = self._sql("SELECT filename FROM Cache WHERE typeof(filename) = 'text'")
        named = {os.path.normpath(name) for (name,) in rows}
        count = 0
        for path in value_files(Path(self.directory)):
            relative = str(path.relative_to(self.directory))
            try:
                if relative not in named and time.time() - path.stat().st_mtime > older_than:
                    path.unlink()
                    count += 1
            except FileNotFoundError:  # another process has deleted it meanwhile
                continue
        return count


def value_files(directory: Path) -> list[Path]:
    """The files in a cache's directory that are named as the values of entries are."""
    files = directory.glob("??/??/*.val")
    return [path for path in files if _is_value_file(str(path.relative_to(directory)))]


def _is_value_file(name: object) -> bool:
    """Whether a filename column holds what PlainDisk itself writes there, and nothing else."""
    return type(name) is str and _VALUE_FILE.fullmatch(name) is not None
