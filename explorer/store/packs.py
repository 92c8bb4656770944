"""Packs: entries of a store as one zip file, to be shared, and read without trusting it.

A pack holds `manifest.json`, which lists key, SHA-256 and size of every entry and is signed by the
installation that exported it (`pack_signature`), and one member per entry, named by its key. What
else it may hold is for people: the page `index.html`, and the folder `results`, of which only the
SHA-256 is checked; the manifest lists and the signature covers them, too. Nothing in it is pickled
or unpacked to disk.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from explorer.files import replacing

from . import frame, pack_signature, settings, signers, signing
from .errors import CacheError
from .pack_manifest import DAMAGE, FORMAT, MANIFEST, check_for_people, check_sum, manifest_of, read
from .signers import Signer
from .store import Store

PAGE, FOLDER = "index.html", "results/"
"""What is in a pack for people."""

_ENTRY_LIMIT = 64 * 10**6  # bytes
_RATIO_LIMIT = 200  # of an entry of more than RATIO_FROM bytes to what it takes in the pack
_RATIO_FROM = 10**6

PackFile: TypeAlias = "str | Path | BinaryIO"
Members = Mapping[str, bytes]
Put = Callable[[str, bytes, bytes], None]
"""Stores an entry: its key, its bytes, and its origin as of `frame.wrap`."""

Progress = Callable[[int, int], None]
"""Told how many entries are done, and of how many."""


class Exported(Protocol):
    """What is exported: a store, or what gives entries as one does."""

    @property
    def directory(self) -> Path: ...
    def keys(self) -> tuple[str, ...]: ...
    def __contains__(self, key: object) -> bool: ...
    def get(self, key: str) -> bytes | None: ...


@dataclass(frozen=True)
class ForPeople:
    """What a pack holds besides its entries.

    of_entry: from key and bytes of an entry, the members that show it, in FOLDER. at_the_end: the
    members that show all.
    """

    of_entry: Callable[[str, bytes], Members]
    at_the_end: Callable[[], Members]


@dataclass(frozen=True)
class ImportReport:
    """Which of a pack's entries were imported, present already or refused.

    signed_by: who exported the pack, so far as it is known here; None where nobody signed it.
    page_is_signed: whether its page and pictures for people are signed, too; those of packs of the
    first version are not.
    """

    imported: tuple[str, ...]
    present: tuple[str, ...]  # keys that the store had already and did not change
    refused: tuple[tuple[str, str], ...]  # name and reason
    signed_by: Signer | None = None
    page_is_signed: bool = False


def export_pack(
    store: Exported,
    path: str | Path,
    keys: Iterable[str] | None = None,
    for_people: ForPeople | None = None,
    progress: Progress | None = None,
) -> int:
    """Write entries, all of the data directory unless keys are given, to a pack; returns how many.

    Damaged entries are left out.

    Raises
    ------
    CacheError
        If one of the given keys is not in the store, or the file cannot be written.
    """
    path = Path(path)
    wanted = store.keys() if keys is None else tuple(dict.fromkeys(keys))
    for key in () if keys is None else wanted:
        if key not in store:
            raise CacheError(f"the cache has no entry {str(key)[:80]!r} to export.")
    rows, files = [], []
    try:
        with replacing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as pack:
            for done, key in enumerate(wanted):
                if progress is not None:
                    progress(done, len(wanted))
                data = store.get(key)
                if data is None:
                    continue
                pack.writestr(zipfile.ZipInfo(key), data)
                rows.append({"key": key, **_listed(data)})
                if for_people is not None:
                    files += _write(pack, for_people.of_entry(key, data))
            if for_people is not None:
                files += _write(pack, for_people.at_the_end())
            signature = pack_signature.sign(store.directory, rows, files)
            manifest = {"format": FORMAT, **signature, "entries": rows, "files": files}
            pack.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, indent=1))
    except OSError as error:
        reason = error.strerror or error
        raise CacheError(
            f"the pack cannot be written ({reason}).",
            f"the pack {path} cannot be written ({reason}).",
        ) from error
    return len(rows)


def _listed(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _write(pack: zipfile.ZipFile, members: Members) -> list[dict[str, object]]:
    """Write members; returns their rows in the manifest."""
    for name, data in members.items():
        member = zipfile.ZipInfo(name)
        packed = name.endswith((".png", ".webp"))
        member.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        member.external_attr = 0o644 << 16
        pack.writestr(member, data)
    return [{"name": name, **_listed(data)} for name, data in members.items()]


def import_pack(
    store: Store,
    path: PackFile,
    check: Callable[[str, bytes], None] | None = None,
    put: Put | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Put a pack's entries into the store, each only if it is exactly what the manifest says.

    Keys that the store has already do not change. A member that the manifest does not list, or that
    is larger than it says, is refused without being unpacked further; so is one that would not fit
    into the store together with what was unpacked of the pack before it.

    path: of the pack, or the open file itself. check: raises ValueError, with the reason, for an
    entry that must not be used. put: stores an entry; the store's own method unless given.

    Raises
    ------
    CacheError
        If the file is not a pack, was changed after it was written, or unpacks to far more than it
        takes; or nothing can be stored.
    """
    name = path if isinstance(path, str | Path) else "the file"
    try:
        with zipfile.ZipFile(path) as pack:
            return _Import(store, pack, check or _no_check, put or store.put).run(progress)
    except CacheError:
        raise
    except FileNotFoundError:
        raise CacheError("there is no pack of this name.", f"there is no pack {name}.") from None
    except DAMAGE as error:
        what = f"is not a pack that can be read ({error})."
        raise CacheError(f"the file {what}", f"{name} {what}") from error


