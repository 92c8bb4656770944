"""Running what a command asks for: a job engine, its worker process and the cache."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from explorer.cli import interrupts
from explorer.cli.command import CommandFailed
from explorer.errors import RequestError
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.analysis.eyes import FinishedIris, ObserverViews
    from explorer.analysis.network_comparison import NetworkComparison
    from explorer.analysis.runner import IriSet
    from explorer.jobs.engine import Engine
    from explorer.jobs.job import Job
    from explorer.jobs.tasks import Failure
    from explorer.metrics.invariance import SharedInvariance
    from explorer.result import Result
    from explorer.sweep.dispatch import Progress
    from explorer.sweep.plan import Plan

CONNECT_SECONDS = 5.0  # the longest wait for the scheduler at DASK_SCHEDULER_ADDRESS
POLL_SECONDS = 0.05
ASK_SECONDS = 0.5  # between two looks for an interruption
SUBSCRIBER = "command line"

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class EngineRunner:
    """An `explorer.analysis.runner.Runner` whose work a worker process does, through the cache."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[EngineRunner]:
        """A runner for one command; a worker starts only when something has to be made.

        Raises RequestError, with the variable as its field, where a setting in the environment
        cannot be used (`explorer.jobs.settings`).
        """
        from explorer.jobs.engine import Engine
        from explorer.jobs.settings import check_settings
        from explorer.store import Store

        check_settings()
        engine = Engine(Store(), connect_seconds=CONNECT_SECONDS)
        try:
            yield cls(engine)
        finally:
            with _without_schedulers_complaints():
                engine.close()

    @property
    def engine(self) -> Engine:
        """The engine, for what takes longer than one call."""
        return self._engine

    def generate(
        self,
        requests: Sequence[Request],
        pictures: Mapping[str, bytes] | None = None,
        batch_size: int | None = None,
    ) -> list[Result]:
        """The results of the requests, from the cache or made now, in their order.

        batch_size: how many may run as one batch; all by default. Raises RequestError where a
        request is at fault, CommandFailed where generating it failed.
        """
        results = {request.key: self._engine.result(request.key) for request in requests}
        missing = [request for request in requests if results[request.key] is None]
        width = batch_size or max(1, len(missing))
        try:
            for start in range(0, len(missing), width):
                batch = missing[start : start + width]
                self._engine.submit(batch, pictures, subscriber=SUBSCRIBER)
            self._wait(missing)
        except KeyboardInterrupt:
            interrupts.seen()
            for request in missing:
                self._engine.cancel(request.key, subscriber=SUBSCRIBER)
            raise
        fresh = {request.key: self._generated(request) for request in missing}
        return [results[request.key] or fresh[request.key] for request in requests]

    def compare(self, result: Result, observer: Request) -> NetworkComparison:
        """What the network, layer and null of `observer` make of a result's IRI and target."""
        from explorer.analysis.network_comparison import keep_comparison, known_comparison
        from explorer.jobs import work

        known = known_comparison(result.request.key, observer, self._engine.store)
        if known is None:
            known = self.ask(work.compare, result.to_bytes(), observer.to_dict())
            keep_comparison(known, observer, self._engine.store)
        return known

    def shared_invariance(self, first: IriSet, second: IriSet) -> SharedInvariance:
        """STIR of two networks in both directions."""
        from explorer.jobs import work

        return self.ask(work.stir, first, second)

    def observe(self, observer: Request, made: Sequence[FinishedIris]) -> ObserverViews:
        """What a network makes of several networks' IRIs, from the cache or measured now."""
        from explorer.analysis.eyes import keep_views, known_views
        from explorer.jobs import work

        known = known_views(observer, made, self._engine.store)
        if known is None:
            known = self.ask(work.observe, observer.to_dict(), made)
            keep_views(observer, made, known, self._engine.store)
        return known

    def ask(self, function: Callable[[*_Ts], _T | Failure], *arguments: *_Ts) -> _T:
        """The answer of a function of `explorer.jobs.work`; CommandFailed where there is none."""
        try:
            call = self._engine.call(function, *arguments)
            while True:
                interrupts.check()
                with suppress(TimeoutError):
                    return call.result(ASK_SECONDS)
        except (RuntimeError, MemoryError) as error:
            raise CommandFailed(str(error)) from error

    def _wait(self, requests: Sequence[Request]) -> None:
        """Until all are finished or one has failed."""
        from explorer.jobs import job as states

        line = ProgressLine()
        while True:
            interrupts.check()
            jobs = [self._engine.job(request.key) for request in requests]
            open_jobs = [job for job in jobs if job is not None and not job.finished]
            failed = any(job is not None and job.state == states.FAILED for job in jobs)
            if failed or not open_jobs:
                break
            job = next((job for job in open_jobs if job.state == states.RUNNING), open_jobs[0])
            done = f"{len(jobs) - len(open_jobs)} of {len(jobs)} done; " if len(jobs) > 1 else ""
            line.show(f"{done}{progress_of(job)}")
            time.sleep(POLL_SECONDS)
        line.end()

    def _generated(self, request: Request) -> Result:
        from explorer.jobs import job as states

        job = self._engine.job(request.key)
        if job is not None and job.state == states.FAILED:
            if job.field is not None:
                raise RequestError(job.field, job.error or "")
            raise CommandFailed(job.error)
        result = self._engine.result(request.key)
        if result is None:
            raise CommandFailed("the result was generated but could not be read from the cache")
        return result


@contextmanager
def _without_schedulers_complaints() -> Iterator[None]:
    """While an engine is closed, the scheduler calls each worker that it loses so an error."""

    def is_ours(record: logging.LogRecord) -> bool:
        return False

    loggers = [logging.getLogger(f"distributed.{name}") for name in ("scheduler", "core")]
    for logger in loggers:
        logger.addFilter(is_ours)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_ours)


def progress_of(job: Job) -> str:
    """How far the search is; once its image is made, how well that matches."""
    if job.look is not None:
        step = f": step {job.step}" if job.step else ""
        return f"{job.look.sentence()} {job.stage}{step} …"
    distance = f"{job.curve[-1][1]:.4f}" if job.curve else "–"
    return f"{job.stage}: step {job.step} of {job.steps}, relative distance {distance}"


def sweep_progress(progress: Progress, plan: Plan) -> str:
    """How far it is, what is left, and what a worker does now, with which images."""
    from explorer.sweep.estimate import duration

    text = f"{progress.done:,} of {progress.total:,} done"
    if progress.failed:
        text += f", {progress.failed:,} failed"
    if progress.eta_seconds is not None and progress.left:
        text += f", about {duration(progress.eta_seconds)} left"
    job, batch = progress.job, progress.batch
    if job is None:
        return text
    if len(batch) == 1:  # what is known of an image is said where it is known of which
        target = plan.files.get(batch[0].target, batch[0].target)
        return f"{text}; {target} at {batch[0].layer}: {progress_of(job)}"
    step = f": step {job.step:,}" if job.step else " …"
    return f"{text}; {len(batch):,} images at once: {job.stage}{step}"


class ProgressLine:
    """One line on the terminal that is overwritten; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()

    @property
    def visible(self) -> bool:
        """Whether there is a terminal."""
        return self._visible

    def show(self, text: str) -> None:
        if self._visible:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        self.show("")
