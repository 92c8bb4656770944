"""The store: bytes under string keys, on disk, shared by threads and processes."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from . import frame, settings, starter
from .errors import CacheError, DamagedEntry

if TYPE_CHECKING:
    from .disk import PlainCache

log = logging.getLogger(__name__)

_ORPHAN_AGE = 3600.0  # seconds; a younger file may belong to a write that is under way
_RESULT_KEY = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Stats:
    """How full the cache is, and how often it had what was asked for."""

    directory: Path
    entries: int
    bytes: int
    limit: int  # bytes
    hits: int  # reads that the data directory answered, of all processes since its creation
    misses: int
    starter_entries: int


@dataclass(frozen=True)
class Verification:
    """The outcome of checking every entry. Damaged entries have been dropped."""

    checked: int
    damaged: tuple[tuple[str, str], ...]  # key and what was wrong
    orphans: int  # files without an entry, removed
    damaged_starter: tuple[str, ...]  # keys of the starter pack, which is not changed


class Store:
    """Bytes on disk under keys; the least recently used go when the size limit is reached.

    Every entry is checked against its SHA-256 when it is read: a damaged one is dropped and counts
    as absent, so that it is computed again. Keys that are not in the data directory are looked up
    in the starter pack. Threads and processes may share a store; nothing is opened before the first
    use.

    Parameters
    ----------
    directory : of the data; IRI_CACHE_DIR or `cache/data/` unless given
    limit : bytes; IRI_CACHE_LIMIT or 2 GB unless given
    starter_directory : of the read-only starter pack; `cache/starter/` unless given
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        limit: int | None = None,
        starter_directory: str | Path | None = None,
    ) -> None:
        self.directory = Path(directory) if directory else settings.data_directory()
        self.limit = settings.size_limit() if limit is None else limit
        self._starter = Path(starter_directory) if starter_directory else starter.DIRECTORY
        self._lock = threading.Lock()
        self._cache: PlainCache | None = None

    def check(self) -> None:
        """Open the data directory, which is created where it does not exist.

        Raises CacheError where it cannot be used.
        """
        self._attempt(lambda cache: cache.total())

    def get(self, key: str) -> bytes | None:
        """The bytes under this key, or None if there are none or they were damaged."""
        if not settings.is_key(key):
            return None
        try:
            data = self._attempt(lambda cache: _read(cache, key))
        except CacheError as error:
            log.warning("could not read %s from the cache: %s", key, error)
            data = None
        return starter.load(key, self._starter) if data is None else data

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key, whole or not at all, and evict the entries that no longer fit.

        Raises
        ------
        CacheError
            If the key is malformed, the data are not bytes or larger than the size limit, or the
            directory cannot be written.
        """
        settings.check_key(key)
        if type(data) is not bytes:
            raise CacheError(f"the cache stores bytes, not {type(data).__name__}.")
        framed = frame.wrap(data)
        if len(framed) > self.limit:
            raise CacheError(
                f"an entry of {len(data) / 1e6:.1f} MB does not fit into the cache, whose limit is "
                f"{self.limit / 1e6:.1f} MB; raise IRI_CACHE_LIMIT."
            )

        def write(cache: PlainCache) -> None:
            cache.set(key, framed)
            for evicted in cache.evict_to(self.limit, keep=key):
                log.info("evicted %s", evicted)

        try:
            self._attempt(write)
        except OSError as error:
            raise CacheError(
                f"nothing can be written to the cache in {self.directory} ({error})."
            ) from error

    def __contains__(self, key: object) -> bool:
        """Whether there are bytes under this key; only reading tells whether they are sound."""
        if not settings.is_key(key):
            return False
        try:
            if self._attempt(lambda cache: key in cache):
                return True
        except CacheError as error:
            log.warning("could not look up %s in the cache: %s", key, error)
        return any(entry.key == key for entry in starter.entries(self._starter))

    def delete(self, key: str) -> bool:
        """Delete the entry of this key; returns whether there was one.

        The starter pack does not change.
        """
        return settings.is_key(key) and self._attempt(lambda cache: cache.delete(key))

    def keys(self) -> tuple[str, ...]:
        """The keys in the data directory, oldest first, without those of the starter pack."""
        return tuple(self._attempt(lambda cache: cache.text_keys()))

    def results(self, prefix: str) -> tuple[str, ...]:
        """The keys of results, 64 hexadecimal digits, that begin with these digits.

        Those of the starter pack are among them.
        """
        shipped = (entry.key for entry in starter.entries(self._starter))
        begins = {key for key in (*self.keys(), *shipped) if key.startswith(prefix)}
        return tuple(sorted(key for key in begins if _RESULT_KEY.fullmatch(key)))

    def stats(self) -> Stats:
        """Entries, bytes, hits and misses."""
        entries, size = self._attempt(lambda cache: cache.total())
        hits, misses = self._attempt(lambda cache: cache.stats())
        return Stats(
            directory=self.directory,
            entries=entries,
            bytes=size,
            limit=self.limit,
            hits=hits,
            misses=misses,
            starter_entries=len(starter.entries(self._starter)),
        )

    def verify(self) -> Verification:
        """Check every entry against its SHA-256 and drop those that are damaged."""
        row_ids = self._attempt(lambda cache: cache.row_ids())
        damaged = []
        for row_id in row_ids:
            problem = self._attempt(_row_check(row_id))
            if problem:
                log.warning("dropped the cache entry %s: it %s", *problem)
                damaged.append(problem)
        return Verification(
            checked=len(row_ids),
            damaged=tuple(damaged),
            orphans=self._attempt(lambda cache: cache.remove_orphans(_ORPHAN_AGE)),
            damaged_starter=starter.damaged(self._starter),
        )

    def clear(self) -> int:
        """Delete every entry of the data directory; returns how many there were."""
        return self._attempt(lambda cache: cache.clear())

    def close(self) -> None:
        """Close this thread's connection; the store opens again when it is used."""
        with self._lock:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _attempt(self, action: Callable[[PlainCache], _T]) -> _T:
        """Run an action on the open cache; if its database fails, repair that and retry once."""
        try:
            cache = self._open()
            return action(cache)
        except _database_errors() as error:
            self._repair(cache, error)
        try:
            return action(self._open())
        except _database_errors() as error:
            raise CacheError(
                f"the cache in {self.directory} cannot be used ({error or 'it stays locked'})."
            ) from error

    def _open(self) -> PlainCache:
        with self._lock:
            if self._cache is None:
                from .opening import open_cache

                self._cache = open_cache(self.directory)
            return self._cache

    def _repair(self, cache: PlainCache, error: BaseException) -> None:
        from .opening import set_aside_if_damaged

        with self._lock:
            if self._cache is cache:  # else another thread has repaired it meanwhile
                cache.close()
                self._cache = None
                set_aside_if_damaged(self.directory, error)


def _read(cache: PlainCache, key: str) -> bytes | None:
    try:
        framed = cache.get(key)
        return None if framed is None else frame.unwrap(framed)
    except DamagedEntry as damage:
        log.warning("dropped the cache entry %s: it %s", key, damage)
        cache.delete(key)
        return None


def _row_check(row_id: int) -> Callable[[PlainCache], tuple[str, str] | None]:
    return lambda cache: cache.check_row(row_id, _check)


def _check(key: str, framed: object) -> None:
    if not settings.is_key(key):
        raise DamagedEntry("has a key that this cache does not write")
    frame.unwrap(framed)


def _database_errors() -> tuple[type[Exception], ...]:
    from .disk import DATABASE_ERRORS

    return DATABASE_ERRORS
