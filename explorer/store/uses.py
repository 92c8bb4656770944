"""When entries were read: held in memory, and written down where and when that is cheap.

Reading an entry keeps it from eviction. Writing that down with each read would make every reader
wait for every writer, and reading impossible where nothing can be written.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

_EVERY = 30.0  # seconds
_MOST = 20_000  # keys


class Uses:
    """The reads of one process that are not written down yet. Safe to use from any thread."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._read_at: dict[str, float] = {}
        self._hits = self._misses = 0
        self._next = time.monotonic() + _EVERY

    def hit(self, key: str) -> None:
        """An entry was read."""
        with self._lock:
            self._hits += 1
            if len(self._read_at) < _MOST or key in self._read_at:
                self._read_at[key] = time.time()
        self._now_and_then()

    def miss(self) -> None:
        """An entry was asked for that was not there."""
        with self._lock:
            self._misses += 1
        self._now_and_then()

    @property
    def pending(self) -> tuple[int, int]:
        """Hits and misses that are not written down yet."""
        with self._lock:
            return self._hits, self._misses

    def _now_and_then(self) -> None:
        if time.monotonic() > self._next:
            self.write_down()

    def write_down(self, patience: float = 0.0) -> None:
        """Write all of it to the database, or none where that is not possible now.

        patience: seconds to wait for a lock.
        """
        with self._lock:
            self._next = time.monotonic() + _EVERY
            read_at, hits, misses = self._read_at, self._hits, self._misses
            if not hits and not misses:
                return
            self._read_at, self._hits, self._misses = {}, 0, 0
        try:
            self._write(read_at, hits, misses, patience)
        except sqlite3.Error:  # locked, read-only, full or gone: later, perhaps
            with self._lock:
                self._read_at = read_at | self._read_at
                self._hits += hits
                self._misses += misses

    def _write(self, read_at: dict[str, float], hits: int, misses: int, patience: float) -> None:
        uri = f"{self._database.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "UPDATE Cache SET access_time = ? WHERE key = ? AND raw = 1 AND access_time < ?",
                [(at, key, at) for key, at in read_at.items()],
            )
            for name, count in (("hits", hits), ("misses", misses)):
                database.execute(
                    "UPDATE Settings SET value = value + ? WHERE key = ?", (count, name)
                )
            database.execute("COMMIT")
