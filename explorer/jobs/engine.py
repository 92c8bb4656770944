"""The engine: requests in, jobs and results out; every tensor in another process.

Embedded, it keeps a Dask scheduler in this process and one worker child per GPU, or one on the
CPU, replaced when it dies. With DASK_SCHEDULER_ADDRESS set it attaches to a cluster instead. The
same request is computed once, however many watch it.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import Future as ConcurrentFuture
from dataclasses import replace
from typing import Any

from cache.store import Store
from explorer.jobs import job as states
from explorer.jobs import work
from explorer.jobs.children import Children
from explorer.jobs.job import Job
from explorer.request import Request, RequestError
from explorer.result import Result, ResultError

log = logging.getLogger(__name__)

KEPT_JOBS = 500
STUCK_SECONDS = 3.0
RETRIES = 3
WORKER_DIED = (
    "the worker stopped while it made this (it was killed, or ran out of memory); "
    "a new one is starting, so it can be tried again"
)


class Engine:
    """Jobs by key. Every method is quick and safe to call from any thread.

    Dask's answers arrive on a thread of its own that takes `_lock`, so nothing that waits for Dask
    may be called while holding it.

    `start` returns at once; jobs submitted before the worker is ready wait for it.
    """

    def __init__(self, store: Store, scheduler_address: str | None = None) -> None:
        self.store = store
        self._address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS")
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, _Task] = {}
        self._futures: dict[str, Any] = {}
        self._client: Any = None
        self._cluster: Any = None
        self._children: Children | None = None
        self._ready = threading.Event()
        self._failure: str | None = None
        self._starter: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to start scheduler and worker in the background, once."""
        with self._lock:
            if self._starter is None and not self._closed:
                self._starter = threading.Thread(target=self._start, name="engine", daemon=True)
                self._starter.start()
                atexit.register(self.close)

    def _start(self) -> None:
        try:
            import dask
            from distributed import Client, LocalCluster

            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            dask.config.set(
                {
                    "distributed.scheduler.allowed-failures": 0,
                    "distributed.admin.low-level-log-length": 50,
                }
            )
            if self._address is None:
                self._cluster = LocalCluster(
                    n_workers=0, protocol="tcp://", host="127.0.0.1", dashboard_address=None
                )
                address = self._cluster.scheduler_address
                self._children = Children(address)
            self._client = Client(self._cluster or self._address, set_as_default=False)
            self._client.subscribe_topic(work.PROGRESS_TOPIC, self._heard)
        except Exception as error:
            log.exception("the job engine did not start")
            self._failure = f"the job engine did not start: {error}"
            with self._lock:
                for key in list(self._tasks):
                    self._finish(key, states.FAILED, error=self._failure)
        finally:
            self._ready.set()
        with self._lock:
            for task in set(self._tasks.values()):
                self._hand_out(task)

    def close(self) -> None:
        """End the worker and the scheduler; jobs that are not done are lost."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._starter is not None:
            self._starter.join(timeout=10)
        if self._children is not None:
            self._children.close()
        for part in (self._client, self._cluster):
            if part is not None:
                part.close(timeout=2)

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
            waiting = [k for k, other in self._jobs.items() if not other.finished]
            stage = job.stage
            if self.starting:
                stage = "the worker is starting"
            return replace(job, ahead=waiting.index(key), stage=stage)

    @property
    def under_way(self) -> int:
        """How many jobs are waiting or running."""
        with self._lock:
            return sum(not job.finished for job in self._jobs.values())

    @property
    def starting(self) -> bool:
        """Whether no worker has reported for duty yet (of a cluster's workers nothing is known)."""
        if not self._ready.is_set():
            return True
        return self._cluster is not None and not self._cluster.scheduler.workers

    def submit(
        self,
        requests: Request | list[Request],
        pictures: Mapping[str, bytes] | None = None,
        watcher: str = "",
    ) -> list[Job]:
        """Have requests made; those in the cache or already under way are not made again.

        Requests of one call that share network, layer, optimiser and steps run as one batch.
        pictures: PNG bytes of every `picture:SHA256` that the requests name.
        watcher: who asks; a job is given up only when everybody who asked has cancelled.
        """
        self.start()
        asked = [requests] if isinstance(requests, Request) else list(requests)
        with self._lock:
            fresh: list[Request] = []
            for request in asked:
                known = self._jobs.get(request.key)
                if known is not None and not known.finished:
                    self._jobs[request.key] = replace(known, watchers=known.watchers | {watcher})
                elif request.key in self.store:
                    self._jobs[request.key] = Job(request.key, states.DONE, stage="done")
                else:
                    self._jobs.pop(request.key, None)
                    self._jobs[request.key] = Job(
                        request.key, steps=request.steps, watchers=frozenset({watcher})
                    )
                    fresh.append(request)
            self._forget_old()
            for batch in _batches(fresh):
                needed = {name for one in batch for name in (one.target, one.seed)}
                sent = {name: data for name, data in (pictures or {}).items() if name in needed}
                task = _Task(tuple(batch), sent)
                for request in batch:
                    self._tasks[request.key] = task
                if self._failure is not None:
                    for request in batch:
                        self._finish(request.key, states.FAILED, error=self._failure)
                elif self._ready.is_set():
                    self._hand_out(task)
            return [self._jobs[request.key] for request in asked]

    def cancel(self, key: str, watcher: str = "") -> None:
        """Take a watcher off a job; when none is left the job is given up.

        A running loop sees it before its next step; a worker that does not within STUCK_SECONDS
        is replaced.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.finished:
                return
            left = job.watchers - {watcher}
            self._jobs[key] = replace(job, watchers=left)
            if left:
                return
            task = self._tasks.get(key)
            self._finish(key, states.CANCELLED)
            client = self._client
        if task is None or client is None:
            return
        client.run(work.cancel, [key], wait=False)
        with self._lock:
            others = any(one.key in self._tasks for one in task.requests)
            future = self._futures.get(task.name)
        if others or future is None:
            return
        if job.state == states.WAITING:
            future.cancel(force=True)
        elif self._children is not None:
            threading.Thread(target=self._replace_stuck, args=(future,), daemon=True).start()

    def ask(self, function: Any, *arguments: Any) -> ConcurrentFuture:
        """Run a small function of `explorer.jobs.work` in the worker; its answer as a future.

        The future fails with what the function raised, or RuntimeError if the worker died.
        """
        self.start()
        answer: ConcurrentFuture = ConcurrentFuture()

        def run() -> None:
            self._ready.wait()
            try:
                if self._client is None:
                    raise RuntimeError(self._failure or "the job engine is closed")
                name = f"ask-{uuid.uuid4().hex}"
                answer.set_result(
                    self._client.submit(function, *arguments, key=name, priority=10).result()
                )
            except Exception as error:
                answer.set_exception(_plain(error))

        threading.Thread(target=run, daemon=True).start()
        return answer

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return [] if self._children is None else self._children.pids()

    def _hand_out(self, task: _Task) -> None:
        if not any(request.key in self._tasks for request in task.requests):
            return
        task.name = f"iri-{uuid.uuid4().hex}"
        future = self._client.submit(
            work.make,
            [request.to_dict() for request in task.requests],
            task.pictures,
            key=task.name,
            pure=False,
        )
        self._futures[task.name] = future
        future.add_done_callback(lambda done: self._ended(task, done))

    def _heard(self, event: tuple[float, dict]) -> None:
        _, report = event
        with self._lock:
            job = self._jobs.get(report["key"])
            if job is not None:
                self._jobs[job.key] = job.heard(report)

    def _ended(self, task: _Task, future: Any) -> None:
        with self._lock:
            self._futures.pop(task.name, None)
            if self._closed:
                return
        if future.status == "finished":
            self._keep(task, future.result())
            return
        error = None if future.status == "cancelled" else future.exception()
        with self._lock:
            alive = [one.key for one in task.requests if one.key in self._tasks]
            untouched = [k for k in alive if self._jobs[k].state == states.WAITING]
            died = type(error).__name__ in ("KilledWorker", "NoneType", "FutureCancelledError")
            retries = max((self._jobs[key].retries for key in alive), default=RETRIES)
            if died and alive and untouched == alive and retries < RETRIES:
                for key in alive:
                    self._jobs[key] = replace(self._jobs[key], retries=retries + 1)
                self._hand_out(task)
                return
            for key in alive:
                self._fail(key, error)

    def _keep(self, task: _Task, results: list[bytes]) -> None:
        for request, data in zip(task.requests, results, strict=True):
            try:
                self.store.put(request.key, data)
            except (OSError, ValueError) as error:
                log.exception("could not keep a result")
                self._finish(
                    request.key, states.FAILED, error=f"the result could not be kept: {error}"
                )
            else:
                self._finish(request.key, states.DONE)

    def _fail(self, key: str, error: BaseException | None) -> None:
        plain = _plain(error)
        if isinstance(plain, RequestError):
            self._finish(key, states.FAILED, field=plain.field, error=plain.message)
            return
        if type(plain).__name__ == "Cancelled":
            self._finish(key, states.CANCELLED)
            return
        self._finish(key, states.FAILED, error=str(plain))

    def _finish(self, key: str, state: str, **more: Any) -> None:
        with self._lock:
            self._tasks.pop(key, None)
            job = self._jobs[key]
            if not job.finished:
                self._jobs[key] = replace(job, state=state, stage=state, eta_seconds=None, **more)

    def _replace_stuck(self, future: Any) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < deadline:
            if future.done():
                return
            time.sleep(0.05)
        if self._children is not None:
            log.warning("the worker did not give a job up; it is replaced")
            self._children.replace_all()

    def _forget_old(self) -> None:
        finished = [key for key, job in self._jobs.items() if job.finished]
        for key in finished[: max(0, len(finished) - KEPT_JOBS)]:
            del self._jobs[key]


class _Task:
    """Requests that run as one batch, and the pictures they need."""

    def __init__(self, requests: tuple[Request, ...], pictures: dict[str, bytes]) -> None:
        self.requests = requests
        self.pictures = pictures
        self.name = ""


def _batches(requests: list[Request]) -> list[list[Request]]:
    groups: dict[tuple, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.batch_key, []).append(request)
    return list(groups.values())


def _plain(error: BaseException | None) -> BaseException:
    """The error as a person should read it: dead workers in a sentence, surprises by their type."""
    kind = type(error).__name__
    if error is None or kind in ("KilledWorker", "CancelledError", "FutureCancelledError"):
        return RuntimeError(WORKER_DIED)
    known = ("Cancelled", "HubUnreachable", "NotFinite", "PictureError")
    if isinstance(error, RequestError | MemoryError) or kind in known:
        return error
    log.error("a job failed", exc_info=error)
    return RuntimeError(f"something unexpected went wrong in the worker ({kind}: {error})")
