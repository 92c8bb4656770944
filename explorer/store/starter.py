"""The starter pack: finished results that ship with the app, read-only.

`cache/starter/` holds `manifest.json` and one file per entry, `<key>.zip`, with the unchanged
bytes. Without a pack there are no entries.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from explorer.files import write_atomically

from . import settings
from .errors import CacheError

log = logging.getLogger(__name__)

DIRECTORY = settings.starter_directory()
_MANIFEST = "manifest.json"
_FILE_KEY = re.compile(r"[a-z0-9_-]{1,200}")  # without ':' and '/', which file names cannot hold
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_SOUND = 10_000
_Version: TypeAlias = tuple[int, int, int]
_sound: set[tuple[Path, _Version, str]] = set()


@dataclass(frozen=True)
class Entry:
    """One finished result of the pack."""

    key: str
    sha256: str  # of the file
    title: str
    order: int  # in which a page lists it, from 0


def entries(directory: Path = DIRECTORY) -> tuple[Entry, ...]:
    """The pack's entries in their order; none if there is no pack or its manifest is damaged."""
    return tuple(by_key(directory).values())


def by_key(directory: Path = DIRECTORY) -> Mapping[str, Entry]:
    """The pack's entries by their keys, in their order; read again where the manifest changes."""
    try:
        return _listed(directory, _version(directory / _MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        log.warning("the starter pack in %s is not used: %s", directory, error)
        return {}


@lru_cache(maxsize=16)
def _listed(directory: Path, version: _Version) -> Mapping[str, Entry]:
    """What the manifest of this version lists, by key."""
    try:
        listed = json.loads((directory / _MANIFEST).read_text(encoding="utf-8"))["entries"]
        pack = [Entry(**row) for row in listed]
        if not all(
            _FILE_KEY.fullmatch(entry.key) and _SHA256.fullmatch(entry.sha256) for entry in pack
        ):
            raise ValueError("a key or SHA-256 is malformed")
        return {entry.key: entry for entry in sorted(pack, key=lambda entry: entry.order)}
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("the starter pack in %s is not used: %s", directory, error)
        return {}


def load(key: str, directory: Path = DIRECTORY) -> bytes | None:
    """The bytes of an entry, or None if the pack has none under this key or they are damaged."""
    entry = by_key(directory).get(key)
    return None if entry is None else _read(entry, directory)


def damaged(directory: Path = DIRECTORY) -> tuple[str, ...]:
    """The keys of entries whose file is missing or not what the manifest says."""
    return tuple(entry.key for entry in entries(directory) if _read(entry, directory) is None)


def write(new: Iterable[tuple[str, str, bytes]], directory: Path = DIRECTORY) -> tuple[Entry, ...]:
    """Build the pack from (key, title, bytes) in the order in which a page is to list them.

    Files of an earlier pack that are no longer listed are removed.

    Raises
    ------
    CacheError
        If a key occurs twice or cannot be a file name.
    """
    new = list(new)
    for key, _, _ in new:
        if not _FILE_KEY.fullmatch(key):
            raise CacheError(f"{key[:80]!r} cannot name a starter entry; use a-z, 0-9, '_', '-'.")
    if len({key for key, _, _ in new}) < len(new):
        raise CacheError("a key of the starter pack occurs twice; list each entry once.")
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for order, (key, title, data) in enumerate(new):
        write_atomically(directory / f"{key}.zip", data)
        written.append(Entry(key, hashlib.sha256(data).hexdigest(), title, order))
    text = json.dumps({"entries": [asdict(entry) for entry in written]}, indent=2)
    write_atomically(directory / _MANIFEST, f"{text}\n".encode())
    listed = {f"{entry.key}.zip" for entry in written}
    for path in directory.glob("*.zip"):
        if path.name not in listed:
            path.unlink()
    return tuple(written)


def _read(entry: Entry, directory: Path) -> bytes | None:
    """An entry's bytes; None where they are not what the manifest says."""
    path = directory / f"{entry.key}.zip"
    try:
        version, data = _version(path), path.read_bytes()
    except OSError as error:
        log.warning("the starter entry %s cannot be read: %s", entry.key, error)
        return None
    sound = (path, version, entry.sha256)
    if sound not in _sound:  # a file that did not change since is not checked again
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            log.warning("the starter entry %s is not used: its SHA-256 differs", entry.key)
            return None
        if len(_sound) < _MOST_SOUND:
            _sound.add(sound)
    return data


def _version(path: Path) -> _Version:
    """What changes whenever a file does."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
