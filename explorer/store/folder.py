"""The cache directory: private to its owner, and with nobody else's files in it."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from .errors import CacheError

log = logging.getLogger(__name__)

DATABASE = "cache.db"
"""The name of the database in the directory."""

_OURS = re.compile(r"cache\.db.*|[0-9a-f]{2}|study|lost\+found")


def make_private(directory: Path) -> None:
    """Create the directory for its owner only, or restrict an existing one to its owner.

    Raises CacheError where it contains other files, and OSError where it cannot be created.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    strangers = [path.name for path in directory.iterdir() if not _OURS.fullmatch(path.name)]
    if strangers:
        raise CacheError(
            "the cache directory contains other files; set IRI_CACHE_DIR to a new or empty one.",
            f"the cache directory {directory} contains other files ({strangers[0]!r}); "
            "set IRI_CACHE_DIR to a new or empty directory.",
        )
    if os.name == "posix" and directory.stat().st_mode & 0o077:
        try:
            directory.chmod(0o700)
        except OSError:
            log.warning("others on this machine can read the cache directory %s", directory)
