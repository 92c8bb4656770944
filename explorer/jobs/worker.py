"""The worker process: `python -m explorer worker ADDRESS`, one per GPU or one on the CPU.

The embedded engine starts it; a cluster's machines run the same command. It ends when its
scheduler goes away, even in the middle of a job.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time

from explorer.errors import RequestError
from explorer.jobs.encryption import LOOPBACK, listening_host, refuse_open
from explorer.jobs.turns import RUNS_AT_ONCE
from explorer.jobs.watchdog import BEAT_SECONDS, BEAT_TOPIC, Beat
from explorer.models.memory_setting import networks_memory

NO_SCHEDULER_SECONDS = 30
POLL_SECONDS = 0.2


def cores() -> int:
    """Physical cores that this process may use, without hyper-threads and within a container."""
    import psutil
    from dask.system import CPU_COUNT

    physical = psutil.cpu_count(logical=False) or CPU_COUNT
    return max(1, min(physical, CPU_COUNT))


def run(address: str, insecure: bool = False) -> None:
    """Serve the scheduler at `address` (tls://HOST:PORT or tcp://HOST:PORT) until it goes away.

    insecure: whether to listen without TLS where other machines reach it. Raises RequestError for
    an address that cannot be served and a wrong IRI_NETWORKS_MEMORY, OSError or RuntimeError if no
    scheduler answers there.
    """
    networks_memory()  # raises where it is set wrongly
    host = listening_host(address, insecure)
    # Threads that wait for each other by spinning make a small network's pass 50 times slower as
    # soon as another process is busy; this must be set before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import dask
    import torch
    from distributed import Worker
    from distributed.core import Status

    from explorer.analysis import warm_up

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # The profiler would sample the running job a hundred times a second.
    dask.config.set(
        {"distributed.worker.profile.enabled": False, "distributed.worker.http.routes": []}
    )
    torch.set_num_threads(cores())
    warm_up.warm_up()
    threading.Thread(target=warm_up.warm_up_measures, daemon=True).start()

    async def serve() -> None:
        worker = Worker(
            address,
            host=host,
            nthreads=RUNS_AT_ONCE,
            memory_limit=0,
            death_timeout=NO_SCHEDULER_SECONDS,
            dashboard=False,
            dashboard_address=f"{LOOPBACK}:0",  # nothing is served there, but Dask opens the port
        )
        await worker
        if not insecure:
            # A scheduler reached on loopback may listen to other machines, too.
            announced = (await worker.scheduler.identity())["address"]
            try:
                refuse_open(announced)
            except RequestError:
                await worker.close()
                raise
        beat_at = 0.0
        while worker.status not in (Status.closing, Status.closed, Status.failed):
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT_SECONDS
                runs = [str(task.key) for task in worker.state.all_running_tasks]
                beat = Beat(worker=worker.address, pid=os.getpid(), runs=runs)
                worker.log_event(BEAT_TOPIC, beat)
            await asyncio.sleep(POLL_SECONDS)
        os._exit(0)  # an orderly exit would wait for the job that is running

    asyncio.run(serve())
