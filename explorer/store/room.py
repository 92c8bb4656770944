"""Whether a new entry could be stored now: tried, not guessed, in a few milliseconds."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
from pathlib import Path

from .errors import CacheError
from .folder import DATABASE, make_private

log = logging.getLogger(__name__)

_LOCK_WAIT = 0.3  # seconds
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The system's errors where there is no room for more."""

DISK_FULL = "The disk of the result cache is full, so new results are not kept."
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def why_no_room(directory: Path, n_bytes: int) -> str | None:
    """Why an entry of so many bytes cannot be stored now, as a sentence without paths; else None.

    Disk full or read-only, quota reached, database locked by another program, directory unusable.
    """
    try:
        make_private(directory)
        _reserve(directory, n_bytes)
        _try_lock(directory / DATABASE)
    except CacheError as error:
        log.debug("%s", error.for_operator)
    except OSError as error:
        log.debug("nothing can be stored in the cache %s: %s", directory, error)
        if error.errno in FULL:
            return DISK_FULL
        if error.errno in _READ_ONLY:
            return "The result cache is read-only here, so new results are not kept."
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return (
                "Another program has locked the result cache, so new results are not kept "
                "until it lets go."
            )
        if name.startswith("SQLITE_FULL"):
            return DISK_FULL
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return "The result cache is read-only here, so new results are not kept."
        return None  # damaged: it heals with the next write
    else:
        return None
    return "The result cache cannot be used here, so new results are not kept."


def _reserve(directory: Path, n_bytes: int) -> None:
    """Take so many bytes of the disk and give them back; OSError where there are not as many."""
    path = directory / f"{DATABASE}.trial-{os.getpid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with contextlib.suppress(FileNotFoundError):  # another thread was quicker
            path.unlink()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, max(n_bytes, 1))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> None:
    """Begin to write to the database and take it back; sqlite3.Error where that cannot be."""
    if not path.is_file():
        return
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(
        sqlite3.connect(uri, uri=True, timeout=_LOCK_WAIT, isolation_level=None)
    ) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
