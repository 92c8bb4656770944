"""Pending calls: the answers of questions to the worker that have not come yet."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, Generic, TypeVar

from explorer.jobs.tasks import Failure

log = logging.getLogger(__name__)

CALL_PREFIX = "call:"
GIVEN_UP = "the question was cancelled"

_T = TypeVar("_T")


class Call(Future[_T], Generic[_T]):
    """A future of an answer. key: of its job, `call:…`.

    Its exception is a RequestError where the request is at fault, else a RuntimeError.
    """

    def __init__(self, give_up: Callable[[str], None]) -> None:
        super().__init__()
        self.key = f"{CALL_PREFIX}{uuid.uuid4().hex}"
        self._give_up = give_up

    def cancel(self) -> bool:
        """Give the question up; its exception says so. False where it has ended already."""
        if self.done():
            return False
        self._give_up(self.key)
        return True


class PendingCalls:
    """The calls that are not settled yet, by key; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, Call[Any]] = {}

    def add(self, call: Call[Any]) -> None:
        """A call to be settled sooner or later."""
        with self._lock:
            self._pending[call.key] = call

    def settle(self, key: str, outcome: object) -> None:
        """Set what a call returned, or the exception of a Failure; a settled one stays so."""
        with self._lock:
            call = self._pending.pop(key, None)
        if call is None:
            return
        try:
            if isinstance(outcome, Failure):
                call.set_exception(outcome.to_exception())
            else:
                call.set_result(outcome)
        except InvalidStateError:
            log.debug("a worker answered a call that had been settled before")
