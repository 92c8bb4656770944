"""One thread that writes: what many ask for at the same time goes to disk in one transaction."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from explorer.study.database import reason_of
from explorer.study.records import StudyError, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]

_MOST_IN_A_COMMIT = 500
_NOT_NOW = "The database cannot be written now; try again in a moment."
_GONE = "The database was deleted or replaced, and its sessions and answers with it."
_NO_ANSWER = (
    "The database does not answer. What was to be written may be there once it does; look then."
)
_PATIENCE_S = 15.0  # with a database that neither does what it is asked nor refuses
_REFUSING_S = 1.0
_LOCK_NOT_AVAILABLE = "55P03"  # of PostgreSQL


@dataclass(frozen=True)
class _Job:
    work: Work[Any]
    future: Future[Any]


class Writer:
    """Runs functions on a connection, in their order, and tells each when it is committed.

    While the database is locked or cannot be reached, all that wait are refused together, and what
    comes within _REFUSING_S at once: nobody waits for the others' patience. is_gone: asked after
    each commit whether it went nowhere.
    """

    def __init__(self, engine: Engine, is_gone: Callable[[], bool] = lambda: False) -> None:
        self._engine = engine
        self._is_gone = is_gone
        self._refuses_until = 0.0
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="study-writer", daemon=True)
        self._thread.start()

    def run(self, work: Work[T]) -> T:
        """What the function returns, once it is committed.

        The function raises StudyError, if at all, before it changes anything: others' changes
        share its transaction. It may be run twice. Raises Unavailable if the database cannot be
        written; then nothing that it did remains, unless it gave no answer in _PATIENCE_S.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._stopped:
                raise Unavailable("The store of judgements is closed; open it again.")
            if self._refuses():
                raise Unavailable(_NOT_NOW)
            self._jobs.put(_Job(work, future))
        try:
            return future.result(_PATIENCE_S)
        except TimeoutError:
            future.cancel()
            self._refuses_until = time.monotonic() + _REFUSING_S
            log.error("judgements cannot be written: the database does not answer")
            raise Unavailable(_NO_ANSWER) from None
        except SQLAlchemyError as error:
            log.error("judgements cannot be written: %s", reason_of(error))
            raise Unavailable(_NOT_NOW) from error

    def stop(self) -> None:
        """Commit what is waiting, and end."""
        with self._lock:
            self._stopped = True
            self._jobs.put(None)
        self._thread.join()

    def _loop(self) -> None:
        going = True
        while going:
            batch = [self._jobs.get()]
            while batch[-1] and len(batch) < _MOST_IN_A_COMMIT and not self._jobs.empty():
                batch.append(self._jobs.get())
            jobs = [job for job in batch if job and not job.future.cancelled()]
            if jobs:
                self._commit(jobs)
            going = batch[-1] is not None

    def _commit(self, jobs: list[_Job]) -> None:
        """Run and commit these; where that fails, each in a transaction of its own."""
        begun = False
        try:
            if self._refuses():
                raise Unavailable(_NOT_NOW)
            with self._engine.begin() as connection:
                begun = True
                outcomes = [_outcome(job, connection) for job in jobs]
            if self._is_gone():
                raise Unavailable(_GONE)
        except Exception as error:
            if not begun or _is_outage(error):
                for job in jobs:
                    _settle(job.future, error=self._refusal(error))
            elif len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
            else:
                _settle(jobs[0].future, error=error)
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            _settle(job.future, outcome, outcome if isinstance(outcome, StudyError) else None)

    def _refuses(self) -> bool:
        """Whether the database could not be written a moment ago."""
        return time.monotonic() < self._refuses_until

    def _refusal(self, error: Exception) -> Unavailable:
        """What is said of an outage to all who wait and, for _REFUSING_S, to all who come."""
        if isinstance(error, Unavailable):
            return error
        if not self._refuses():
            log.error("judgements cannot be written: %s", reason_of(error))
            self._refuses_until = time.monotonic() + _REFUSING_S
        return Unavailable(_NOT_NOW)


def _settle(future: Future[Any], outcome: Any = None, error: Exception | None = None) -> None:
    """Tell who waits; whoever has stopped waiting is told nothing."""
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(outcome)
        else:
            future.set_exception(error)


def _is_outage(error: Exception) -> bool:
    """Whether an error is nobody's own, but that of a database that is locked or gone."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or code == _LOCK_NOT_AVAILABLE
    return isinstance(error, Unavailable)


def _outcome(job: _Job, connection: Connection) -> Any:
    """What the function returns, or the StudyError by which it refuses."""
    try:
        return job.work(connection)
    except StudyError as error:
        return error
