"""The frame around each stored value: magic, version, SHA-256 of the payload, payload."""

import hashlib

from .errors import DamagedEntry

_MAGIC = b"IRICACHE\x01"  # the last byte is the version
OVERHEAD = len(_MAGIC) + hashlib.sha256().digest_size
"""Bytes that the frame adds to a payload."""


def wrap(payload: bytes) -> bytes:
    """The payload in its frame."""
    return b"".join((_MAGIC, hashlib.sha256(payload).digest(), payload))


def unwrap(framed: object) -> bytes:
    """The payload out of its frame.

    Raises
    ------
    DamagedEntry
        If the value is not bytes, the frame is another one, or the payload is not what was stored.
    """
    if type(framed) is not bytes:
        raise DamagedEntry(f"holds {type(framed).__name__}, not bytes")
    if not framed.startswith(_MAGIC) or len(framed) < OVERHEAD:
        raise DamagedEntry("does not start with the frame of this cache")
    payload = framed[OVERHEAD:]
    if hashlib.sha256(payload).digest() != framed[len(_MAGIC) : OVERHEAD]:
        raise DamagedEntry("is not what was stored: its SHA-256 differs")
    return payload
