"""The engine: requests in, jobs and results out; all tensor work in another process.

`explorer.jobs.dispatching` says what runs when, `explorer.jobs.cluster` holds what runs it,
`explorer.jobs.job_table` what is known of it. The same request is computed once for all who wait.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from explorer.hosting import hosting
from explorer.jobs import job as states
from explorer.jobs.background import drop
from explorer.jobs.calls import CALL_PREFIX, GIVEN_UP, Call, PendingCalls
from explorer.jobs.cluster import Cluster
from explorer.jobs.dispatching import Dispatcher
from explorer.jobs.job import Job, Report
from explorer.jobs.job_table import JobTable
from explorer.jobs.limits import check_line, check_questions
from explorer.jobs.listening import Listeners
from explorer.jobs.no_scheduler import failure_of
from explorer.jobs.queue import QueueFull
from explorer.jobs.results import Results
from explorer.jobs.tasks import SCHEDULER_GONE, Failure
from explorer.jobs.ticking import Ticker
from explorer.request import Request
from explorer.result import Result
from explorer.store.store import Store

__all__ = ["CLOSED", "SCHEDULER_GONE", "Engine", "QueueFull"]

CLOSED = "the job engine is closed"
ABANDONED = "cancelled because nobody watched it"

_T = TypeVar("_T")


class Engine:
    """Jobs by key. Every method is quick and safe to call from any thread.

    `start` returns at once; jobs submitted before the worker is ready wait for it. With
    `scheduler_address`, or DASK_SCHEDULER_ADDRESS, it attaches to a running cluster, for whose
    answer it waits `connect_seconds` (None: Dask's own limit).

    Who asks is told by two names. subscriber: a session; a job is given up when all who asked have
    cancelled. party: whoever takes turns with others, such as a browser; "" is whoever runs this.
    abandonable: whether nobody needs the outcome who does not watch (`listen`, `touch`): after
    `Hosting.abandon_seconds` it is cancelled.
    """

    # Nothing that waits for Dask may hold `_lock`: its answers arrive on a thread that takes it.
    def __init__(
        self,
        store: Store,
        scheduler_address: str | None = None,
        connect_seconds: float | None = None,
        **cluster_options: Any,
    ) -> None:
        self.store = store
        self._lock = threading.RLock()
        self._listeners = Listeners(self.job)
        self._jobs = JobTable(self._listeners.changed)
        self._results = Results(store)
        self._calls = PendingCalls()
        self._cluster = Cluster(
            scheduler_address,
            lambda: not self.starting,
            self._on_workers_failing,
            connect_seconds,
            on_hung=lambda run: self._dispatcher.hung(run),
            **cluster_options,
        )
        self._dispatcher = Dispatcher(
            self._lock,
            self._jobs,
            self._cluster,
            store,
            self._results,
            self._calls,
            lambda: self._ready.is_set() and not self._failure and not self._cluster.reconnecting,
            self._on_queue_changed,
        )
        self._ticker = Ticker(self._tick)
        self._queue_version = 0
        self._ready = threading.Event()
        self._failure: str | None = None
        self._starter: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Start scheduler and worker in the background, once; again where that had failed."""
        with self._lock:
            if not self._closed and (self._starter is None or self._failure is not None):
                self._failure = None
                self._ready.clear()
                self._starter = threading.Thread(target=self._start, name="engine", daemon=True)
                self._starter.start()
                atexit.register(self.close)

    def _start(self) -> None:
        failure = failure_of(self._cluster.start, self._on_report)
        with self._lock:
            self._failure = self._failure or failure
            self._ready.set()
            if self._failure is None:
                self._dispatcher.start()
            else:
                self._dispatcher.fail_all(self._failure)
        if self._closed:
            self._cluster.close()

    def close(self) -> None:
        """End the worker and the scheduler; jobs that are not done fail."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._failure = CLOSED
            self._dispatcher.fail_all(CLOSED)
            self._ready.set()
        atexit.unregister(self.close)
        self._ticker.close()
        self._listeners.close()
        if self._starter is not None:
            self._starter.join(timeout=10)
        self._cluster.close()
        self._dispatcher.endings.close()

    def result(self, key: str) -> Result | None:
        """The finished result from the cache or the starter pack, or None.

        Results that the cache could not keep are here, too, until the engine is closed.
        """
        result = self._results.read(key)
        self._dispatcher.endings.counts["cache_misses" if result is None else "cache_hits"] += 1
        return result

    def job(self, key: str) -> Job | None:
        """What is known of a job now, of a request's or a call's key; None if there is none."""
        with self._lock:
            job, work = self._jobs.get(key), self._jobs.task(key)
            if job is None or job.state != states.WAITING or work is None:
                return job
            job = replace(job, version=max(job.version, self._queue_version))
            if self.starting or self._cluster.without_workers:
                job = replace(job, stage=self._cluster.waits_for)
            place = self._dispatcher.place(work)
            if place is not None:
                return replace(job, ahead=place.ahead, wait_seconds=place.seconds)
            return replace(job, wait_seconds=0.0 if work.run in self._dispatcher.runs else None)

    @property
    def under_way(self) -> int:
        """How many requests are waiting or running."""
        with self._lock:
            return sum(not key.startswith(CALL_PREFIX) for key in self._jobs.unfinished())

    @property
    def starting(self) -> bool:
        """Whether no worker is ready yet (of a cluster's workers nothing is known)."""
        return not self._ready.is_set() or not self._cluster.has_workers

    def submit(
        self,
        requests: Request | list[Request],
        pictures: Mapping[str, bytes] | None = None,
        subscriber: str = "",
        party: str = "",
        abandonable: bool = False,
    ) -> list[Job]:
        """Have requests made; those in the cache or already under way are not made again.

        Requests of one call that share network, layer, optimiser and steps run as one batch.
        pictures: PNG bytes of every `picture:SHA256` that they name. Results that they go on from
        are read from the store, unless `pictures` holds them, too. Raises QueueFull, with a message
        for the party, where it may not ask for more now; then nothing of it is made.
        """
        self.start()
        wanted = [requests] if isinstance(requests, Request) else list(requests)
        finished = {each.key for each in wanted if self.result(each.key) is not None}
        with self._lock:
            under_way = {each.key for each in wanted if self._jobs.task(each.key) is not None}
            done = {each.key for each in wanted if self._jobs.is_done(each.key)} - finished
            finished |= {key for key in done if key in self._results}  # since it was looked for
            fresh = [each for each in wanted if each.key not in under_way | finished]
            if fresh and self._failure is None:
                check_line(self._dispatcher, party, len(fresh))
            for request in wanted:
                self._listeners.expect(request.key, abandonable)
                if self._jobs.task(request.key) is not None:
                    self._jobs.subscribe(request.key, subscriber)
                    self._dispatcher.join(request.key, party)
                elif request.key in finished:
                    self._jobs.add_done(request.key)
                else:
                    self._jobs.add(request.key, subscriber, request.steps)
            self._jobs.drop_old()
            self._dispatcher.add_requests(fresh, pictures or {}, party)
            self._settle()
            return [self._jobs[request.key] for request in wanted]

    def cancel(self, key: str, subscriber: str = "") -> None:
        """Remove a subscriber from a job; when none is left the job is given up.

        A running loop stops before its next step; a worker that does not stop within STUCK_SECONDS
        is replaced, unless others use it.
        """
        with self._lock:
            if self._jobs.task(key) is not None and not self._jobs.unsubscribe(key, subscriber):
                self._give_up(key)

    def _give_up(self, key: str, reason: str | None = None) -> None:
        self._dispatcher.give_up(key, reason)
        self._calls.settle(key, Failure(reason or GIVEN_UP))
        self._dispatcher.start()

    def call(
        self,
        function: Callable[..., _T | Failure],
        *args: Any,
        subscriber: str = "",
        party: str = "",
        abandonable: bool = False,
        **kwargs: Any,
    ) -> Call[_T]:
        """A future of what a small function of `explorer.jobs.work` returns in the worker.

        It takes its turn like a request. It fails with RequestError where the request is at fault,
        else RuntimeError; `Call.key` is that of its job.
        """
        self.start()
        call: Call[_T] = Call(lambda key: self.cancel(key, subscriber))
        self._calls.add(call)
        with self._lock:
            try:
                check_questions(self._dispatcher, party)
            except QueueFull as error:
                self._calls.settle(call.key, Failure(str(error)))
                return call
            self._jobs.add(call.key, subscriber)
            self._listeners.expect(call.key, abandonable)
            self._dispatcher.add_question(call.key, (function, args, kwargs), party)
            self._settle()
            return call

    def listen(self, keys: Iterable[str], on_change: Callable[[Job], None]) -> Callable[[], None]:
        """As `Listeners.listen`: a function is told of every change of these jobs."""
        return self._listeners.listen(keys, on_change)

    def touch(self, keys: Iterable[str]) -> None:
        """Note that somebody watches these jobs now."""
        self._listeners.touch(keys)

    def metrics(self) -> dict[str, float]:
        """Counts for whoever runs this: what waits and runs now, what has ended since the start."""
        with self._lock:
            return self._dispatcher.metrics()

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return self._cluster.worker_pids()

    def worker_count(self) -> int:
        """How many workers serve now, at least 1; of a cluster's, its scheduler is asked."""
        return self._cluster.worker_count() if self._ready.is_set() else 1

    def _settle(self) -> None:
        """After something was added: fail it where nothing can be made, or look after it."""
        if self._failure is not None:
            self._dispatcher.fail_all(self._failure)
        self._dispatcher.changed()
        self._ticker.wake()

    def _tick(self) -> bool:
        """Look after what is under way, every second; whether there is anything."""
        if self._ready.is_set() and self._failure is None:
            self._dispatcher.look_after()
        with self._lock:
            unfinished = self._jobs.unfinished()
            for key in self._listeners.abandoned(unfinished, hosting().abandon_seconds):
                self._dispatcher.endings.counts["abandoned"] += 1
                self._give_up(key, ABANDONED)
            return bool(unfinished) and not self._closed

    def _on_queue_changed(self) -> None:
        self._queue_version = self._jobs.next_version()
        self._listeners.all_changed()

    def _on_report(self, event: tuple[float, Report]) -> None:
        with self._lock:
            self._jobs.report(event[1])

    def _on_workers_failing(self, message: str) -> None:
        with self._lock:
            futures = self._dispatcher.fail_all(message)
        list(map(drop, futures))
