"""One thread that writes: what many ask for at the same time goes to disk in one transaction."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from explorer.study.database import reason_of
from explorer.study.records import StudyError

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection], T]

_MOST_IN_A_COMMIT = 500


@dataclass(frozen=True)
class _Job:
    work: Work[Any]
    future: Future[Any]


class Writer:
    """Runs functions on a connection, in their order, and tells each when it is committed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="study-writer", daemon=True)
        self._thread.start()

    def run(self, work: Work[T]) -> T:
        """What the function returns, once it is committed.

        The function raises StudyError, if at all, before it changes anything: others' changes
        share its transaction. It may be run twice. Raises StudyError if the database cannot be
        written; then nothing that it did remains.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._stopped:
                raise StudyError("The store of judgements is closed; open it again.")
            self._jobs.put(_Job(work, future))
        try:
            return future.result()
        except SQLAlchemyError as error:
            log.error("judgements cannot be written: %s", reason_of(error))
            raise StudyError(
                f"The database cannot be written now ({reason_of(error)}); try again in a moment."
            ) from error

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
            jobs = [job for job in batch if job]
            if jobs:
                self._commit(jobs)
            going = batch[-1] is not None

    def _commit(self, jobs: list[_Job]) -> None:
        """Run and commit these; where that fails, each in a transaction of its own."""
        try:
            with self._engine.begin() as connection:
                outcomes = [_outcome(job, connection) for job in jobs]
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            for job in jobs:
                self._commit([job])
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, StudyError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)


def _outcome(job: _Job, connection: Connection) -> Any:
    """What the function returns, or the StudyError by which it refuses."""
    try:
        return job.work(connection)
    except StudyError as error:
        return error
