"""Packs: entries of a store as one zip file, to be shared, and read without trusting it.

A pack holds `manifest.json`, which lists key, SHA-256 and size of every entry, and one member per
entry, named by its key. Nothing in it is pickled or unpacked to disk.
"""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from explorer.files import replacing

from . import frame, settings
from .errors import CacheError
from .store import Store

_MANIFEST = "manifest.json"
_FORMAT = "iri-explorer-pack-1"
_MANIFEST_LIMIT = 32 * 10**6  # bytes
_ENTRY_LIMIT = 64 * 10**6  # bytes
_READ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (  # what zipfile is known to raise on damaged files
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class ImportReport:
    """Which of a pack's entries were imported, present already or refused."""

    imported: tuple[str, ...]
    present: tuple[str, ...]  # keys that the store had already and did not change
    refused: tuple[tuple[str, str], ...]  # name and reason


def export_pack(store: Store, path: str | Path, keys: Iterable[str] | None = None) -> int:
    """Write entries, all of the data directory unless keys are given, to a pack; returns how many.

    Damaged entries are left out.

    Raises
    ------
    CacheError
        If one of the given keys is not in the store, or the file cannot be written.
    """
    path = Path(path)
    wanted = store.keys() if keys is None else tuple(dict.fromkeys(keys))
    for key in wanted:
        if key not in store:
            raise CacheError(f"the cache has no entry {str(key)[:80]!r} to export.")
    rows = []
    try:
        with replacing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as pack:
            for key in wanted:
                data = store.get(key)
                if data is None:
                    continue
                pack.writestr(zipfile.ZipInfo(key), data)
                sha256 = hashlib.sha256(data).hexdigest()
                rows.append({"key": key, "sha256": sha256, "size": len(data)})
            manifest = json.dumps({"format": _FORMAT, "entries": rows}, indent=1)
            pack.writestr(zipfile.ZipInfo(_MANIFEST), manifest)
    except OSError as error:
        raise CacheError(
            f"the pack {path} cannot be written ({error.strerror or error})."
        ) from error
    return len(rows)


def import_pack(store: Store, path: str | Path) -> ImportReport:
    """Put a pack's entries into the store, each only if it is exactly what the manifest says.

    Keys that the store has already do not change. A member that the manifest does not list, or that
    is larger than it says, is refused without being unpacked further; so is one that would not fit
    into the store together with the rest of the pack.

    Raises
    ------
    CacheError
        If the file is not a pack, or nothing can be stored.
    """
    try:
        with zipfile.ZipFile(path) as pack:
            return _import(store, pack, _manifest(pack))
    except CacheError:
        raise
    except FileNotFoundError:
        raise CacheError(f"there is no pack {path}.") from None
    except _DAMAGE as error:
        raise CacheError(f"{path} is not a pack that can be read ({error}).") from error


def _manifest(pack: zipfile.ZipFile) -> dict[str, tuple[str, int]]:
    """SHA-256 and size by key, from the manifest of a pack."""
    try:
        listed = json.loads(_read(pack, pack.getinfo(_MANIFEST), _MANIFEST_LIMIT))
        if listed["format"] != _FORMAT:
            raise ValueError(f"its format is {str(listed['format'])[:40]!r}, not {_FORMAT!r}")
        rows = listed["entries"]
        manifest = {str(row["key"]): (str(row["sha256"]), int(row["size"])) for row in rows}
        if any(size < 0 for _, size in manifest.values()):
            raise ValueError("the size of an entry is negative")
        return manifest
    except (*_DAMAGE, KeyError, TypeError) as error:
        raise CacheError(f"the pack has no manifest that can be read ({error}).") from error


def _import(
    store: Store, pack: zipfile.ZipFile, manifest: dict[str, tuple[str, int]]
) -> ImportReport:
    imported: list[str] = []
    present: list[str] = []
    refused: list[tuple[str, str]] = []
    room = store.limit
    members = [member for member in pack.infolist() if member.filename != _MANIFEST]
    for name in manifest.keys() - {member.filename for member in members}:
        refused.append((name[:80], "is listed but not in the pack"))
    for member in members:
        key = member.filename
        if not settings.is_key(key):
            refused.append((key[:80], "is not a plain key"))
        elif key not in manifest:
            refused.append((key, "is not listed in the manifest, or is there twice"))
        elif manifest[key][1] + frame.OVERHEAD > min(room, _ENTRY_LIMIT):
            refused.append((key, "is larger than the space that is left in the cache"))
        elif key in store:
            present.append(key)
        else:
            try:
                data = _sound(pack, member, *manifest[key])
            except _DAMAGE as error:
                refused.append((key, str(error)))
            else:
                store.put(key, data)
                imported.append(key)
                room -= len(data) + frame.OVERHEAD
        manifest.pop(key, None)
    return ImportReport(tuple(imported), tuple(present), tuple(refused))


def _sound(pack: zipfile.ZipFile, member: zipfile.ZipInfo, sha256: str, size: int) -> bytes:
    """A member's bytes, if they are exactly what the manifest says; else ValueError or the like."""
    data = _read(pack, member, size)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("is not what the manifest says: its SHA-256 differs")
    return data


def _read(pack: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes; more than the limit are never unpacked, whatever its header says."""
    if member.compress_type not in _READ_METHODS:
        raise ValueError("is compressed in a way that is not read")
    with pack.open(member) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"unpacks to more than the {limit} bytes that it may have")
    return data