def _no_check(key: str, data: bytes) -> None: ...


class _Import:
    """One import: what of a pack was taken so far, and how much of the store's room is left."""

    def __init__(
        self,
        store: Store,
        pack: zipfile.ZipFile,
        check: Callable[[str, bytes], None],
        put: Put,
    ) -> None:
        self._store, self._pack, self._check, self._put = store, pack, check, put
        manifest = manifest_of(pack)
        self._manifest, public_key = manifest.entries, manifest.public_key
        every = (manifest.entries, manifest.for_people or {})
        check_sum(pack, sum(size for listed in every for _, size in listed.values()))
        if manifest.for_people is not None:
            names = [each for each in pack.namelist() if each != MANIFEST]
            names = [each for each in names if not self._is_entry(each)]
            check_for_people(pack, names, manifest.for_people)
        self._page_is_signed = public_key is not None and manifest.for_people is not None
        self._signer, self._origin = None, frame.UNSIGNED
        if public_key is not None:
            self._signer = signers.signer(store.directory, signing.fingerprint(public_key))
            self._origin = signing.digest(public_key)
        self._room = store.limit
        self._imported: list[str] = []
        self._present: list[str] = []
        self._refused: list[tuple[str, str]] = []

    def run(self, progress: Progress | None) -> ImportReport:
        members = [each for each in self._pack.infolist() if self._is_entry(each.filename)]
        for name in self._manifest.keys() - {member.filename for member in members}:
            self._refused.append((name[:80], "is listed but not in the pack"))
        for done, member in enumerate(members):
            if progress is not None:
                progress(done, len(members))
            self._take(member)
            self._manifest.pop(member.filename, None)
        return ImportReport(
            tuple(self._imported),
            tuple(self._present),
            tuple(self._refused),
            self._signer,
            self._page_is_signed,
        )

    def _is_entry(self, name: str) -> bool:
        """Whether a member is to be an entry: neither the manifest nor for people."""
        return name in self._manifest or not (
            name in (MANIFEST, PAGE) or (name.startswith(FOLDER) and ".." not in name)
        )

    def _take(self, member: zipfile.ZipInfo) -> None:
        key = member.filename
        reason = self._why_not_read(member)
        if reason:
            self._refused.append((key[:80], reason))
        elif key in self._store:
            self._present.append(key)
        else:
            try:
                data = self._sound(member, *self._manifest[key])
                self._check(key, data)
            except DAMAGE as error:
                self._refused.append((key, str(error)))
            else:
                self._put(key, data, self._origin)
                self._imported.append(key)

    def _why_not_read(self, member: zipfile.ZipInfo) -> str:
        """Why a member is not even unpacked; "" where it is."""
        key = member.filename
        if not settings.is_key(key):
            return "is not a plain key"
        if key not in self._manifest:
            return "is not listed in the manifest, or is there twice"
        size = self._manifest[key][1]
        if size + frame.OVERHEAD > min(self._room, _ENTRY_LIMIT):
            return "is larger than the space that is left in the cache"
        if size > max(_RATIO_FROM, _RATIO_LIMIT * member.compress_size):
            return f"unpacks to more than {_RATIO_LIMIT} times what it takes in the pack"
        return ""

    def _sound(self, member: zipfile.ZipInfo, sha256: str, size: int) -> bytes:
        """A member's bytes, if they are what the manifest says; else ValueError or the like."""
        self._room -= size + frame.OVERHEAD
        data = read(self._pack, member, size)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError("is not what the manifest says: its SHA-256 differs")
        return data
