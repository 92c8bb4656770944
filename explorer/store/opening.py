"""Open the cache directory for writing, and start afresh if its database is broken."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from .disk import PlainCache
from .errors import CacheError
from .folder import DATABASE, make_private
from .room import why_no_room

log = logging.getLogger(__name__)

_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_FORMAT", "SQLITE_SCHEMA")
_NOT_NOW = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY")
_COLUMNS = "key, raw, store_time, expire_time, access_time, size, mode, filename, value"


def open_cache(directory: Path, patience: float) -> PlainCache:
    """The cache in this directory, which is created where it does not exist.

    A damaged database is moved aside (`cache.db.damaged`) and a new one created. patience: seconds
    to wait for a lock.

    Raises
    ------
    CacheError
        If the directory cannot be created, written or used, or contains other files.
    """
    try:
        make_private(directory)
        try:
            return _opened(directory, patience)
        except sqlite3.Error as error:
            if error_name(error).startswith(_NOT_NOW):
                raise
            set_aside_if_damaged(directory, error)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            set_aside(directory, error)  # settings that diskcache does not write
        return _opened(directory, patience)
    except CacheError:
        raise
    except (OSError, sqlite3.Error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        if directory.is_dir() and (why := why_no_room(directory, 0)):
            detail = f"{directory}: {reason}; IRI_CACHE_DIR may name another directory"
            raise CacheError(why, f"{why} ({detail})") from error
        advice = "set IRI_CACHE_DIR to a directory that can be written."
        raise CacheError(
            f"the cache directory cannot be used ({reason}); {advice}",
            f"the cache directory {directory} cannot be used ({reason}); {advice}",
        ) from error


def _opened(directory: Path, patience: float) -> PlainCache:
    """Open the database, which diskcache alone would try for a minute where it is locked."""
    path = directory / DATABASE
    if path.is_file():
        with contextlib.closing(
            sqlite3.connect(path, timeout=patience, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    return PlainCache(directory)


def error_name(error: BaseException) -> str:
    """SQLite's name of an error, such as SQLITE_BUSY; "" of another."""
    return getattr(error, "sqlite_errorname", None) or ""


def set_aside_if_damaged(directory: Path, reason: BaseException) -> None:
    """Move the database aside if SQLite finds it damaged or it does not belong to a cache.

    A lock, a full disk or too many open files are not damage: then nothing is moved.
    """
    path = directory / DATABASE
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0.3)) as database:
            database.execute(f"SELECT {_COLUMNS} FROM Cache LIMIT 1")
            database.execute("SELECT key, value FROM Settings")
            if database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return
    except sqlite3.Error as error:
        if path.is_file() and not error_name(error).startswith(_DAMAGE):
            return
    set_aside(directory, reason)


def set_aside(directory: Path, reason: BaseException) -> None:
    """Rename the database to `cache.db.damaged`; `salvage` finds again what it named.

    Where nothing can be written, it stays.
    """
    log.warning("the cache in %s is damaged (%s); starting a new one", directory, reason)
    try:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(
                    directory / f"{DATABASE}{suffix}", directory / f"{DATABASE}.damaged{suffix}"
                )
    except OSError as error:
        log.warning("the damaged cache in %s cannot be moved aside: %s", directory, error)
