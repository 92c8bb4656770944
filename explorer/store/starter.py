"""The starter pack: finished results that ship with the app, read-only.

`cache/starter/` holds `manifest.json` and one file per entry, `<key>.zip`, with the unchanged
bytes. Without a pack there are no entries.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from explorer.files import write_atomically

from . import settings
from .errors import CacheError

log = logging.getLogger(__name__)

DIRECTORY = settings.starter_directory()
_MANIFEST = "manifest.json"
_FILE_KEY = re.compile(r"[a-z0-9_-]{1,200}")  # without ':' and '/', which file names cannot hold
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One finished result of the pack."""

    key: str
    sha256: str  # of the file
    title: str
    order: int  # in which a page lists it, from 0


def entries(directory: Path = DIRECTORY) -> tuple[Entry, ...]:
    """The pack's entries in their order; none if there is no pack or its manifest is damaged."""
    try:
        listed = json.loads((directory / _MANIFEST).read_text(encoding="utf-8"))["entries"]
        pack = [Entry(**row) for row in listed]
        if not all(
            _FILE_KEY.fullmatch(entry.key) and _SHA256.fullmatch(entry.sha256) for entry in pack
        ):
            raise ValueError("a key or SHA-256 is malformed")
        return tuple(sorted(pack, key=lambda entry: entry.order))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("the starter pack in %s is not used: %s", directory, error)
        return ()


def load(key: str, directory: Path = DIRECTORY) -> bytes | None:
    """The bytes of an entry, or None if the pack has none under this key or they are damaged."""
    for entry in entries(directory):
        if entry.key == key:
            return _read(entry, directory)
    return None


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
    try:
        data = (directory / f"{entry.key}.zip").read_bytes()
    except OSError as error:
        log.warning("the starter entry %s cannot be read: %s", entry.key, error)
        return None
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        log.warning("the starter entry %s is not used: its SHA-256 differs", entry.key)
        return None
    return data
