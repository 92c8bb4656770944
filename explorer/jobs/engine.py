"""The engine: requests in, jobs and results out; all tensor work in another process.

`explorer.jobs.cluster` holds what runs the tasks, `explorer.jobs.job_table` what is known of them.
The same request is computed once, however many wait for it.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from explorer.analysis.continuation import pictures_to_send
from explorer.jobs import job as states
from explorer.jobs.calls import PendingCalls
from explorer.jobs.cluster import Cluster, in_background, why_not_started
from explorer.jobs.job import Job, Report
from explorer.jobs.job_table import JobTable
from explorer.jobs.tasks import WORKER_DIED, Failure, Task, batches
from explorer.request import Request
from explorer.result import Result, ResultError
from explorer.store.store import Store

if TYPE_CHECKING:
    from explorer.jobs.cluster import MakeFuture

log = logging.getLogger(__name__)

MAX_RETRIES = 3
CLOSED = "the job engine is closed"
SCHEDULER_GONE = "the scheduler does not answer any more; start it, then this app, again"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Engine:
    """Jobs by key. Every method is quick and safe to call from any thread.

    `start` returns at once; jobs submitted before the worker is ready wait for it. With
    `scheduler_address`, or DASK_SCHEDULER_ADDRESS, it attaches to a running cluster, for whose
    answer it waits `connect_seconds` (None: Dask's own limit).
    """

    # Nothing that waits for Dask may hold `_lock`: its answers arrive on a thread that takes it.

    def __init__(
        self,
        store: Store,
        scheduler_address: str | None = None,
        connect_seconds: float | None = None,
    ) -> None:
        self.store = store
        self._lock = threading.RLock()
        self._jobs = JobTable()
        self._futures: dict[str, MakeFuture] = {}
        self._calls = PendingCalls()
        self._cluster = Cluster(
            scheduler_address,
            lambda: not self.starting,
            self._on_workers_failing,
            connect_seconds,
        )
        self._ready = threading.Event()
        self._failure: str | None = None
        self._starter: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Start scheduler and worker in the background, once."""
        with self._lock:
            if self._starter is None and not self._closed:
                self._starter = threading.Thread(target=self._start, name="engine", daemon=True)
                self._starter.start()
                atexit.register(self.close)

    def _start(self) -> None:
        try:
            self._cluster.start(self._on_report)
        except Exception as error:  # Dask raises many kinds
            self._failure = why_not_started(error)
        with self._lock:
            self._ready.set()
            if self._failure is None:
                for task in self._jobs.tasks():
                    self._submit_to_cluster(task)
            else:
                self._fail_all(self._failure)
        if self._closed:
            self._cluster.close()

    def close(self) -> None:
        """End the worker and the scheduler; jobs that are not done fail."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._failure = CLOSED
            self._fail_all(CLOSED)
            self._ready.set()
        atexit.unregister(self.close)
        if self._starter is not None:
            self._starter.join(timeout=10)
        self._cluster.close()

    def result(self, key: str) -> Result | None:
        """The finished result from the cache or the starter pack, or None."""
        data = self.store.get(key)
        if data is None:
            return None
        try:
            return Result.from_bytes(data)
        except ResultError as error:
            log.warning("dropped a cached result: %s", error)
            self.store.delete(key)
            return None

    def job(self, key: str) -> Job | None:
        """What is known of a request's job now; None if none was submitted."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state != states.WAITING:
                return job
            stage = "the worker is starting" if self.starting else job.stage
            return replace(job, ahead=self._jobs.unfinished().index(key), stage=stage)

    @property
    def under_way(self) -> int:
        """How many jobs are waiting or running."""
        with self._lock:
            return len(self._jobs.unfinished())

    @property
    def starting(self) -> bool:
        """Whether no worker is ready yet (of a cluster's workers nothing is known)."""
        return not self._ready.is_set() or not self._cluster.has_workers

    def submit(
        self,
        requests: Request | list[Request],
        pictures: Mapping[str, bytes] | None = None,
        subscriber: str = "",
    ) -> list[Job]:
        """Have requests made; those in the cache or already under way are not made again.

        Requests of one call that share network, layer, optimiser and steps run as one batch.
        pictures: PNG bytes of every `picture:SHA256` that the requests name. Results that they go
        on from are read from the store, unless `pictures` holds them, too.
        subscriber: who asks; a job is given up only when everybody who asked has cancelled.
        """
        self.start()
        wanted = [requests] if isinstance(requests, Request) else list(requests)
        with self._lock:
            fresh: list[Request] = []
            for request in wanted:
                known = self._jobs.get(request.key)
                if known is not None and not known.finished:
                    self._jobs.subscribe(request.key, subscriber)
                elif self.result(request.key) is not None:
                    self._jobs.add_done(request.key)
                else:
                    self._jobs.add(request, subscriber)
                    fresh.append(request)
            self._jobs.drop_old()
            for batch in batches(fresh):
                task = Task(batch, pictures_to_send(batch, pictures or {}, self.store.get))
                self._jobs.assign(task)
                if self._failure is None and self._ready.is_set():
                    self._submit_to_cluster(task)
            if self._failure is not None:
                self._fail_all(self._failure)
            return [self._jobs[request.key] for request in wanted]

    def cancel(self, key: str, subscriber: str = "") -> None:
        """Remove a subscriber from a job; when none is left the job is given up.

        A running loop stops before its next step; a worker that does not stop within STUCK_SECONDS
        is replaced.
        """
        with self._lock:
            job, task = self._jobs.get(key), self._jobs.task(key)
            if job is None or task is None or self._jobs.unsubscribe(key, subscriber):
                return
            self._jobs.finish(key, states.CANCELLED)
            future = self._futures.get(task.run)
            last = not self._jobs.wanted(task)
        if future is not None:
            self._cluster.give_up(task.run, key, future, last, job.state == states.RUNNING)

    def call(
        self, function: Callable[_P, _T | Failure], *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:
        """A future of what a small function of `explorer.jobs.work` returns in the worker.

        It fails with RequestError where the request is at fault, else RuntimeError.
        """
        self.start()
        future = self._calls.new()

        def run() -> None:
            self._ready.wait()
            self._calls.settle(future, self._outcome(function, args, kwargs))

        with self._lock:
            if self._failure is not None:
                self._calls.settle(future, Failure(self._failure))
                return future
        in_background(run)
        return future

    def _outcome(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        """What a function returns in the worker, or the Failure where there is no answer."""
        if self._failure is not None:
            return Failure(self._failure)
        try:
            return self._cluster.call(function, args, kwargs)
        except Exception as error:  # Dask raises many kinds when a worker goes away
            if self._failure is not None:  # the engine was closed meanwhile
                return Failure(self._failure)
            return Failure.of_dask(error) or Failure(WORKER_DIED)

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return self._cluster.worker_pids()

    def _submit_to_cluster(self, task: Task) -> None:
        if not self._jobs.wanted(task):
            return
        run = task.start_run()
        requests = [request.to_dict() for request in task.requests]
        try:
            future = self._cluster.submit(run, requests, task.pictures)
        except Exception as error:  # Dask raises many kinds when its scheduler has gone away
            log.error("a job could not be submitted", exc_info=error)
            self._on_failure(task, Failure(SCHEDULER_GONE))
            return
        self._futures[run] = future
        future.add_done_callback(lambda done: self._on_done(task, run, done))

    def _on_report(self, event: tuple[float, Report]) -> None:
        with self._lock:
            self._jobs.report(event[1])

    def _on_done(self, task: Task, run: str, future: MakeFuture) -> None:
        outcome: list[bytes] | Failure | None
        try:
            outcome = future.result()
        except Exception as error:  # Dask raises many kinds when a worker goes away
            outcome = Failure.of_dask(error)
        with self._lock:
            self._futures.pop(run, None)
            if self._closed:
                return
        if isinstance(outcome, list):
            self._store_results(task, outcome)
        else:
            self._on_failure(task, outcome)

    def _on_failure(self, task: Task, failure: Failure | None) -> None:
        """Fail a task's jobs, or (None: the worker died) retry them if none had started."""
        with self._lock:
            wanted = self._jobs.wanted(task)
            if failure is None and self._jobs.may_retry(wanted, MAX_RETRIES):
                self._submit_to_cluster(task)
                return
            for key in wanted:
                self._jobs.fail(key, failure or Failure(WORKER_DIED))

    def _store_results(self, task: Task, results: list[bytes]) -> None:
        for request, data in zip(task.requests, results, strict=True):
            try:
                self.store.put(request.key, data)
            except Exception as error:  # whatever it is, nobody may wait for this job for ever
                log.exception("a result could not be stored")
                with self._lock:
                    if self._jobs.task(request.key) is task:
                        failure = Failure(f"the result could not be stored: {error}")
                        self._jobs.fail(request.key, failure)
            else:
                with self._lock:
                    self._jobs.finish(request.key, states.DONE)

    def _fail_all(self, message: str) -> None:
        """Fail every unfinished job and pending call with this message."""
        with self._lock:
            self._jobs.fail_all(message)
            self._calls.fail_all(message)

    def _on_workers_failing(self, message: str) -> None:
        with self._lock:
            futures = list(self._futures.values())
            self._fail_all(message)
        for future in futures:
            future.cancel(force=True)
