"""The engine: requests in, jobs and results out; every tensor in another process.

Embedded, it keeps a Dask scheduler in this process and one worker child per GPU, or one on the
CPU, replaced when it dies; who may talk to them is said in `explorer.jobs.encryption`. With
DASK_SCHEDULER_ADDRESS set it attaches to a cluster instead. The same request is computed once,
however many watch it.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future as ConcurrentFuture
from dataclasses import replace
from typing import Any

from explorer.jobs import encryption, work
from explorer.jobs import job as states
from explorer.jobs.children import MOST_FAILED_STARTS, Children
from explorer.jobs.job import Job
from explorer.jobs.questions import Questions
from explorer.jobs.tasks import WORKER_DIED, Failure, Task, batches
from explorer.request import Request, RequestError
from explorer.result import Result, ResultError
from explorer.store.store import Store

log = logging.getLogger(__name__)

KEPT_JOBS = 500
STUCK_SECONDS = 3.0
RETRIES = 3
CLOSED = "the job engine is closed"
SCHEDULER_GONE = "the scheduler does not answer any more; start it, then this app, again"


class Engine:
    """Jobs by key. Every method is quick and safe to call from any thread.

    Dask's answers arrive on a thread of its own that takes `_lock`, so nothing that waits for Dask
    may be called while holding it.

    `start` returns at once; jobs submitted before the worker is ready wait for it.
    """

    def __init__(self, store: Store, scheduler_address: str | None = None) -> None:
        self.store = store
        self._address = scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS") or None
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, Task] = {}
        self._futures: dict[str, Any] = {}
        self._questions = Questions()
        self._client: Any = None
        self._cluster: Any = None
        self._certificate: encryption.RunCertificate | None = None
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
                    "distributed.scheduler.http.routes": [],
                    "distributed.admin.low-level-log-length": 50,
                }
            )
            if self._address is None:
                self._certificate = encryption.RunCertificate()
                self._cluster = LocalCluster(
                    n_workers=0,
                    protocol="tls://",
                    host=encryption.LOOPBACK,
                    security=self._certificate.security,
                    scheduler_kwargs={
                        "dashboard": False,
                        "dashboard_address": f"{encryption.LOOPBACK}:0",
                    },
                )
                self._children = Children(
                    self._cluster.scheduler_address,
                    self._certificate.worker_environment,
                    lambda: not self.starting,
                    self._cannot_serve,
                )
            else:
                encryption.check_address(self._address, "client")
            self._client = Client(self._cluster or self._address, set_as_default=False)
            announced = self._client.scheduler_info()["address"]
            if encryption.is_open_to_others(announced):
                log.warning(
                    "%s is not encrypted: whoever reaches that scheduler can run any program on "
                    "its workers",
                    announced,
                )
            self._client.subscribe_topic(work.PROGRESS_TOPIC, self._heard)
        except RequestError as error:
            self._failure = f"the job engine did not start: DASK_SCHEDULER_ADDRESS: {error.message}"
            log.error(self._failure)
        except Exception as error:
            log.exception("the job engine did not start")
            self._failure = f"the job engine did not start: {error}"
        with self._lock:
            self._ready.set()
            for task in dict.fromkeys(self._tasks.values()):
                if self._failure is None:
                    self._hand_out(task)
            self._fail_all(self._failure)
        if self._closed:
            self._shut()

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
        self._shut()

    def _shut(self) -> None:
        if self._children is not None:
            self._children.close()
        for part in (self._client, self._cluster):
            if part is not None:
                part.close(timeout=2)
        if self._certificate is not None:
            self._certificate.remove()

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
                elif self.result(request.key) is not None:
                    self._jobs[request.key] = Job(request.key, states.DONE, stage="done")
                else:
                    self._jobs.pop(request.key, None)
                    self._jobs[request.key] = Job(
                        request.key, steps=request.steps, watchers=frozenset({watcher})
                    )
                    fresh.append(request)
            self._forget_old()
            for batch in batches(fresh):
                needed = {name for one in batch for name in (one.target, one.seed)}
                sent = {name: data for name, data in (pictures or {}).items() if name in needed}
                task = Task(batch, sent)
                for request in batch:
                    self._tasks[request.key] = task
                if self._failure is not None:
                    self._fail_all(self._failure)
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
            task = self._tasks[key]
            self._finish(key, states.CANCELLED)
            future = self._futures.get(task.run)
            abandoned = not self._waited_for(task)
        if future is None:
            return
        if abandoned and job.state == states.WAITING:
            future.cancel(force=True)
        _in_background(self._tell_worker, task.run, key)
        if abandoned and self._children is not None:
            _in_background(self._replace_if_stuck, future)

    def _tell_worker(self, run: str, key: str) -> None:
        try:
            self._client.run(work.cancel, run, [key])
        except Exception as error:  # Dask raises many kinds when a worker is going away
            if not self._closed:
                log.warning("could not tell the worker to give a job up: %s", error)

    def _replace_if_stuck(self, future: Any) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < deadline:
            if future.done():
                return
            time.sleep(0.05)
        log.warning("the worker did not give a job up; it is replaced")
        self._children.replace_all()

    def ask(self, function: Any, *arguments: Any) -> ConcurrentFuture:
        """Run a small function of `explorer.jobs.work` in the worker; its answer as a future.

        The future fails with RequestError where the request is at fault, else RuntimeError.
        """
        self.start()
        with self._lock:
            answer = self._questions.new()
            if self._failure is not None:
                self._questions.settle(answer, None, RuntimeError(self._failure))
                return answer

        def run() -> None:
            self._ready.wait()
            if self._failure is not None:
                self._questions.settle(answer, None, RuntimeError(self._failure))
                return
            name = f"ask-{uuid.uuid4().hex}"
            try:
                value = self._client.submit(function, *arguments, key=name, priority=10).result()
            except Exception as error:  # Dask raises many kinds when a worker goes away
                if self._failure is not None:  # the engine was closed meanwhile
                    value = Failure(self._failure)
                else:
                    value = Failure.of_dask(error) or Failure(WORKER_DIED)
            if isinstance(value, Failure):
                self._questions.settle(answer, None, value.to_exception())
            else:
                self._questions.settle(answer, value)

        _in_background(run)
        return answer

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return [] if self._children is None else self._children.pids()

    def _waited_for(self, task: Task) -> list[str]:
        """Keys of the task that somebody still waits for, and no later task is to make."""
        return [one.key for one in task.requests if self._tasks.get(one.key) is task]

    def _hand_out(self, task: Task) -> None:
        if not self._waited_for(task):
            return
        run = task.begin_run()
        try:
            future = self._client.submit(
                work.make,
                run,
                [request.to_dict() for request in task.requests],
                task.pictures,
                key=run,
                pure=False,
            )
        except Exception as error:  # Dask raises many kinds when its scheduler has gone away
            log.error("a job could not be handed out", exc_info=error)
            self._not_made(task, Failure(SCHEDULER_GONE))
            return
        self._futures[run] = future
        future.add_done_callback(lambda done: self._ended(task, run, done))

    def _heard(self, event: tuple[float, dict]) -> None:
        _, report = event
        with self._lock:
            task = self._tasks.get(report["key"])
            if task is not None and task.run == report["run"]:
                self._jobs[report["key"]] = self._jobs[report["key"]].heard(report)

    def _ended(self, task: Task, run: str, future: Any) -> None:
        try:
            answer = future.result()
        except Exception as error:  # Dask raises many kinds when a worker goes away
            answer = Failure.of_dask(error)
        with self._lock:
            self._futures.pop(run, None)
            if self._closed:
                return
        if isinstance(answer, list):
            self._keep(task, answer)
        else:
            self._not_made(task, answer)

    def _not_made(self, task: Task, failure: Failure | None) -> None:
        """After a failure, or (None) after the worker died: then untouched jobs go out again."""
        with self._lock:
            alive = self._waited_for(task)
            untouched = all(self._jobs[key].state == states.WAITING for key in alive)
            retries = max((self._jobs[key].retries for key in alive), default=RETRIES)
            if failure is None and untouched and retries < RETRIES:
                for key in alive:
                    self._jobs[key] = replace(self._jobs[key], retries=retries + 1)
                self._hand_out(task)
                return
            said = failure or Failure(WORKER_DIED)
            for key in alive:
                if said.cancelled:
                    self._finish(key, states.CANCELLED)
                else:
                    self._finish(key, states.FAILED, field=said.field, error=said.sentence)

    def _keep(self, task: Task, results: list[bytes]) -> None:
        for request, data in zip(task.requests, results, strict=True):
            try:
                self.store.put(request.key, data)
            except Exception as error:  # whatever it is, nobody may wait for this job for ever
                log.exception("could not keep a result")
                with self._lock:
                    if self._tasks.get(request.key) is task:
                        sentence = f"the result could not be kept: {error}"
                        self._finish(request.key, states.FAILED, error=sentence)
            else:
                self._finish(request.key, states.DONE)

    def _fail_all(self, sentence: str | None) -> None:
        """Fail every unfinished job and unanswered question with this sentence, if there is one."""
        if sentence is None:
            return
        with self._lock:
            for key in list(self._tasks):
                self._finish(key, states.FAILED, error=sentence)
            self._questions.fail_all(sentence)

    def _cannot_serve(self, code: int) -> None:
        """Called by Children when workers keep ending before they have served."""
        with self._lock:
            futures = list(self._futures.values())
            self._fail_all(
                f"the worker does not start (it ended {MOST_FAILED_STARTS} times in a row, last "
                f"with code {code}); the app's log says why"
            )
        for future in futures:
            future.cancel(force=True)

    def _finish(self, key: str, state: str, **more: Any) -> None:
        with self._lock:
            self._tasks.pop(key, None)
            job = self._jobs.get(key)
            if job is not None and not job.finished:
                self._jobs[key] = replace(job, state=state, stage=state, eta_seconds=None, **more)

    def _forget_old(self) -> None:
        finished = [key for key, job in self._jobs.items() if job.finished]
        for key in finished[: max(0, len(finished) - KEPT_JOBS)]:
            del self._jobs[key]


def _in_background(function: Callable, *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()
