"""Entries outlive their database: which file holds which entry is noted next to it, too.

Where the database is damaged, emptied or lost, the entries are found again by these notes, and by
nothing but their own signatures: a note proves nothing. Files of which there is no note are set
aside: what they are `iri cache sign` reads from themselves. Summaries and thumbnails in the
database itself are not among them; they are made again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import frame, settings
from .errors import DamagedEntry
from .folder import DATABASE
from .signing import Installation
from .values import IN_FILE, Row, is_value_file, opened, value_files

if TYPE_CHECKING:
    from .disk import PlainCache

log = logging.getLogger(__name__)

NOTES = "cache.db.entries"
_LARGEST = 8_000_000  # bytes of notes; then those of files that are gone are left out
_UNDER_WAY = 60.0  # seconds; a younger file may belong to a write of another process


def note(directory: Path, key: str, filename: str) -> None:
    """Note that a file holds an entry; where that cannot be written it is left."""
    path = directory / NOTES
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{filename} {key}\n".encode())
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size > _LARGEST:
            _write(directory, _noted(directory))


def salvage(cache: PlainCache, signer: Installation) -> int:
    """Take in the files that no row names; returns how many were none of entries, and deleted.

    Those that are noted and signed become entries again. Those that this installation did not sign
    or that nobody noted are set aside, so that they count towards the limit and can be signed.
    """
    directory = Path(cache.directory)
    named = {os.path.normpath(name) for name in cache.filenames() if isinstance(name, str)}
    found: dict[str, tuple[str, int]] = {}
    replaced: set[str] = set()  # files of keys that have a newer one
    count = removed = 0
    for filename, key in reversed(_noted(directory)):  # of two files of a key, the newer
        if filename not in named and (taken := _taken(directory, filename, key, signer)):
            known = found.setdefault(taken[0], (filename, taken[1]))
            if known[0] != filename:
                replaced.add(filename)
    for key, (filename, size) in reversed(found.items()):
        if cache.adopt(key, filename, size):
            named.add(filename)
            count += 1
        else:
            replaced.add(filename)
    for path in value_files(directory):
        filename = str(path.relative_to(directory))
        with contextlib.suppress(OSError):
            if filename in named or time.time() - path.stat().st_mtime < _UNDER_WAY:
                continue
            size = 0 if filename in replaced else _framed(directory, filename)
            if size:
                cache.adopt(f"{settings.SET_ASIDE}{settings.FOUND}{path.stem}", filename, size)
                count += 1
            else:
                path.unlink()
                removed += 1
    if count:
        log.warning("%d entries of the cache in %s were found again", count, directory)
    return removed


def _taken(
    directory: Path, filename: str, key: str, signer: Installation
) -> tuple[str, int] | None:
    """Under which key a noted file becomes an entry, and its size in bytes; None if it is none."""
    try:
        with opened(directory, Row(IN_FILE, filename, None)) as (file, size):
            try:
                frame.check_head(signer, key, file.read(frame.OVERHEAD), size)
            except frame.NotSigned:
                again = settings.attached_to(key) or key.startswith(settings.MEASURED_AGAIN)
                return None if again else (settings.SET_ASIDE + key, size)
            return key, size
    except (DamagedEntry, OSError):
        return None


def _framed(directory: Path, filename: str) -> int:
    """The size in bytes of a file that looks like an entry of some installation; 0 of another."""
    try:
        with opened(directory, Row(IN_FILE, filename, None)) as (file, size):
            return size if frame.is_framed(file.read(frame.OVERHEAD)) else 0
    except DamagedEntry:
        return 0


def is_unnamed(cache: PlainCache) -> bool:
    """Whether a database names no file, though there are notes of some that are there."""
    return not any(cache.filenames()) and bool(_noted(Path(cache.directory)))


def is_lost(directory: Path) -> bool:
    """Whether there were entries, but their database is gone."""
    return (directory / NOTES).is_file() and not (directory / DATABASE).is_file()


def _noted(directory: Path) -> list[tuple[str, str]]:
    """File and key of the notes whose files are there, oldest first."""
    try:
        with (directory / NOTES).open("rb") as file:
            lines = file.read(4 * _LARGEST).decode("ascii", "replace").splitlines()
    except OSError:
        return []
    noted = []
    for line in lines:
        filename, _, key = line.partition(" ")
        known = is_value_file(filename) and settings.is_key(key)
        if known and (directory / filename).is_file():
            noted.append((filename, key))
    return noted


def _write(directory: Path, noted: Sequence[tuple[str, str]]) -> None:
    new = directory / f"{NOTES}.new-{os.getpid()}"
    new.touch(mode=0o600)
    new.write_text("".join(f"{filename} {key}\n" for filename, key in noted))
    os.replace(new, directory / NOTES)
