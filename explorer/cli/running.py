"""What commands that make something share: an engine, waiting for jobs, asking the worker."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from explorer.request import Request, RequestError

if TYPE_CHECKING:
    from explorer.jobs.engine import Engine
    from explorer.result import Result

POLL_SECONDS = 0.05
WATCHER = "command line"


class Failed(Exception):
    """Something went wrong while running; the message is for the person at the terminal."""


@contextmanager
def an_engine() -> Iterator[Engine]:
    """An engine for one command; it starts a worker only when something has to be made.

    Raises RequestError (field `address`) where DASK_SCHEDULER_ADDRESS cannot be one.
    """
    from explorer.jobs.engine import Engine
    from explorer.store.store import Store

    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        from explorer.jobs.encryption import check_address

        check_address(address, "client")
    engine = Engine(Store())
    try:
        yield engine
    finally:
        engine.close()


def made(
    engine: Engine,
    requests: Sequence[Request],
    pictures: Mapping[str, bytes] | None = None,
    at_a_time: int | None = None,
) -> list[Result]:
    """The results of the requests, from the cache or made now, in their order.

    at_a_time: how many may run as one batch; all by default. Raises RequestError where a request
    is at fault, Failed where making it failed.
    """
    found = {request.key: engine.result(request.key) for request in requests}
    missing = [request for request in requests if found[request.key] is None]
    try:
        width = at_a_time or max(1, len(missing))
        for start in range(0, len(missing), width):
            engine.submit(missing[start : start + width], pictures, watcher=WATCHER)
        _wait(engine, missing)
    except KeyboardInterrupt:
        for request in missing:
            engine.cancel(request.key, watcher=WATCHER)
        raise
    for request in missing:
        found[request.key] = _result(engine, request)
    return [found[request.key] for request in requests]


def ask(engine: Engine, function: Callable, *arguments: object) -> Any:
    """The answer of a function of `explorer.jobs.work`; Failed where the worker has none."""
    try:
        return engine.ask(function, *arguments).result()
    except (RuntimeError, MemoryError) as error:
        raise Failed(str(error)) from error


def number(value: float | None, digits: int = 3) -> str:
    """A number to print; measures of a constant or zero representation have none."""
    return "–" if value is None else f"{value:.{digits}f}"


def _wait(engine: Engine, requests: Sequence[Request]) -> None:
    """Until all are finished or one has failed."""
    from explorer.jobs import job as states

    line = _ProgressLine()
    while True:
        jobs = [engine.job(request.key) for request in requests]
        open_jobs = [job for job in jobs if job is not None and not job.finished]
        failed = any(job is not None and job.state == states.FAILED for job in jobs)
        if failed or not open_jobs:
            break
        job = next((job for job in open_jobs if job.state == states.RUNNING), open_jobs[0])
        last = f"{job.curve[-1][1]:.4f}" if job.curve else "–"
        of = f"{len(jobs) - len(open_jobs)} of {len(jobs)} made; " if len(jobs) > 1 else ""
        line.show(f"{of}{job.stage}: step {job.step} of {job.steps}, relative distance {last}")
        time.sleep(POLL_SECONDS)
    line.end()


def _result(engine: Engine, request: Request) -> Result:
    from explorer.jobs import job as states

    job = engine.job(request.key)
    if job is not None and job.state == states.FAILED:
        if job.field is not None:
            raise RequestError(job.field, job.error or "")
        raise Failed(job.error)
    found = engine.result(request.key)
    if found is None:
        raise Failed("the result was made but could not be read back from the cache")
    return found


class _ProgressLine:
    """One line on the terminal that is overwritten; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self._on:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        self.show("")
