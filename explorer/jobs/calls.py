"""Pending calls: futures of small functions that the worker has not answered yet."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, InvalidStateError
from typing import Any

from explorer.jobs.tasks import Failure

log = logging.getLogger(__name__)


class PendingCalls:
    """The futures of calls that are not settled yet; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: set[Future[Any]] = set()

    def new(self) -> Future[Any]:
        """A future to be settled sooner or later."""
        future: Future[Any] = Future()
        with self._lock:
            self._pending.add(future)
        return future

    def settle(self, future: Future[Any], outcome: object) -> None:
        """Set what the call returned, or the exception of a Failure.

        A future that is settled or cancelled already stays so.
        """
        with self._lock:
            self._pending.discard(future)
        try:
            if isinstance(outcome, Failure):
                future.set_exception(outcome.to_exception())
            else:
                future.set_result(outcome)
        except InvalidStateError:
            log.debug("a worker answered a call that had been settled or cancelled before")

    def fail_all(self, message: str) -> None:
        """Settle all pending calls with a RuntimeError of this message."""
        with self._lock:
            pending = list(self._pending)
        for future in pending:
            self.settle(future, Failure(message))
