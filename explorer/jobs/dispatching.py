"""From the queue to the workers: what is to run now is started, all else waits in its line.

The engine calls all of this while it holds its lock, but `look_after`.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from explorer.analysis.continuation import pictures_to_send
from explorer.hosting import hosting
from explorer.jobs import job as states
from explorer.jobs.background import drop
from explorer.jobs.calls import PendingCalls
from explorer.jobs.claiming import Claiming
from explorer.jobs.cluster import Cluster
from explorer.jobs.endings import Endings, Run
from explorer.jobs.job_table import JobTable
from explorer.jobs.no_scheduler import NoScheduler
from explorer.jobs.pace import question_name
from explorer.jobs.places import Occupied, Place, Places, foreseen
from explorer.jobs.queue import Entry, FairQueue
from explorer.jobs.results import Results
from explorer.jobs.tasks import SCHEDULER_GONE, Ask, Failure, Question, Task, Work, batches
from explorer.jobs.together import joining
from explorer.request import Request
from explorer.store.store import Store

if TYPE_CHECKING:
    from explorer.jobs.cluster import MakeFuture

log = logging.getLogger(__name__)

FORESEE_SECONDS = 0.5


class Dispatcher:
    """What waits and what runs.

    ready: whether anything may be started now. on_change: called when the places in line changed.
    """

    def __init__(
        self,
        lock: threading.RLock,
        jobs: JobTable,
        cluster: Cluster,
        store: Store,
        results: Results,
        calls: PendingCalls,
        ready: Callable[[], bool],
        on_change: Callable[[], None],
    ) -> None:
        self._lock, self._jobs, self._cluster = lock, jobs, cluster
        self._ready, self._on_change = ready, on_change
        self.queue = FairQueue()
        self.runs: dict[str, Run] = {}
        self._claiming = Claiming(store, results, jobs)
        self.endings = Endings(lock, jobs, results, self._claiming, calls, self._again)
        self._results = results
        self._submissions = count(1)
        self._workers = 1
        self._foreseen: tuple[float, dict[Entry, Place]] = (float("-inf"), {})

    # What waits

    def add_requests(
        self, requests: Sequence[Request], pictures: Mapping[str, bytes], party: str
    ) -> None:
        """Put new requests into the queue, in batches, and start what may start."""
        submission = next(self._submissions)
        for batch in batches(list(dict.fromkeys(requests))):
            sent = pictures_to_send(batch, pictures, self._results.get)
            seconds = self.endings.paces.of_requests(batch)
            self._add(Task(party, seconds, submission, requests=tuple(batch), pictures=sent))
        self.start()

    def add_question(self, key: str, ask: Ask, party: str) -> None:
        """Put a question into the queue, and start what may start."""
        name = question_name(ask[0], ask[1])
        seconds = self.endings.paces.of_question(name)
        self._add(Question(party, seconds, question=True, key=key, name=name, ask=ask))
        self.start()

    def _add(self, work: Work) -> None:
        self._jobs.assign(work)
        self.queue.add(work)

    def _again(self, work: Work) -> None:
        self.queue.add(work, first=True)

    def join(self, key: str, party: str) -> None:
        """Have a job that waits start when it is this party's turn, if that comes first."""
        work = self._jobs.task(key)
        if work is not None and work in self.queue:
            self.queue.add(work, party)
            self.changed()

    def place(self, work: Work) -> Place | None:
        """Where a piece of work stands; None where that is too far off, or it does not wait."""
        if work not in self.queue:
            return None
        foreseen_at, places = self._foreseen
        if time.monotonic() - foreseen_at > FORESEE_SECONDS:
            places = foreseen(self.queue, list(self._taken()), self._places())
            self._foreseen = (time.monotonic(), places)
        return places.get(work)

    def start(self) -> None:
        """Start what may run now."""
        if not self._ready():
            return
        places, before = self._places(), len(self.queue)
        while len(self.queue):
            taken = list(self._taken())

            def may_start(entry: Entry, party: str, taken: list[Occupied] = taken) -> bool:
                return places.free_for(entry, party, taken)

            entry = self.queue.pop(may_start)
            if not isinstance(entry, Work):
                break
            self._start(entry)
        if len(self.queue) != before:
            self.changed()

    def changed(self) -> None:
        """What waits has changed, and with it the places in line."""
        self._foreseen = (float("-inf"), {})
        self._on_change()

    def _places(self) -> Places:
        return Places(self._workers, hosting().max_running)

    def _taken(self) -> Iterator[Occupied]:
        for run in self.runs.values():
            keys = [key for work in run.works for key in work.keys]
            jobs = [job for job in map(self._jobs.get, keys) if job is not None]
            spent = max((job.seconds for job in jobs), default=0.0)
            eta = max((job.eta_seconds or 0.0 for job in jobs), default=0.0)
            left = max(1.0, sum(work.seconds for work in run.works) - spent, eta)
            brief, quick, question = run.works[0].kind
            yield Occupied(run.party, quick, question, left, brief)

    # What runs

    def _start(self, work: Work) -> None:
        works: list[Work] = [work]
        if isinstance(work, Task):
            tasks = [work, *joining(work, self.queue)]
            for other in tasks[1:]:
                self.queue.remove(other)
                self.endings.counts["joined"] += 1
            works = [each for each in map(self._claiming.own, tasks) if each is not None]
        works = [each for each in works if self._jobs.wanted(each)]
        if not works:
            return
        run = Run(f"iri-{uuid.uuid4().hex}", works, work.party)
        for each in works:
            each.run = run.name
        try:
            run.future = self._submitted(run)
        except Exception as error:  # Dask raises many kinds when its scheduler has gone away
            if isinstance(error, NoScheduler):
                log.info("a job could not be submitted: %s", error)
            else:
                log.error("a job could not be submitted", exc_info=error)
            for key in [key for each in works for key in self._jobs.wanted(each)]:
                self.endings.fail(key, Failure(SCHEDULER_GONE))
            return
        self.runs[run.name] = run
        run.future.add_done_callback(lambda future: self._on_done(run, future))

    def _submitted(self, run: Run) -> MakeFuture:
        first = run.works[0]
        if isinstance(first, Question):
            return self._cluster.ask(run.name, first.key, *first.ask)
        requests = [request.to_dict() for task in run.tasks for request in task.requests]
        pictures = {name: png for task in run.tasks for name, png in task.pictures.items()}
        self.endings.note_what_is_not_kept(run.tasks)
        return self._cluster.submit(run.name, requests, pictures)

    def _on_done(self, run: Run, future: MakeFuture) -> None:
        outcome: object
        try:
            outcome = future.result()
        except Exception as error:  # Dask raises many kinds when a worker goes away
            outcome = Failure.of_dask(error)
            run.cut_off = getattr(error, "reason", "") == "scheduler-connection-lost"
        with self._lock:
            if self.runs.pop(run.name, None) is not None:
                self.endings.ended(run, outcome)
                self.start()
                self.changed()

    def hung(self, name: str) -> None:
        """Note that the worker of a run hangs."""
        with self._lock:
            if name in self.runs:
                self.runs[name].hung = True

    # Ends

    def give_up(self, key: str, error: str | None = None) -> None:
        """Cancel a job, whoever wants it."""
        job, work = self._jobs.get(key), self._jobs.task(key)
        if job is None or work is None:
            return
        self.endings.finish(key, states.CANCELLED, error)
        run = self.runs.get(work.run)
        if run is None or run.future is None:
            if not self._jobs.wanted(work):
                self.queue.remove(work)
                self._claiming.forget(work)
                self.changed()
            return
        # A worker that others use is not replaced because one of its runs takes time to stop.
        unwanted = not any(self._jobs.wanted(each) for each in run.works)
        begun = job.state == states.RUNNING
        if unwanted and not begun and len(self.runs) > 1:
            drop(run.future)
        last = unwanted and len(self.runs) == 1
        self._cluster.give_up(run.name, key, run.future, last, begun)

    def fail_all(self, message: str) -> list[MakeFuture]:
        """Fail all that waits or runs; the futures of what ran."""
        futures = [run.future for run in self.runs.values() if run.future is not None]
        for key in self._jobs.unfinished():
            self.endings.fail(key, Failure(message))
        for entry in self.queue:
            self.queue.remove(entry)
        self.runs.clear()
        self._claiming.release_all()
        self.changed()
        return futures

    def look_after(self) -> None:
        """Look again for what other processes make, and for workers; waits for the scheduler."""
        workers = self._cluster.worker_count()
        with self._lock:
            self._workers = workers
            for run in list(self.runs.values()):
                if run.future is not None and self._cluster.cut_off(run.future):
                    del self.runs[run.name]
                    run.cut_off = True
                    self.endings.ended(run, None)
            for task in self._claiming.freed():
                self._again(task)
            self.start()

    def metrics(self) -> dict[str, float]:
        """As `Engine.metrics`."""
        ended = (states.DONE, states.FAILED, states.CANCELLED, "abandoned", "retried")
        counted = (*ended, "joined", "cache_hits", "cache_misses")
        return {
            "waiting": float(len(self.queue) + len(self._claiming)),
            "running": float(len(self.runs)),
            **{name: float(self.endings.counts[name]) for name in counted},
            "worker_seconds": self.endings.worker_seconds,
        }
