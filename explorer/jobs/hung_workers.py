"""Workers that hang are replaced: embedded ones are killed, a cluster's scheduler drops its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from explorer.jobs.watchdog import BEAT_TOPIC, TICK_SECONDS, Beat, Hang, Patience, Watchdog
from explorer.jobs.worker_processes import WorkerProcesses, is_stopped

if TYPE_CHECKING:
    from distributed import Client, Scheduler

log = logging.getLogger(__name__)


class HungWorkers:
    """Takes in what the workers of one client say, and replaces those that are hung.

    workers: the embedded ones, which are known to the watchdog by their process ids; None for a
    cluster's, known by their addresses. on_hung: called, on a thread of its own, with each run that
    is lost with a hung worker, before it fails as the runs of a worker that died do.
    """

    def __init__(
        self,
        client: Client,
        workers: WorkerProcesses | None,
        on_hung: Callable[[str], None],
        patience: Patience,
    ) -> None:
        self.watchdog = Watchdog(patience, self._is_stopped)
        self.gave_last_up = False
        self._client = client
        self._workers = workers
        self._on_hung = on_hung
        self._addresses: dict[str, str] = {}
        self._watching: asyncio.Task[None] | None = None
        client.sync(self._start)

    def subscribe(self) -> None:
        """Ask the scheduler for what workers say; a scheduler started anew must be asked again."""
        self._client.subscribe_topic(BEAT_TOPIC, self._on_beat)

    def close(self) -> None:
        """Replace no more workers."""
        if self._watching is not None:
            with suppress(RuntimeError):  # its thread has ended with the client
                self._watching.get_loop().call_soon_threadsafe(self._watching.cancel)
            self._watching = None

    async def _start(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    def _on_beat(self, event: tuple[float, Beat]) -> None:
        beat = event[1]
        name = beat["worker"] if self._workers is None else str(beat["pid"])
        self._addresses[name] = beat["worker"]
        self.watchdog.beat(name, beat["runs"])
        self.gave_last_up = False

    async def _watch(self) -> None:
        """Look for hung workers, on the thread that takes in what workers say."""
        while True:
            if self._workers is not None:
                self.watchdog.starts([str(pid) for pid in self._workers.pids()])
            for hang in self.watchdog.tick():
                threading.Thread(target=self._replace, args=(hang,), daemon=True).start()
            await asyncio.sleep(TICK_SECONDS)

    def _is_stopped(self, worker: str) -> bool:
        return self._workers is not None and is_stopped(int(worker))

    def _replace(self, hang: Hang) -> None:
        """Have others make what a hung worker was making."""
        address = self._addresses.pop(hang.worker, "")
        try:
            runs = self._client.processing().get(address)
            if self._workers is None:
                ended = runs is None
            else:
                ended = int(hang.worker) not in self._workers.pids()
            if ended:
                return
            log.warning("worker %s is replaced: %s", hang.worker, hang.reason)
            begun = [run for run in runs or () if run in hang.runs or self.watchdog.knows(run)]
            for run in begun:
                self._on_hung(run)
            if self._workers is not None:
                self._workers.replace(int(hang.worker))
            else:
                self._client.run_on_scheduler(drop_worker, address, begun)
                self.gave_last_up = not self._client.nthreads()
        except Exception as error:  # Dask raises many kinds when its scheduler has gone away
            if self._watching is not None:
                log.warning("a worker that hangs could not be replaced: %s", error)


async def drop_worker(address: str, begun: Sequence[str], dask_scheduler: Scheduler) -> None:
    """Have a scheduler forget a worker, whose begun runs fail and whose others go elsewhere.

    The worker ends should it ever read that.
    """
    for run in begun:
        if run in dask_scheduler.tasks:
            dask_scheduler.tasks[run].suspicious = dask_scheduler.allowed_failures
    await dask_scheduler.remove_worker(address, stimulus_id=f"hung-{uuid.uuid4().hex}")
