"""Where finished results go: into the store, or, where that cannot keep them, into memory.

While something is held in memory a thread tries again every few seconds to store it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from explorer.archive.decoded import DecodedResults
from explorer.archive.summary import put_result
from explorer.result import Result, ResultError
from explorer.store.store import Store

log = logging.getLogger(__name__)

MOST_RESULTS = 64
MOST_BYTES = 256 * 2**20
AGAIN_SECONDS, AGAIN_AT_MOST = 2.0, 60.0
"""After which storing is tried again; the second where it goes on to fail for no known reason."""

IN_MEMORY = "Download this one to keep it."
UNKNOWN = "The result cache could not store this result."


class Results:
    """The results of one engine by key; safe to use from any thread.

    on_stored: told the key of each result that could be stored at last; set by who wants to know.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.on_stored: Callable[[str], None] = lambda key: None
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None
        self._lock = threading.Lock()
        self._decoded = DecodedResults()
        self._in_memory: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """The bytes of a result, or None."""
        with self._lock:
            kept = self._in_memory.get(key)
        return self._store.get(key) if kept is None else kept

    def read(self, key: str) -> Result | None:
        """A result, or None; one that cannot be read is deleted."""
        data = self.get(key)
        if data is None:
            return None
        try:
            return self._decoded.read(key, data)
        except ResultError as error:
            log.warning("dropped a cached result: %s", error)
            self.delete(key)
            return None

    def __contains__(self, key: str) -> bool:
        with self._lock:
            if key in self._in_memory:
                return True
        return key in self._store

    def delete(self, key: str) -> None:
        """Forget a result that cannot be read."""
        with self._lock:
            self._in_memory.pop(key, None)
        self._store.delete(key)

    def why_not_kept(self) -> str | None:
        """Why a result cannot be stored now, for people; None where it can."""
        reason = self._store.why_not_kept()
        return None if reason is None else _note(reason)

    def put(self, key: str, data: bytes) -> str | None:
        """Keep a result; where the store could not, what is to be said about that."""
        try:
            put_result(self._store, key, data)
        except Exception as error:  # whatever it is, the result is there and is to be shown
            with self._lock:
                level = logging.DEBUG if self._in_memory else logging.WARNING  # once is enough
                log.log(level, "a result could not be stored: %s", error)
                self._in_memory[key] = data
                while self._is_full():
                    self._in_memory.popitem(last=False)
                self._try_later()
            return self.why_not_kept() or _note(UNKNOWN)
        with self._lock:
            self._in_memory.pop(key, None)
        self._store_again()
        return None

    def is_held(self, key: str) -> bool:
        """Whether a result is in memory only."""
        with self._lock:
            return key in self._in_memory

    def close(self) -> None:
        """Try once more to store what is in memory, and never again."""
        self._closed.set()
        if self._in_memory and self._store.why_not_kept() is None:
            self._store_again()

    def _try_later(self) -> None:
        """Start the thread that tries again, unless there is one; with the lock held."""
        if self._keeper is None and not self._closed.is_set():
            self._keeper = threading.Thread(target=self._keep_trying, name="results", daemon=True)
            self._keeper.start()

    def _keep_trying(self) -> None:
        seconds = AGAIN_SECONDS
        while not self._closed.wait(seconds):
            failed = self._store.why_not_kept() is None and not self._store_again()
            seconds = min(2 * seconds, AGAIN_AT_MOST) if failed else AGAIN_SECONDS
            with self._lock:
                if not self._in_memory:
                    self._keeper = None
                    return

    def _store_again(self) -> bool:
        """Store what could not be stored before; returns whether any of it could be."""
        with self._lock:
            held = list(self._in_memory.items())
        stored = False
        for key, data in held:
            try:
                put_result(self._store, key, data)
            except Exception as error:  # of this one, perhaps: it may be larger than the limit
                log.info("a result still cannot be stored: %s", error)
                continue
            stored = True
            with self._lock:
                self._in_memory.pop(key, None)
            self.on_stored(key)
        return stored

    def _is_full(self) -> bool:
        total = sum(map(len, self._in_memory.values()))
        return len(self._in_memory) > MOST_RESULTS or (
            total > MOST_BYTES and len(self._in_memory) > 1
        )


def _note(reason: str) -> str:
    return f"{reason} {IN_MEMORY}"
