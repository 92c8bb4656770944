"""The worker process: `python -m explorer worker ADDRESS`, one per GPU or one on the CPU.

The embedded engine starts it; a cluster's machines run the very same command. It ends when its
scheduler goes away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading

NO_SCHEDULER_SECONDS = 30


def cores() -> int:
    """Physical cores that this process may use (hyper-threads and container limits counted out)."""
    import psutil
    from dask.system import CPU_COUNT

    physical = psutil.cpu_count(logical=False) or CPU_COUNT
    return max(1, min(physical, CPU_COUNT))


def run(address: str) -> None:
    """Serve the scheduler at `address` (tcp://HOST:PORT) until it goes away.

    Raises OSError or TimeoutError if no scheduler answers there.
    """
    import torch
    from distributed import Worker

    from explorer import pipeline

    logging.getLogger("distributed").setLevel(logging.ERROR)
    torch.set_num_threads(cores())
    pipeline.warm_up()
    threading.Thread(target=pipeline.warm_up_measures, daemon=True).start()

    async def serve() -> None:
        worker = Worker(
            address,
            nthreads=1,
            memory_limit=0,
            death_timeout=NO_SCHEDULER_SECONDS,
            dashboard=False,
            dashboard_address=None,
        )
        async with worker:
            await worker.finished()

    asyncio.run(serve())
    os._exit(0)
