"""Where what was measured is kept between requests, as the functions of this package see it."""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger(__name__)


class BytesStore(Protocol):
    """Bytes by key, such as an `explorer.store.Store`; `put` raises ValueError where it cannot."""

    def get(self, key: str) -> bytes | None: ...
    def put(self, key: str, data: bytes) -> None: ...


def keep(store: BytesStore, key: str, data: bytes) -> None:
    """Put into a store what can be measured again; a verbose log says where that cannot be."""
    try:
        store.put(key, data)
    except ValueError as error:  # a full or read-only disk must not lose what was computed
        log.info("%s is not kept: %s", key, error)
