"""The database of a cache directory: reading that needs no writing, and writing that heals it."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from . import signing
from .errors import CacheError
from .folder import DATABASE
from .room import DISK_FULL, FULL, why_no_room
from .rows import Rows
from .salvage import is_lost, is_unnamed, salvage
from .unsigned import is_new, sort_out

if TYPE_CHECKING:
    from .disk import PlainCache

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds that writing waits for a locked database."""

_T = TypeVar("_T")


class Database:
    """Reads by `Rows`, writes by `PlainCache`. Safe to use from any thread.

    Nothing is opened before the first use, and nothing is created before the first write.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows = Rows(directory)
        self._lock = threading.Lock()
        self._cache: PlainCache | None = None
        self._opened: tuple[int, int] | None = None  # which file the open cache writes to

    def query(self, ask: Callable[[Rows], _T]) -> _T:
        """Ask the rows; if the database is damaged, repair that and ask once more."""
        try:
            if not is_lost(self.directory):
                return ask(self.rows)
        except sqlite3.Error as error:
            self._repair(self._cache, error)
        if is_lost(self.directory):
            with contextlib.suppress(CacheError, sqlite3.Error, OSError):
                self._attempt(lambda cache: None, PATIENCE)
        try:
            return ask(self.rows)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def write(self, action: Callable[[PlainCache], _T], patience: float = PATIENCE) -> _T:
        """Run an action on the open cache; if its database fails, repair that and retry once.

        patience: seconds to wait for a lock. Raises CacheError where nothing can be written.
        """
        try:
            return self._attempt(action, patience)
        except OSError as error:
            raise self._failed(error) from error
        except sqlite3.Error as error:
            if why := why_no_room(self.directory, 0):
                raise self._failed(error, why) from error
            self._repair(self._cache, error)
        try:
            return self._attempt(action, patience)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    @property
    def can_be_read(self) -> bool:
        """Whether there is a database, and it answers."""
        try:
            self.query(Rows.total)
        except CacheError:
            return False
        return self.rows.exist

    def _attempt(self, action: Callable[[PlainCache], _T], patience: float) -> _T:
        for is_again in (False, True):
            cache = self._open(patience)
            opened = self._opened
            with cache.waiting(patience):
                done = action(cache)
            if is_again or opened == self._there():
                break
            # It was deleted meanwhile: what was written went into a file that is gone.
        self.rows.see_changes()
        return done

    def _there(self) -> tuple[int, int] | None:
        """Which file the database is now, which may be another than the one that was opened."""
        try:
            found = os.stat(self.directory / DATABASE)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _failed(self, error: Exception, why: str | None = None) -> CacheError:
        """What to say of a disk or a database that failed. why: what is known already."""
        why = why or why_no_room(self.directory, 0)
        if why is None and getattr(error, "errno", None) in FULL:
            why = DISK_FULL
        why = why or "The result cache cannot be used at the moment."
        return CacheError(why, f"{why} ({self.directory}: {error or type(error).__name__})")

    def signer(self) -> signing.Installation | None:
        """Who signs the entries; None where there is no key, so that none of them is trusted."""
        try:
            return signing.installation(self.directory)
        except CacheError as error:
            log.warning("no entry of the cache is used: %s", error.for_operator)
            return None

    def salvage(self) -> int:
        """Take in files that no row names; returns how many were deleted, being no entries."""
        signer = self.signer()
        return 0 if signer is None else self.write(lambda cache: salvage(cache, signer))

    def close(self) -> None:
        """Close this thread's connections; they open again when they are needed."""
        self.rows.close()
        with self._lock:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _open(self, patience: float) -> PlainCache:
        if not self._lock.acquire(timeout=max(patience, 0.1)):
            raise sqlite3.OperationalError("another thread waits for the locked database")
        try:
            if self._cache is not None and self._opened != self._there():
                log.warning("the cache in %s was deleted or replaced", self.directory)
                self._cache.close()
                self._cache = None
            if self._cache is None:
                from .opening import open_cache

                cache = open_cache(self.directory, patience)
                signer = self.signer()
                if signer is not None:
                    if is_new(cache) or is_unnamed(cache):
                        salvage(cache, signer)
                    sort_out(cache, signer)
                self._cache, self._opened = cache, self._there()
            return self._cache
        finally:
            self._lock.release()

    def _repair(self, cache: PlainCache | None, error: BaseException) -> None:
        from .opening import set_aside_if_damaged

        with self._lock:
            if self._cache is cache:  # else another thread has repaired it meanwhile
                self.rows.close()
                if cache is not None:
                    cache.close()
                self._cache = None
                set_aside_if_damaged(self.directory, error)
