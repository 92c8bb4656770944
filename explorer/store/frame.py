"""The frame around each stored value, by which an installation knows its own entries.

Magic with a version, which installation signed, where the entry came from, SHA-256 of the payload,
HMAC-SHA256 of all this and the entry's key, payload. So a damaged entry, a forged one, one of
another installation and one under another's key are all found out when they are read.
"""

from __future__ import annotations

import hashlib
import hmac

from .errors import DamagedEntry
from .signing import FINGERPRINT_BYTES, KEY_ID_BYTES, Installation, shown

MADE_HERE = bytes(FINGERPRINT_BYTES)
"""The origin of an entry that this installation made."""

UNSIGNED = b"\xff" * FINGERPRINT_BYTES
"""The origin of an entry from a pack that nobody signed, or of a version that did not sign."""

_MAGIC = b"IRICACHE\x02"  # the last byte is the version
_FIRST = b"IRICACHE\x01"  # followed by SHA-256 and payload
_ID = len(_MAGIC)
_ORIGIN = _ID + KEY_ID_BYTES
_LENGTH = _ORIGIN + FINGERPRINT_BYTES
_SHA256 = _LENGTH + 8
_TAG = _SHA256 + 32
OVERHEAD = _TAG + 32
"""Bytes that the frame adds to a payload, all of them before it."""


class NotSigned(DamagedEntry):
    """An entry that this installation has not signed."""


def wrap(signer: Installation, key: str, payload: bytes, origin: bytes = MADE_HERE) -> bytes:
    """The payload in its frame, signed as the entry of a key.

    origin: FINGERPRINT_BYTES of whoever signed the pack that it came in, or a constant of here.
    """
    length, digest = len(payload).to_bytes(8, "big"), hashlib.sha256(payload).digest()
    head = b"".join((_MAGIC, signer.key_id, origin, length, digest))
    return b"".join((head, signer.tag(head + key.encode()), payload))


def check_head(signer: Installation | None, key: str, head: bytes, size: int) -> None:
    """Raise DamagedEntry unless the first OVERHEAD bytes are a frame signed for this key.

    size: of frame and payload, in bytes, which has to be the one that was signed. NotSigned is
    raised where this installation did not sign; nothing need be unpacked or read to know.
    """
    if head.startswith(_FIRST):
        raise NotSigned("was stored by a version that did not sign, or by somebody else")
    if not head.startswith(_MAGIC) or len(head) < OVERHEAD:
        raise DamagedEntry("does not start with the frame of this cache")
    keys = () if signer is None else signer.all_keys
    key_used = next((each for each in keys if each.key_id == head[_ID:_ORIGIN]), None)
    if key_used is None:
        raise NotSigned("was not signed by this installation")
    if not hmac.compare_digest(key_used.tag(head[:_TAG] + key.encode()), head[_TAG:OVERHEAD]):
        raise DamagedEntry("is damaged or forged: its signature does not fit")
    if size != OVERHEAD + int.from_bytes(head[_LENGTH:_SHA256], "big"):
        raise DamagedEntry("is not what was stored: its length differs")


def check_payload(head: bytes, payload: bytes) -> None:
    """Raise DamagedEntry unless a payload is the one of a head that was checked."""
    if hashlib.sha256(payload).digest() != head[_SHA256:_TAG]:
        raise DamagedEntry("is not what was stored: its SHA-256 differs")


def is_framed(head: bytes) -> bool:
    """Whether bytes begin as a frame of any version does, whoever wrote it."""
    return head.startswith((_FIRST, _MAGIC))


def unsigned_payload(framed: bytes) -> bytes:
    """The payload of an entry that another installation or an earlier version stored.

    Only its SHA-256 is checked, which anybody can compute. Raises DamagedEntry.
    """
    if not is_framed(framed):
        raise DamagedEntry("does not start with the frame of this cache")
    first = framed.startswith(_FIRST)
    at, start = (_ID, _ID + 32) if first else (_SHA256, OVERHEAD)
    payload = framed[start:]
    if hashlib.sha256(payload).digest() != framed[at : at + 32]:
        raise DamagedEntry("is not what was stored: its SHA-256 differs")
    return payload


def origin(head: bytes) -> str | None:
    """Where an entry with a sound head came from: None if it was made here.

    Else the fingerprint of whoever signed the pack, or "unsigned".
    """
    found = head[_ORIGIN:_LENGTH]
    if found == MADE_HERE:
        return None
    return "unsigned" if found == UNSIGNED else shown(found)
