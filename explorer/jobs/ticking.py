"""A thread that sees to something every second, while there is something to see to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0


class Ticker:
    """Calls a function every TICK_SECONDS from `wake` on, until it returns false; then it rests."""

    def __init__(self, tick: Callable[[], bool]) -> None:
        self._tick = tick
        self._awake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """There may be something to see to."""
        with self._lock:
            self._awake.set()
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._awake.set()

    def _run(self) -> None:
        while self._awake.wait() and not self._closed.wait(TICK_SECONDS):
            self._awake.clear()
            try:
                again = self._tick()
            except Exception:
                log.exception("the job engine could not see to its jobs")
                again = True
            if again:
                self._awake.set()
