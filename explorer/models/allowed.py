"""Which networks visitors may name: on a hosted app what ships, the curated list, the operator's.

`explorer.hosting` says what is hosted and how large a download may be. No torch.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice

from explorer.errors import RequestError, shortened
from explorer.hosting import Hosting, hosting
from explorer.models import curated, pretrained
from explorer.models.entry import Entry
from explorer.models.names import MEGABYTE, too_large_download
from explorer.models.sources import SOURCES


def check_allowed(reference: str) -> None:
    """RequestError (field `model`) for a network that visitors may not have loaded here.

    The reference's source must exist. At home, every network is allowed.
    """
    limits = hosting()
    source, _, name = reference.partition(":")
    if SOURCES[source].offered_whole:
        return  # ships with the app, or published by its operator
    full_name = SOURCES[source].full_name
    full = reference if full_name is None else f"{source}:{full_name(name)}"
    if limits.restricts_networks and not _is_listed(reference, full):
        raise not_offered(reference)
    size = _bytes(reference)
    if limits.max_network_bytes is not None and size > limits.max_network_bytes:
        raise too_large_download(reference, size, limits.max_network_bytes)


def not_offered(reference: str, suggestion: str = "") -> RequestError:
    """The error for a network that visitors of this app may not name: what they may, instead."""
    return RequestError(
        "model",
        f"{shortened(reference)} is not offered here; {suggestion}choose a network that ships "
        f"with this app or one of its list{_patterns()}, or run the program at home, which takes "
        "any",
    )


def is_allowed(reference: str) -> bool:
    """Whether visitors may have this network loaded here; its source must exist."""
    try:
        check_allowed(reference)
    except RequestError:
        return False
    return True


def of_visitors(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Those of the entries that visitors may choose."""
    return tuple(entry for entry in entries if is_allowed(entry.reference))


def _is_listed(reference: str, full: str) -> bool:
    if full in curated.descriptions():
        return True
    patterns = hosting().networks
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (reference, full))


def _patterns() -> str:
    """The operator's own networks in brackets, at most five of them."""
    patterns = hosting().networks[:5]
    return f" ({', '.join(patterns)})" if patterns else ""


def _bytes(reference: str) -> int:
    """Of the download, as the catalogue says; 0 where it does not."""
    source, _, name = reference.partition(":")
    entry = SOURCES[source].entry(name)
    return 0 if entry is None else entry.megabytes * MEGABYTE


def search(words: str) -> list[str]:
    """As `pretrained.search`, among the networks that visitors may choose."""
    if not hosting().restricts_networks:
        return pretrained.search(words)
    matching = filter(is_allowed, pretrained.search(words, len(pretrained.references())))
    return list(islice(matching, pretrained.MOST_MATCHES))


def searchable() -> int:
    """How many networks `search` looks among."""
    return _searchable(hosting())


@lru_cache(maxsize=1)
def _searchable(limits: Hosting) -> int:
    if not limits.restricts_networks:
        return len(pretrained.references())
    if not limits.networks:  # the curated list is offered without a search
        return 0
    return sum(map(is_allowed, pretrained.references()))
