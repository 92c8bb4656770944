"""Decoded results that are kept for a while: many visitors look at the same few."""

from __future__ import annotations

import threading
from collections import OrderedDict

from explorer.result import Result

LIMIT = 64 * 10**6
"""Bytes of the results that are kept, as stored; decoded they take about twice as much."""


class DecodedResults:
    """The results read last, by their bytes; safe to use from any thread.

    A Result does not change, its image array included, so that all who ask for it share one.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[bytes, Result]] = OrderedDict()
        self._bytes = 0

    def read(self, key: str, data: bytes) -> Result:
        """The result in the bytes stored under a key; raises ResultError where they are none."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == data:
                self._kept.move_to_end(key)
                return kept[1]
        result = Result.from_bytes(data)
        result.iri.setflags(write=False)
        with self._lock:
            self._forget(key)
            self._kept[key] = data, result
            self._bytes += len(data)
            while self._bytes > self._limit:
                self._forget(next(iter(self._kept)))
        return result

    def _forget(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept[0])
