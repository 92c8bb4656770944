"""Tokens: which jobs a browser may watch, signed by this process.

A key alone does not do: whoever knows what a picture holds can compute it, and would see the
preview of somebody else's uploaded picture.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from dataclasses import dataclass

MOST_KEYS = 48
"""So that a token fits into the address line that proxies take (some 4 KB)."""

_MOST_CHARACTERS = 6_000
_MOST_BYTES = 20_000
_TAG_BYTES = 16
_secret = secrets.token_bytes(32)


@dataclass(frozen=True)
class Watched:
    """What a token allows to watch.

    keys: of jobs, at most MOST_KEYS. steps_before: of the search that the only job goes on from;
    its status counts on from there. visitor: whose connections are counted together. is_nudge: the
    browser is told only that something has changed.
    """

    keys: tuple[str, ...]
    steps_before: int = 0
    visitor: str = ""
    is_nudge: bool = False


def token(watched: Watched) -> str:
    """The token that allows to watch these jobs, as long as this process lives: URL-safe text.

    Of more than MOST_KEYS keys the first are watched.
    """
    keys = watched.keys[:MOST_KEYS]
    plain = json.dumps([keys, watched.steps_before, watched.visitor, watched.is_nudge])
    packed = zlib.compress(plain.encode())
    return base64.urlsafe_b64encode(_tag(packed) + packed).decode().rstrip("=")


def watched_by(text: str) -> Watched | None:
    """What a token allows; None for a text that this process has not signed."""
    if len(text) > _MOST_CHARACTERS:
        return None
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    tag, packed = data[:_TAG_BYTES], data[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(packed)):
        return None
    plain = zlib.decompressobj().decompress(packed, _MOST_BYTES)
    keys, *others = json.loads(plain)
    return Watched(tuple(keys), *others)


def _tag(packed: bytes) -> bytes:
    return hmac.digest(_secret, packed, hashlib.sha256)[:_TAG_BYTES]
