"""Where the cache is stored, how large it may grow, and what a key looks like.

IRI_CACHE_DIR    directory of the data; unless set, `cache/data/` of a checkout, or
                 `~/.cache/iri-explorer` where the package is installed
IRI_SIGNING_KEY_FILE  the secret that signs entries (`signing.py`); next to the directory unless set
IRI_CACHE_LIMIT  size limit such as `500MB` or `2GB` (a plain number counts in MB); 2 GB unless set
"""

import os
import re
from pathlib import Path

from explorer.files import CHECKOUT, expanded

from .errors import CacheError

DEFAULT_LIMIT = 2 * 10**9  # bytes

SUMMARY, THUMBNAIL = "summary:", "thumbnail:"
SET_ASIDE = "unsigned:"
"""Prefix of the keys of entries that this installation has not signed, which are never read."""

FOUND = "found:"
"""After SET_ASIDE, what a file was found by whose key nobody knows any more."""

MEASURED_AGAIN = ("pace:",)
"""Prefixes of keys of what is made again by the way, and so is dropped, not set aside."""

SIGNED_BY = "iri_signer"
"""In the database's settings: which installation has looked at all its entries."""

ATTACHED = (SUMMARY, THUMBNAIL)
"""Prefixes of keys whose entries belong to that of the rest of the key, and go with it."""

_KEY = re.compile(r"[a-z0-9:_-]+(/[a-z0-9:_-]+)*")
_LONGEST_KEY = 200
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB)?", re.IGNORECASE)


def data_directory() -> Path:
    """The directory that IRI_CACHE_DIR names, or the default one."""
    chosen = os.environ.get("IRI_CACHE_DIR", "").strip()
    if chosen:
        return expanded("IRI_CACHE_DIR", chosen)
    if CHECKOUT:
        return CHECKOUT / "cache" / "data"
    caches = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return expanded("IRI_CACHE_DIR", caches) / "iri-explorer"


def starter_directory() -> Path:
    """Where the starter results are: `cache/starter/` of a checkout, else in the package."""
    if CHECKOUT:
        return CHECKOUT / "cache" / "starter"
    return Path(__file__).parent / "starter_results"


def size_limit() -> int:
    """The limit in bytes that IRI_CACHE_LIMIT sets, or 2 GB.

    Raises
    ------
    CacheError
        If the variable is not a size of at least 1 MB.
    """
    chosen = os.environ.get("IRI_CACHE_LIMIT", "").strip()
    if not chosen:
        return DEFAULT_LIMIT
    match = _LIMIT.fullmatch(chosen)
    unit = 10**9 if match and (match[2] or "").upper() == "GB" else 10**6
    limit = int(float(match[1]) * unit) if match else 0
    if limit < 10**6:
        raise CacheError(
            f"the size limit of the cache is {chosen!r}; set IRI_CACHE_LIMIT to at least 1 MB, "
            "such as 500MB or 2GB."
        )
    return limit


def is_key(key: object) -> bool:
    """Whether this is a key: 1–200 of a–z, 0–9, `:`, `_`, `-`, in parts that `/` joins."""
    return type(key) is str and len(key) <= _LONGEST_KEY and _KEY.fullmatch(key) is not None


def attached_to(key: str) -> str | None:
    """The key of the entry that the one of this key belongs to; None where it is its own."""
    return next((key[len(prefix) :] for prefix in ATTACHED if key.startswith(prefix)), None)


def check_key(key: object) -> None:
    """Raise CacheError unless this is a key."""
    if not is_key(key):
        shown = repr(key)[:80]
        raise CacheError(
            f"{shown} is not a valid key; use up to {_LONGEST_KEY} of a-z, 0-9, ':', '_' and '-', "
            "with '/' only between them."
        )
