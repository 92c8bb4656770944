"""Open the cache directory: private to its owner, started afresh if its database is broken."""

import contextlib
import logging
import os
import re
import sqlite3
from pathlib import Path

from .disk import PlainCache, value_files
from .errors import CacheError

log = logging.getLogger(__name__)

_DATABASE = "cache.db"
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_FORMAT", "SQLITE_SCHEMA")
_OURS = re.compile(r"cache\.db.*|[0-9a-f]{2}|lost\+found")
_COLUMNS = "key, raw, store_time, expire_time, access_time, size, mode, filename, value"


def open_cache(directory: Path) -> PlainCache:
    """The cache in this directory, which is created where it does not exist.

    A damaged database is moved aside (`cache.db.damaged`) and a new one created.

    Raises
    ------
    CacheError
        If the directory cannot be created or written, or contains other files.
    """
    try:
        _make_private(directory)
        try:
            return PlainCache(directory)
        except sqlite3.Error as error:
            set_aside_if_damaged(directory, error)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            set_aside(directory, error)  # settings that diskcache does not write
        return PlainCache(directory)
    except (OSError, sqlite3.Error) as error:
        raise CacheError(
            f"the cache directory {directory} cannot be used ({_reason(error)}); "
            "set IRI_CACHE_DIR to a directory that can be written."
        ) from error


def _reason(error: OSError | sqlite3.Error) -> str:
    """Why it failed: `Permission denied`, `disk I/O error`."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def set_aside_if_damaged(directory: Path, reason: BaseException) -> None:
    """Move the database aside if SQLite finds it damaged or it does not belong to a cache.

    A lock, a full disk or too many open files are not damage: then nothing is moved.
    """
    path = directory / _DATABASE
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=5)) as database:
            database.execute(f"SELECT {_COLUMNS} FROM Cache LIMIT 1")
            database.execute("SELECT key, value FROM Settings")
            if database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if path.is_file() and not name.startswith(_DAMAGE):
            return
    set_aside(directory, reason)


def set_aside(directory: Path, reason: BaseException) -> None:
    """Rename the database to `cache.db.damaged` and delete the values that only it could name."""
    log.warning("the cache in %s is damaged (%s); starting a new one", directory, reason)
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(
                directory / f"{_DATABASE}{suffix}", directory / f"{_DATABASE}.damaged{suffix}"
            )
    for path in value_files(directory):
        path.unlink(missing_ok=True)


def _make_private(directory: Path) -> None:
    """Create the directory for its owner only, or restrict an existing one to its owner."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    strangers = [path.name for path in directory.iterdir() if not _OURS.fullmatch(path.name)]
    if strangers:
        raise CacheError(
            f"the cache directory {directory} contains other files ({strangers[0]!r}); "
            "set IRI_CACHE_DIR to a new or empty directory."
        )
    if os.name == "posix" and directory.stat().st_mode & 0o077:
        try:
            directory.chmod(0o700)
        except OSError:
            log.warning("others on this machine can read the cache directory %s", directory)
