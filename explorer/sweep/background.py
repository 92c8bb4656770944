"""Sweeps that run on in a process that serves many visitors, whoever watches; a thread each.

They are held here, once per process, like its engine (`explorer.jobs.shared`). A small batch at a
time leaves others a turn. On a hosted app a sweep's batches are submissions of whoever started it,
under the same limits as their other jobs; what these leave no room for waits in the sweep.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.hosting import hosting
from explorer.jobs.engine import Engine
from explorer.sweep.dispatch import EngineLost, Progress
from explorer.sweep.estimate import cached_keys
from explorer.sweep.plan import Plan
from explorer.sweep.run import Run

log = logging.getLogger(__name__)

TURN_SECONDS = 10.0
"""About what one batch may take, so that others' jobs need not wait long."""

MOST_RUNNING = 40
"""Of all visitors together. One that waits costs a thread that looks ten times a second."""

MOST_KEPT = 24
STEP_SECONDS = 0.1


class Turns:
    """Which sweep may submit its next batch: at most one batch for each worker, of all sweeps.

    Whoever has waited longest is next. At home, where a sweep is a party of its own in the engine's
    queue; on a hosted app the queue itself gives its visitor a turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, None] = {}

    def window(self, name: str, under_way: int, workers: int) -> int:
        """How many batches this sweep may have under way now, given how many it has."""
        with self._lock:
            self._under_way[name] = under_way
            self._waiting.setdefault(name)
            if sum(self._under_way.values()) >= workers or next(iter(self._waiting)) != name:
                return under_way
            del self._waiting[name]
            self._under_way[name] += 1
            return under_way + 1

    def leave(self, name: str) -> None:
        """Forget a sweep that has ended."""
        with self._lock:
            self._under_way.pop(name, None)
            self._waiting.pop(name, None)


class Busy(RuntimeError):
    """A sweep that cannot start now; the message is for the visitor."""


@dataclass(frozen=True)
class Snapshot:
    """What is known of a sweep at a moment.

    rows: of `explorer.sweep.columns`. finished: every request has its row. cancelled: it was given
    up. error: why nothing more can be made, or None.
    """

    progress: Progress
    rows: tuple[Mapping[str, Any], ...]
    finished: bool
    cancelled: bool
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.finished or self.cancelled or self.error is not None


class BackgroundSweep:
    """One sweep that runs on a thread of its own, for everybody who asked for it.

    visitor: who started it. generates: whether it has anything made, and not only read.
    """

    def __init__(
        self, engine: Engine, plan: Plan, name: str, visitor: str, generates: bool
    ) -> None:
        self._lock = threading.Lock()
        self._name = name
        self.generates = generates
        self._run = Run(
            engine,
            plan,
            f"sweep {name}",
            TURN_SECONDS,
            self._window,
            party=visitor if hosting().hosted else f"sweep {name}",
        )
        self._cancel = threading.Event()
        self._subscribers: set[str] = set()
        self._error: str | None = None
        self._cancelled = False
        self._looked_at = time.monotonic()
        self.ended = threading.Event()
        threading.Thread(target=self._go_on, name=f"sweep-{name}", daemon=True).start()

    def _window(self, under_way: int) -> int:
        """How many batches may be under way now, given how many are."""
        limits, workers = hosting(), self._run.workers()
        if limits.hosted:
            return limits.max_running or workers
        return _turns.window(self._name, under_way, workers)

    def snapshot(self) -> Snapshot:
        """What is known now; who asks watches it."""
        with self._lock:
            self._looked_at = time.monotonic()
            return Snapshot(
                self._run.progress(),
                tuple(self._run.rows()),
                self._run.finished and not self._cancelled and self._error is None,
                self._cancelled,
                self._error,
            )

    def subscribe(self, visitor: str) -> None:
        """Add somebody who wants it."""
        with self._lock:
            self._subscribers.add(visitor)

    def is_wanted_by(self, visitor: str) -> bool:
        """Whether this visitor asked for it."""
        with self._lock:
            return visitor in self._subscribers

    def cancel(self, visitor: str) -> None:
        """Remove somebody; when nobody is left it is given up."""
        with self._lock:
            self._subscribers.discard(visitor)
            if not self._subscribers:
                self._cancel.set()

    def _is_watched(self) -> bool:
        """Whether somebody has looked lately, where that is needed: on a hosted app."""
        patience = hosting().abandon_seconds
        return patience is None or time.monotonic() - self._looked_at <= patience

    def _go_on(self) -> None:
        try:
            while not self._run.finished and not self._cancel.is_set() and self._is_watched():
                with self._lock:
                    self._run.step()
                time.sleep(STEP_SECONDS)
        except EngineLost as error:
            with self._lock:
                self._error = str(error)
        except Exception as error:  # whatever it is, nobody may wait for ever
            log.exception("a sweep ended unexpectedly")
            with self._lock:
                self._error = f"something unexpected went wrong ({type(error).__name__})"
        finally:
            with self._lock:
                if not self._run.finished:
                    self._cancelled = self._error is None
                    self._run.cancel()
            _turns.leave(self._name)
            self.ended.set()


_turns = Turns()
_lock = threading.Lock()
_sweeps: dict[str, BackgroundSweep] = {}


def name_of(plan: Plan) -> str:
    """What stands for a plan: the same for the same requests."""
    keys = "\n".join(request.key for request in plan.requests)
    return hashlib.sha256(keys.encode()).hexdigest()[:16]


def find(plan: Plan) -> BackgroundSweep | None:
    """The sweep of this plan, running or ended; None where it was not started here."""
    with _lock:
        return _sweeps.get(name_of(plan))


def start(engine: Engine, plan: Plan, visitor: str) -> BackgroundSweep:
    """The sweep of this plan: joined where it is running, else started.

    visitor: a session; on a hosted app a browser, however many tabs it has. Raises Busy where this
    visitor has another one running, or too many are; one that only reads the cache hinders none
    that has something made.
    """
    name = name_of(plan)
    generates = len(cached_keys(plan.requests, engine.store)) < len(plan.requests)
    with _lock:
        known = _sweeps.get(name)
        running = [
            each
            for each in _sweeps.values()
            if not each.ended.is_set() and each.generates == generates
        ]
        if known is None or known.ended.is_set():
            if any(each.is_wanted_by(visitor) for each in running):
                raise Busy(
                    "Not started: another sweep of yours was running. Cancel it, or wait for it."
                )
            if len(running) >= MOST_RUNNING:
                raise Busy(
                    f"Not started: {len(running)} sweeps were running here. Try again in a while."
                )
            _sweeps.pop(name, None)
            known = _sweeps[name] = BackgroundSweep(engine, plan, name, visitor, generates)
            ended = [key for key, each in _sweeps.items() if each.ended.is_set()]
            for key in ended[: max(0, len(_sweeps) - MOST_KEPT)]:
                del _sweeps[key]
        known.subscribe(visitor)
        return known
