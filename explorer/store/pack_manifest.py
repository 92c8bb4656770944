"""What a pack lists, and reading its members without unpacking more than they may have."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TypeAlias

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
        listed = json.loads(read(pack, pack.getinfo(MANIFEST), _MANIFEST_LIMIT))
        stated = str(listed["format"])[:40]
        if stated not in (_FIRST, FORMAT) and stated.startswith(_FORMATS):
            raise CacheError(
                f"the pack is of another version: its format is {stated!r}, not {FORMAT!r}."
            )
        if stated not in (_FIRST, FORMAT):
            raise ValueError(f"its format is {stated!r}, not {FORMAT!r}")
        rows = listed["entries"]
        files = None if stated == _FIRST else listed["files"]
        return Manifest(
            _by_name(rows, "key"),
            None if files is None else _by_name(files, "name"),
            pack_signature.signed_by(listed, rows, files),
        )
    except CacheError:
        raise
    except (*DAMAGE, KeyError, TypeError) as error:
        raise CacheError(f"the pack has no manifest that can be read ({error}).") from error


def _by_name(rows: list[dict[str, object]], name: str) -> Listed:
    listed = {str(row[name]): (str(row["sha256"]), int(str(row["size"]))) for row in rows}
    if any(size < 0 for _, size in listed.values()):
        raise ValueError("the size of an entry is negative")
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
