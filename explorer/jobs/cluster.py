"""The Dask scheduler that the engine submits to: embedded, with worker processes, or a cluster's.

Embedded, the scheduler runs in this process and one worker child per GPU, or one on the CPU, is
kept alive; `explorer.jobs.encryption` says who may connect to them. With an address, the engine
attaches to a cluster that somebody else has started.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from explorer.jobs import encryption, work
from explorer.jobs.background import drop, in_background
from explorer.jobs.hung_workers import HungWorkers
from explorer.jobs.job import Report
from explorer.jobs.no_scheduler import Contact, NoScheduler, look_for_scheduler
from explorer.jobs.settings import SCHEDULER
from explorer.jobs.watchdog import DEFAULT_PATIENCE, Patience
from explorer.jobs.worker_processes import TCP_TIMEOUT, WorkerProcesses
from explorer.models.memory_setting import networks_memory

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

    from explorer.jobs.tasks import Failure

    MakeFuture = Future[list[bytes] | Failure]

log = logging.getLogger(__name__)

CLOSE_SECONDS = 2
STUCK_SECONDS = 3.0
RECONNECT_SECONDS = 0.5
AGAIN_SECONDS = 5.0
"""How long a scheduler that listens again may take to answer."""


class Cluster:
    """One engine's scheduler, its client and, where embedded, its workers.

    `start` and `close` wait for Dask; the other methods return at once.

    address: of a running scheduler; None for DASK_SCHEDULER_ADDRESS, or, where that is not set, an
        embedded one.
    serving: whether jobs are being served; used while embedded workers start.
    on_failing: called with a message when embedded workers keep failing to start.
    connect_seconds: how long to wait for the scheduler at `address`; None for Dask's own limit.
    on_hung, patience: of workers that hang, see `explorer.jobs.hung_workers`.
    """

    def __init__(
        self,
        address: str | None,
        serving: Callable[[], bool],
        on_failing: Callable[[str], None],
        connect_seconds: float | None = None,
        on_hung: Callable[[str], None] = lambda run: None,
        patience: Patience = DEFAULT_PATIENCE,
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
        self._on_hung = on_hung
        self._patience = patience
        self._hung: HungWorkers | None = None
        self._on_report: Callable[[tuple[float, Report]], None] | None = None
        self._contact = Contact()
        self.without_workers = False

    def start(self, on_report: Callable[[tuple[float, Report]], None]) -> None:
        """Start the scheduler and its workers, or attach to the cluster's; then connect.

        on_report: called, on a thread of Dask's, with (time, progress report) of every run.
        Raises RequestError for an address (field `address`) or IRI_NETWORKS_MEMORY that cannot be
        used, NoScheduler where no scheduler answers there.
        """
        import dask

        for name in ("distributed", "distributed.client"):  # which have a level each
            logging.getLogger(name).setLevel(logging.CRITICAL)
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.http.routes": [],
                "distributed.admin.low-level-log-length": 50,
            }
            | ({} if self._address else {"distributed.comm.timeouts.tcp": TCP_TIMEOUT})
        )
        self._on_report = on_report
        try:
            if self._address is None:
                self._start_embedded()
            else:
                encryption.check_address(self._address, "client")
            self._connect(self._connect_seconds)
        except Exception:
            self._end()  # it may be tried again
            self._hung = self._workers = self._client = self._local = self._certificate = None
            raise
        in_background(self._stay_connected)

    def _connect(self, seconds: float | None) -> None:
        """Attach to the scheduler; raises NoScheduler where none answers at a cluster's address."""
        from distributed import Client

        patience = {} if seconds is None else {"timeout": seconds}
        try:
            client = Client(self._local or self._address, set_as_default=False, **patience)
        except OSError as error:  # TimeoutError, too
            if self._address is None:
                raise
            raise NoScheduler(
                f"no scheduler answers at {self._address}; start it, or leave it out ({SCHEDULER})"
            ) from error
        announced = client.scheduler_info()["address"]
        if encryption.is_open_to_others(announced):
            log.warning(
                "%s is not encrypted: whoever reaches that scheduler can run any program on "
                "its workers",
                announced,
            )
        if self._hung is not None:
            self._hung.close()
        self._hung = HungWorkers(client, self._workers, self._on_hung, self._patience)
        self._client = client
        self._contact.begins(client)
        self._subscribe()

    def _subscribe(self) -> None:
        if self._client is not None and self._hung is not None:
            self._hung.subscribe()
            self._client.subscribe_topic(work.PROGRESS_TOPIC, self._saw)

    def _saw(self, event: tuple[float, Report]) -> None:
        if self._hung is not None:
            self._hung.watchdog.saw(event[1])
        if self._on_report is not None:
            self._on_report(event)

    def _stay_connected(self) -> None:
        """Put another client in the place of one that lost its scheduler, once that is back."""
        while not self._closing:
            time.sleep(RECONNECT_SECONDS)
            if self._closing or self._contact.holds:
                continue
            lost = self.client
            try:
                local = self._local and self._local.scheduler_address
                look_for_scheduler(self._address or str(local))
                self._connect(AGAIN_SECONDS)
            except Exception as error:  # Dask raises many kinds while there is no scheduler
                log.debug("still no scheduler: %s", error)
                continue
            in_background((self.client if self._closing else lost).close, CLOSE_SECONDS)
            log.warning("the scheduler answers again")

    @property
    def reconnecting(self) -> bool:
        """Whether the scheduler was lost just now, so that it may soon be there again."""
        return self._contact.just_lost

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
        self._end()

    def _end(self) -> None:
        for part in (self._hung, self._workers):
            if part is not None:
                part.close()
        for one in (self._client, self._local):
            if one is not None:
                one.close(timeout=CLOSE_SECONDS)
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
        """Whether a worker serves; of another cluster's, True until a hung one was given up."""
        if self._local is None:
            return self._hung is None or not self._hung.gave_last_up
        scheduler = self._local.scheduler
        return scheduler is not None and bool(scheduler.workers)

    @property
    def waits_for(self) -> str:
        """What jobs wait for while no worker serves, in plain words."""
        if self._hung is not None and self._hung.gave_last_up:
            return "the cluster's worker stopped answering, and no other is there yet"
        if self.without_workers:
            return "the cluster has no worker yet"
        return "the worker is starting"

    def worker_pids(self) -> list[int]:
        """Process ids of the embedded workers."""
        return [] if self._workers is None else self._workers.pids()

    def worker_count(self) -> int:
        """How many workers serve now, at least 1; 1 where the scheduler does not answer."""
        if self._local is not None and self._local.scheduler is not None:
            return max(1, len(self._local.scheduler.workers))
        if not self._contact.holds:
            return 1  # Dask would wait for it for half a minute
        try:
            count = len(self.client.nthreads())
            self.without_workers = count == 0
            return max(1, count)
        except Exception as error:  # Dask raises many kinds when its scheduler has gone away
            log.info("the scheduler did not say how many workers it has: %s", error)
            return 1

    def submit(
        self, run: str, requests: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]
    ) -> MakeFuture:
        """Queue a batch of requests under the name of this run (see `explorer.jobs.work.make`)."""
        return self._submit(run, work.make, requests, pictures)

    def ask(
        self,
        run: str,
        key: str,
        function: Callable[..., object],
        args: Sequence[object],
        kwargs: Mapping[str, object],
    ) -> MakeFuture:
        """Queue a question under the name of this run (see `explorer.jobs.work.answer`)."""
        return self._submit(run, work.answer, key, function, args, kwargs)

    def _submit(self, run: str, function: Callable[..., Any], *args: object) -> MakeFuture:
        if not self._contact.holds:
            raise NoScheduler("the scheduler has gone away")
        future: MakeFuture = self.client.submit(function, run, *args, key=run, pure=False)
        if self._hung is not None:
            forget = self._hung.watchdog.forget
            future.add_done_callback(lambda done: forget(run))
        return future

    def cut_off(self, future: MakeFuture) -> bool:
        """Whether nothing will be heard of a run, since its scheduler has gone."""
        client = future.client
        gone = client is not self._client or client is None or client.status == "closed"
        return gone and not future.done()

    def give_up(self, run: str, key: str, future: MakeFuture, last: bool, running: bool) -> None:
        """Tell the workers, in the background, to stop making one request of a run.

        last: whether nobody wants any other request of the run, so that an embedded worker that
        does not stop within STUCK_SECONDS is replaced. running: whether a worker has started it.
        """
        if last and not running:
            drop(future)
        in_background(self._cancel, run, key)
        if last and self._workers is not None:
            in_background(self._workers.replace_unless, future.done, STUCK_SECONDS)

    def _cancel(self, run: str, key: str) -> None:
        try:
            self.client.run(work.cancel, run, [key])
        except Exception as error:  # Dask raises many kinds when a worker is going away
            if not self._closing:
                log.warning("could not tell the worker to give a job up: %s", error)
