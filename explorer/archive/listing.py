"""All finished results in the cache and the starter pack, newest first, without reading them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from explorer.archive.summary import Summary, put_summary
from explorer.metrics.match import MatchState
from explorer.result import Result, ResultError
from explorer.store import CacheError, Store
from explorer.store.settings import SUMMARY, THUMBNAIL
from explorer.store.store import is_result_key

log = logging.getLogger(__name__)

_STORE_AGAIN = 30.0  # seconds

MATCHES = {
    "matched": (MatchState.MATCHED, MatchState.CONVERGED),
    "converged": (MatchState.CONVERGED,),
    "not-matched": (MatchState.NOT_MATCHED,),
}
"""The states that a filter by match lets through, by its name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result of the listing.

    stored_at: seconds since 1970; 0 for those that ship. shipped: whether it is in the starter
    pack, which does not change.
    """

    summary: Summary
    stored_at: float
    shipped: bool

    @property
    def key(self) -> str:
        """The key of the result."""
        return self.summary.key


@dataclass(frozen=True)
class Filter:
    """Which entries are wanted; what is None or empty lets all through.

    match: a name of MATCHES. text: words that all have to occur. keys: nothing but these.
    """

    model: str | None = None
    layer: str | None = None
    loss: str | None = None
    match: str | None = None
    text: str = ""
    keys: frozenset[str] | None = None

    def matching(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that are wanted, in their order."""
        words = self.text.lower().split()
        states = None if self.match is None else MATCHES[self.match]
        return [
            entry
            for entry in entries
            if (self.model is None or entry.summary.model == self.model)
            and (self.layer is None or entry.summary.layer == self.layer)
            and (self.loss is None or entry.summary.loss == self.loss)
            and (states is None or entry.summary.state in states)
            and (self.keys is None or entry.summary.key in self.keys)
            and all(word in entry.summary.words for word in words)
        ]


@dataclass(frozen=True)
class Contents:
    """What is in a store. entries: those with a summary, newest first, those that ship last.

    missing: the keys of results without a summary: at first those that ship and those of versions
    that wrote none.
    """

    entries: list[Entry]
    missing: list[str]


class Listing:
    """The results of a store. Safe to use from any thread; it follows what others write.

    Summaries are held in memory once they were read, so that only new ones are read again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Summary]] = {}
        self._in_memory: dict[str, Summary] = {}
        self._unreadable: set[str] = set()
        self._store_again = 0.0  # not before, since it just failed

    def contents(self) -> Contents:
        """What is in the store now; CacheError where it cannot be read."""
        stored_at, shipped = self._store.stored_at(), self._store.shipped()
        summaries = self._summaries(stored_at, shipped)
        keys = [key for key in reversed(stored_at) if is_result_key(key) and key not in shipped]
        entries = [Entry(summaries[key], stored_at[key], False) for key in keys if key in summaries]
        entries += [Entry(summaries[key], 0.0, True) for key in shipped if key in summaries]
        skip = summaries.keys() | self._unreadable
        return Contents(entries, [key for key in (*shipped, *keys) if key not in skip])

    def summarise(self, seconds: float) -> int:
        """Make missing summaries for so long, one at least; returns how many are still missing."""
        until = time.monotonic() + seconds
        missing = self.contents().missing
        for done, key in enumerate(missing, 1):
            self._summarise(key)
            if time.monotonic() > until:
                return len(missing) - done
        return 0

    def thumbnails(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The thumbnails of results, WebP, by their keys; those that are not there are left out."""
        found = self._store.peek(THUMBNAIL + key for key in keys)
        return {name.removeprefix(THUMBNAIL): data for name, data in found.items()}

    def _summaries(
        self, stored_at: Mapping[str, float], shipped: Mapping[str, str]
    ) -> dict[str, Summary]:
        """The summaries that are there, by their results' keys."""
        with self._lock:
            known = {
                name: each for name, each in self._known.items() if stored_at.get(name) == each[0]
            }
            new = [name for name in stored_at if name.startswith(SUMMARY) and name not in known]
            for name, data in self._store.peek(new).items():
                summary = Summary.from_bytes(data)
                if summary is not None and SUMMARY + summary.key == name:
                    known[name] = (stored_at[name], summary)
            self._known = known
            found = self._in_memory | {each.key: each for _, each in known.values()}
        for key, sha256 in shipped.items():
            if key in found and key not in stored_at and found[key].sha256 != sha256:
                del found[key]  # of a result that an earlier version shipped
        return found

    def _summarise(self, key: str) -> None:
        data = self._store.get(key)
        if data is None:  # gone or damaged meanwhile
            self._unreadable.add(key)
            return
        try:
            result = Result.from_bytes(data)
        except ResultError as error:
            log.warning("the result %s is not listed: %s", key, error)
            self._unreadable.add(key)
            return
        summary = Summary.of(result, key, data)
        if time.monotonic() > self._store_again:
            try:
                put_summary(self._store, summary, result, patience=0.2)  # a page waits for it
                return
            except CacheError as error:
                log.warning("summaries are held in memory: %s", error.for_operator)
                self._store_again = time.monotonic() + _STORE_AGAIN
        self._in_memory[key] = summary


@lru_cache(maxsize=4)
def listing_of(store: Store) -> Listing:
    """The listing of a store, the same for everybody who asks in this process."""
    return Listing(store)
