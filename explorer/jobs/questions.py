"""Questions put to the worker whose answers are still owed."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, InvalidStateError
from typing import Any

log = logging.getLogger(__name__)


class Questions:
    """The futures of answers that are not settled yet; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed: set[Future] = set()

    def new(self) -> Future:
        """One more, to be settled sooner or later."""
        answer: Future = Future()
        with self._lock:
            self._owed.add(answer)
        return answer

    def settle(self, answer: Future, value: Any, error: BaseException | None = None) -> None:
        """Give the value, or the error; an answer that was settled or cancelled before stays so."""
        with self._lock:
            self._owed.discard(answer)
        try:
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)
        except InvalidStateError:
            log.debug("an answer came after the question had been given up")

    def fail_all(self, sentence: str) -> None:
        """Settle all that are owed with a RuntimeError that says this."""
        with self._lock:
            owed = list(self._owed)
        for answer in owed:
            self.settle(answer, None, RuntimeError(sentence))
