"""What a pack lists, and reading its members without unpacking more than they may have."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import pack_signature
from .errors import CacheError

MANIFEST = "manifest.json"
_FORMATS = "iri-explorer-pack-"
_FIRST, FORMAT = f"{_FORMATS}1", f"{_FORMATS}2"
_MANIFEST_LIMIT = 8 * 10**6  # bytes
_SUM_RATIO = 20  # of all entries, unpacked, of a pack of which they take more than SUM_FROM
_SUM_FROM = 64 * 10**6
_READ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (  # what zipfile is known to raise on damaged files
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)


Listed: TypeAlias = "dict[str, tuple[str, int]]"
"""SHA-256 and size in bytes by a member's name."""


@dataclass(frozen=True)
class Manifest:
    """What a pack lists, and the public key that signed it; None where nobody did.

    for_people: None of a pack of the first version, which did not list its page and pictures.
    """

    entries: Listed
    for_people: Listed | None
    public_key: bytes | None


def manifest_of(pack: zipfile.ZipFile) -> Manifest:
    """What the manifest of a pack says. Raises CacheError where it cannot be used."""
    try:
        listed = _manifest_in(pack)
        stated = str(listed.get("format"))[:40]
        if stated not in (_FIRST, FORMAT) and stated.startswith(_FORMATS):
            raise CacheError(
                f"the pack is of another version: its format is {stated!r}, not {FORMAT!r}."
            )
        if stated not in (_FIRST, FORMAT):
            raise ValueError(f"its format is {stated!r}, not {FORMAT!r}")
        entries = _by_name(listed, "entries", "key")
        files = None if stated == _FIRST else _by_name(listed, "files", "name")
        rows = listed["entries"], None if files is None else listed["files"]
        return Manifest(entries, files, pack_signature.signed_by(listed, *rows))
    except CacheError:
        raise
    except DAMAGE as error:
        raise CacheError(f"the pack has no manifest that can be read: {error}.") from error


def _manifest_in(pack: zipfile.ZipFile) -> dict[str, Any]:
    """The object in the manifest of a pack; ValueError where there is none."""
    try:
        data = read(pack, pack.getinfo(MANIFEST), _MANIFEST_LIMIT)
    except KeyError:
        raise ValueError(f"there is no {MANIFEST} in it") from None
    try:
        listed = json.loads(data)
    except RecursionError:
        raise ValueError(f"{MANIFEST} is nested too deeply") from None
    except ValueError:
        raise ValueError(f"{MANIFEST} is no JSON") from None
    if not isinstance(listed, dict):
        raise ValueError(f"{MANIFEST} holds no JSON object")
    return listed


def _by_name(manifest: dict[str, Any], part: str, name: str) -> Listed:
    """What a part of the manifest lists; ValueError names the row that does not say all."""
    rows = manifest.get(part)
    if not isinstance(rows, list):
        raise ValueError(f"{part!r} is no list")
    listed: Listed = {}
    for number, row in enumerate(rows, 1):
        fields = row if isinstance(row, dict) else {}
        key, sha256, size = (fields.get(field) for field in (name, "sha256", "size"))
        if not (isinstance(key, str) and isinstance(sha256, str)):
            raise ValueError(f"row {number} of {part!r} has no {name!r} or no 'sha256'")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"the 'size' in row {number} of {part!r} is no number of bytes")
        listed[key] = sha256, size
    return listed


def check_for_people(pack: zipfile.ZipFile, names: list[str], listed: Listed) -> None:
    """CacheError unless the members for people are, each once, what the manifest lists.

    names: of those that are in the pack, as often as they are.
    """
    try:
        if sorted(names) != sorted(listed):
            raise ValueError
        for name, (sha256, size) in listed.items():
            if hashlib.sha256(read(pack, pack.getinfo(name), size)).hexdigest() != sha256:
                raise ValueError
    except DAMAGE:
        raise CacheError(
            "the pack was changed after it was written: its page or pictures are not those that "
            "it lists."
        ) from None


def check_sum(pack: zipfile.ZipFile, unpacked: int) -> None:
    """CacheError where the entries together, in bytes, are far more than the pack's file."""
    file = pack.fp
    packed = 0 if file is None else file.seek(0, 2)
    if unpacked > max(_SUM_FROM, _SUM_RATIO * packed):
        raise CacheError(
            f"the pack is not opened: its entries unpack to more than {_SUM_RATIO} times its size."
        )


def read(pack: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes; more than the limit are never unpacked, whatever its header says."""
    if member.compress_type not in _READ_METHODS:
        raise ValueError("is compressed in a way that is not read")
    with pack.open(member) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"unpacks to more than the {limit} bytes that it may have")
    return data
