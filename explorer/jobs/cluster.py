"""The Dask scheduler that the engine submits to: embedded, with worker processes, or a cluster's.

Embedded, the scheduler runs in this process and one worker child per GPU, or one on the CPU, is
kept alive; `explorer.jobs.encryption` says who may connect to them. With an address, the engine
attaches to a cluster that somebody else has started.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError
from explorer.jobs import encryption, work
from explorer.jobs.job import Report
from explorer.jobs.settings import SCHEDULER
from explorer.jobs.worker_processes import WorkerProcesses
from explorer.models.memory_setting import networks_memory

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

    from explorer.jobs.tasks import Failure

    MakeFuture = Future[list[bytes] | Failure]

log = logging.getLogger(__name__)

CLOSE_SECONDS = 2
STUCK_SECONDS = 3.0


class NoScheduler(ConnectionError):
    """No scheduler answers at an address."""


class Cluster:
    """One engine's scheduler, its client and, where embedded, its workers.

    `start`, `close` and `call` wait for Dask; the other methods return at once.

    address: of a running scheduler; None for DASK_SCHEDULER_ADDRESS, or, where that is not set, an
        embedded one.
    serving: whether jobs are being served; used while embedded workers start.
    on_failing: called with a message when embedded workers keep failing to start.
    connect_seconds: how long to wait for the scheduler at `address`; None for Dask's own limit.
    """

    def __init__(
        self,
        address: str | None,
        serving: Callable[[], bool],
        on_failing: Callable[[str], None],
        connect_seconds: float | None = None,
    ) -> None:
        self._address = address or os.environ.get(SCHEDULER) or None
        self._serving = serving
        self._on_failing = on_failing
        self._connect_seconds = connect_seconds
        self._closing = False
        self._client: Client | None = None
        self._local: LocalCluster | None = None
        self._certificate: encryption.RunCertificate | None = None
        self._workers: WorkerProcesses | None = None

    def start(self, on_report: Callable[[tuple[float, Report]], None]) -> None:
        """Start the scheduler and its workers, or attach to the cluster's; then connect.

        on_report: called, on a thread of Dask's, with (time, progress report) of every run.
        Raises RequestError for an address (field `address`) or IRI_NETWORKS_MEMORY that cannot be
        used, NoScheduler where no scheduler answers there.
        """
        import dask
        from distributed import Client

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.http.routes": [],
                "distributed.admin.low-level-log-length": 50,
            }
        )
        if self._address is None:
            self._start_embedded()
        else:
            encryption.check_address(self._address, "client")
        patience = {} if self._connect_seconds is None else {"timeout": self._connect_seconds}
        try:
            self._client = Client(self._local or self._address, set_as_default=False, **patience)
        except OSError as error:  # TimeoutError, too
            if self._address is None:
                raise
            raise NoScheduler(
                f"no scheduler answers at {self._address}; start it, or unset {SCHEDULER}"
            ) from error
        announced = self._client.scheduler_info()["address"]
        if encryption.is_open_to_others(announced):
            log.warning(
                "%s is not encrypted: whoever reaches that scheduler can run any program on "
                "its workers",
                announced,
            )
        self._client.subscribe_topic(work.PROGRESS_TOPIC, on_report)

    def _start_embedded(self) -> None:
        from distributed import LocalCluster

        networks_memory()  # a worker that finds it wrong would end, again and again
        self._certificate = encryption.RunCertificate()
        self._local = LocalCluster(
            n_workers=0,
            protocol="tls://",
            host=encryption.LOOPBACK,
            security=self._certificate.security,
            scheduler_kwargs={
                "dashboard": False,
                "dashboard_address": f"{encryption.LOOPBACK}:0",
            },
        )
        self._workers = WorkerProcesses(
            self._local.scheduler_address,
            self._certificate.worker_environment,
            self._serving,
            self._on_failing,
        )

    def close(self) -> None:
        """End workers, client and scheduler, and delete the certificate."""
        self._closing = True
        if self._workers is not None:
            self._workers.close()
        for part in (self._client, self._local):
            if part is not None:
                part.close(timeout=CLOSE_SECONDS)
        if self._certificate is not None:
            self._certificate.remove()

    @property
    def client(self) -> Client:
        """The client of the started scheduler."""
        if self._client is None:
            raise RuntimeError("the cluster has not started")
        return self._client

    @property
    def has_workers(self) -> bool:
        """Whether a worker has registered (of another cluster's workers nothing is known: True)."""
        if self._local is None:
            return True
        scheduler = self._local.scheduler
        return scheduler is not None and bool(scheduler.workers)

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return [] if self._workers is None else self._workers.pids()

    def submit(
        self, run: str, requests: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]
    ) -> MakeFuture:
        """Queue a batch of requests under the name of this run (see `explorer.jobs.work.make`)."""
        return self.client.submit(work.make, run, requests, pictures, key=run, pure=False)

    def call(
        self, function: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]
    ) -> object:
        """Run a function in a worker, before the jobs that wait; what it returns."""
        name = f"call-{uuid.uuid4().hex}"
        return self.client.submit(function, *args, key=name, priority=10, **kwargs).result()

    def give_up(self, run: str, key: str, future: MakeFuture, last: bool, running: bool) -> None:
        """Tell the workers, in the background, to stop making one request of a run.

        last: whether nobody wants any other request of the run, so that an embedded worker that
        does not stop within STUCK_SECONDS is replaced. running: whether a worker has started it.
        """
        if last and not running:
            future.cancel(force=True)
        in_background(self._cancel, run, key)
        if last and self._workers is not None:
            in_background(self._replace_if_stuck, self._workers, future)

    def _cancel(self, run: str, key: str) -> None:
        try:
            self.client.run(work.cancel, run, [key])
        except Exception as error:  # Dask raises many kinds when a worker is going away
            if not self._closing:
                log.warning("could not tell the worker to give a job up: %s", error)

    def _replace_if_stuck(self, workers: WorkerProcesses, future: MakeFuture) -> None:
        deadline = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < deadline:
            if future.done():
                return
            time.sleep(0.05)
        log.warning("the worker did not give a job up; it is replaced")
        workers.replace_all()


def why_not_started(error: Exception) -> str:
    """A sentence for people about what `Cluster.start` raised; logged where it is unexpected."""
    reason = str(error)
    if isinstance(error, RequestError) and error.field == "address":
        reason = f"{SCHEDULER}: {error.message}"
    message = f"the job engine did not start: {reason}"
    if isinstance(error, RequestError | NoScheduler):
        log.info(message)  # whoever asks for a job is told
    else:
        log.error(message, exc_info=error)
    return message


def in_background(function: Callable[..., object], *args: object) -> None:
    """Call the function on a thread that does not keep the process alive."""
    threading.Thread(target=function, args=args, daemon=True).start()
