"""What becomes of a run that has ended: results are kept, questions answered, failures told.

A job whose worker died while it did not compute it starts again; so does one whose worker was hung,
once, and each of several that shared a run which failed, by itself: one may be at fault, and the
others are not.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.jobs import job as states
from explorer.jobs.calls import PendingCalls
from explorer.jobs.claiming import Claiming
from explorer.jobs.job_table import JobTable
from explorer.jobs.pace import Paces
from explorer.jobs.results import Results
from explorer.jobs.tasks import (
    HUNG_TWICE,
    SCHEDULER_GONE,
    WORKER_DIED,
    Failure,
    Question,
    Task,
    Work,
)

if TYPE_CHECKING:
    from explorer.jobs.cluster import MakeFuture

log = logging.getLogger(__name__)

MAX_RETRIES = 3
MOST_HANGS = 2


@dataclass(eq=False)
class Run:
    """An attempt that a worker is to make.

    hung: whether its worker was found to hang. cut_off: whether the scheduler went away.
    """

    name: str
    works: list[Work]
    party: str
    future: MakeFuture | None = None
    hung: bool = False
    cut_off: bool = False

    @property
    def tasks(self) -> list[Task]:
        """Those of its works that make images."""
        return [work for work in self.works if isinstance(work, Task)]


class Endings:
    """How jobs end. again: puts work into the queue once more, first in its line.

    All but `note_what_is_not_kept` and what follows `ended` is called with the engine's lock held.
    """

    def __init__(
        self,
        lock: threading.RLock,
        jobs: JobTable,
        results: Results,
        claiming: Claiming,
        calls: PendingCalls,
        again: Callable[[Work], None],
    ) -> None:
        self._lock, self._jobs, self._results = lock, jobs, results
        self._claiming, self._calls, self._again = claiming, calls, again
        self.paces = Paces()
        self.counts: Counter[str] = Counter()
        self.worker_seconds = 0.0
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="engine-results")
        results.on_stored = self._stored

    def ended(self, run: Run, outcome: object) -> None:
        """Take in what a run returned: results, an answer, a Failure; None where it died."""
        self._learn(run)
        if outcome is None or isinstance(outcome, Failure):
            self.failed(run, outcome)
        elif isinstance(outcome, list) and run.tasks:
            self._in_background(self._keep, run.tasks, outcome)  # a disk may be slow
        else:
            for key in run.works[0].keys:
                self._calls.settle(key, outcome)
                self.finish(key, states.DONE)

    def note_what_is_not_kept(self, tasks: list[Task]) -> None:
        """Say beforehand, in the background, where a result will not be stored."""
        self._in_background(self._note, tasks)

    def failed(self, run: Run, failure: Failure | None) -> None:
        """Fail a run's jobs, or have them start again."""
        for work in run.works:
            wanted = self._jobs.wanted(work)
            died = failure is None
            if not wanted:
                continue
            if len(run.works) > 1 and not (failure and failure.cancelled):
                work.alone = True
            elif died and self._jobs.may_retry(wanted, MAX_RETRIES):
                pass
            elif died and run.hung and work.hangs + 1 < MOST_HANGS:
                work.hangs += 1
            else:
                lost = SCHEDULER_GONE if run.cut_off else WORKER_DIED
                reason = failure or Failure(HUNG_TWICE if run.hung else lost)
                for key in wanted:
                    self.fail(key, reason)
                continue
            self.counts["retried"] += 1
            for key in wanted:
                self._jobs.restart(key)
            self._again(work)

    def finish(self, key: str, state: str, error: str | None = None) -> None:
        """End a job that has not ended, and let other processes make it."""
        if self._jobs.task(key) is not None:
            self.counts[state] += 1
        self._jobs.finish(key, state, error=error)
        self._claiming.release(key)

    def fail(self, key: str, failure: Failure) -> None:
        """End a job that failed, and settle its question."""
        if self._jobs.task(key) is not None:
            self.counts[states.CANCELLED if failure.cancelled else states.FAILED] += 1
        self._jobs.fail(key, failure)
        self._calls.settle(key, failure)
        self._claiming.release(key)

    def close(self) -> None:
        """Take nothing in any more."""
        self._clerk.shutdown(wait=False, cancel_futures=True)
        self._results.close()
        self._claiming.release_all()

    def _keep(self, tasks: list[Task], results: list[bytes]) -> None:
        requests = [request for task in tasks for request in task.requests]
        for request, data in zip(requests, results, strict=True):
            note = self._results.put(request.key, data)
            with self._lock:
                held = note if self._results.is_held(request.key) else None
                self._jobs.change(request.key, note=held)
                self.finish(request.key, states.DONE)

    def _note(self, tasks: list[Task]) -> None:
        note = self._results.why_not_kept()
        if note is not None:
            with self._lock:
                for task in tasks:
                    for key in self._jobs.wanted(task):
                        self._jobs.change(key, note=note)

    def _stored(self, key: str) -> None:
        """A result could be stored at last, so that nothing is to be said about it any more."""
        with self._lock:
            self._jobs.drop_note(key)

    def _learn(self, run: Run) -> None:
        """What a run took."""
        jobs = [self._jobs.get(key) for work in run.works for key in work.keys]
        seconds = max((job.seconds for job in jobs if job is not None), default=0.0)
        self.worker_seconds += seconds
        if not seconds or any(job is None or job.finished for job in jobs):
            return
        first = run.works[0]
        if isinstance(first, Question):
            self.paces.learn_question(first.name, seconds)
        else:
            self.paces.learn([each for task in run.tasks for each in task.requests], seconds)

    def _in_background(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._clerk.submit(_logged, function, *args)
        except RuntimeError:  # it has been shut down
            log.debug("the engine is closed")


def _logged(function: Callable[..., None], *args: object) -> None:
    try:
        function(*args)
    except Exception:
        log.exception("the job engine failed")
