"""Which workers are hung, judged by what was last heard of them; nothing here knows Dask.

A worker's event loop beats every BEAT_SECONDS and says what it computes: a stopped process, native
code that never lets go of Python, and a lost connection all silence it. The thread that computes
reports its progress: where it is stuck while its process beats, its reports end. How long each may
be silent depends on what is being done: a step takes about as long as the steps before it, but
loading a network, or the first step, takes as long as it takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TypedDict

from explorer.jobs.job import Report

BEAT_TOPIC = "iri-beat"
BEAT_SECONDS = 1.0
TICK_SECONDS = 1.0


class Beat(TypedDict):
    """What a worker says of itself. runs: the names of the tasks that it computes now."""

    worker: str
    pid: int
    runs: list[str]


@dataclass(frozen=True)
class Patience:
    """How many seconds of silence are taken for a hang.

    seconds: of a worker that has nothing to do, whose process is stopped, or that computes steps;
        of steps that take long, `steps` times the longest so far.
    silent_stage: of a worker that does something else than steps, such as loading a network: that
        may keep Python busy for a while.
    stage: between two reports of anything else than steps, from a worker that beats.
    start: from the start of a worker process to its first beat.
    """

    seconds: float = 15.0
    steps: float = 10.0
    silent_stage: float = 60.0
    stage: float = 600.0
    start: float = 180.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True)
class Hang:
    """A worker that is taken for hung, the runs that are lost with it, and why, for the log."""

    worker: str
    runs: tuple[str, ...]
    reason: str


@dataclass
class _Worker:
    heard_at: float
    runs: frozenset[str] = frozenset()
    started: bool = True


@dataclass(frozen=True)
class _Run:
    """The last report of a run. step_seconds: its longest step so far; None before there is one."""

    heard_at: float
    stage: str = ""
    step: int = 0
    step_seconds: float | None = None


@dataclass
class Watchdog:
    """What was last heard of every worker and run; safe to use from any thread.

    is_stopped: whether a worker's process is known to be stopped (by SIGSTOP or a debugger).

    Time counts only while this process listens: `tick` is called every TICK_SECONDS by whoever
    takes in the beats, and a longer pause of its own, such as a suspended machine, is nobody
    else's silence.
    """

    patience: Patience = DEFAULT_PATIENCE
    is_stopped: Callable[[str], bool] = lambda worker: False
    clock: Callable[[], float] = time.monotonic
    _workers: dict[str, _Worker] = field(default_factory=dict)
    _runs: dict[str, _Run] = field(default_factory=dict)
    _now: float = 0.0
    _ticked_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def saw(self, report: Report) -> None:
        """Take a progress report in; one of a run that waits for its turn says that it lives."""
        with self._lock:
            known = self._runs.get(report["run"])
            run = _Run(self._now, report["stage"], report["step"])
            if known is not None and known.stage == run.stage and run.step >= known.step:
                longest, steps = known.step_seconds, run.step - known.step
                if steps > 0 and not report.get("paused"):
                    longest = max(longest or 0.0, (self._now - known.heard_at) / steps)
                run = replace(run, step_seconds=longest)
            self._runs[report["run"]] = run

    def beat(self, worker: str, runs: Collection[str]) -> None:
        """Take in that a worker lives and computes these runs."""
        with self._lock:
            self._workers[worker] = _Worker(self._now, frozenset(runs))
            for run in runs:  # the first report may be long in coming
                self._runs.setdefault(run, _Run(self._now))

    def starts(self, workers: Collection[str]) -> None:
        """Expect a first beat of these workers; those known already stay as they are."""
        with self._lock:
            for worker in workers:
                self._workers.setdefault(worker, _Worker(self._now, started=False))

    def forget(self, run: str) -> None:
        """A run has ended, whichever way."""
        with self._lock:
            self._runs.pop(run, None)

    def knows(self, run: str) -> bool:
        """Whether a run has begun and not ended, as far as was heard."""
        with self._lock:
            return run in self._runs

    def tick(self) -> list[Hang]:
        """The workers that are hung now; each is named once, until it beats again."""
        with self._lock:
            clock = self.clock()
            if self._ticked_at is not None:
                self._now += min(clock - self._ticked_at, 2 * TICK_SECONDS)
            self._ticked_at = clock
            hangs = []
            for name, worker in list(self._workers.items()):
                reason = self._why_hung(name, worker)
                if reason is not None:
                    hangs.append(Hang(name, tuple(sorted(worker.runs)), reason))
                    del self._workers[name]
            computed = {run for worker in self._workers.values() for run in worker.runs}
            for run, last in list(self._runs.items()):  # such as of a report that came too late
                if run not in computed and self._now - last.heard_at > self.patience.stage:
                    del self._runs[run]
            return hangs

    def _why_hung(self, name: str, worker: _Worker) -> str | None:
        silent = self._now - worker.heard_at
        if silent >= self.patience.seconds and silent >= self._allowed_silence(name, worker):
            return f"nothing was heard of it for {silent:.0f} s"
        for run in worker.runs:
            last = self._runs.get(run)
            if last is not None:
                quiet = self._now - last.heard_at
                if quiet >= self._allowed_quiet(last, self.patience.stage):
                    return f"it computes, but made no progress for {quiet:.0f} s ({last.stage})"
        return None

    def _allowed_silence(self, name: str, worker: _Worker) -> float:
        """Seconds in which a worker must have beaten."""
        if self.is_stopped(name):
            return self.patience.seconds
        if not worker.started:
            return self.patience.start
        lasts = [self._runs[run] for run in worker.runs if run in self._runs]
        allowed = [self._allowed_quiet(last, self.patience.silent_stage) for last in lasts]
        return max(allowed, default=self.patience.seconds)

    def _allowed_quiet(self, last: _Run, stage: float) -> float:
        """Seconds in which a run must have reported, `stage` where it makes no steps."""
        if last.step_seconds is None:
            return stage
        return max(self.patience.seconds, self.patience.steps * last.step_seconds)
