"""Time slices: several runs share a worker, of which one at a time computes.

A run passes the device on between two steps, as soon as its slice is over and another waits. What
torch holds for the whole process or thread, such as the precision of products and the number of
threads, goes with the run, so that each computes as if it were alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

RUNS_AT_ONCE = 4
"""Runs that a worker has begun at the same time; two of them are quick, one of these brief."""

SLICE_SECONDS = 1.0
NEWS_SECONDS = 1.0  # how often a run that waits says so


class Device:
    """What runs of one process compute with, one at a time and in turn."""

    def __init__(self, slice_seconds: float = SLICE_SECONDS) -> None:
        self._slice_seconds = slice_seconds
        self._changed = threading.Condition()
        self._waiting: list[Turn] = []
        self._holder: Turn | None = None
        self._since = 0.0
        self._settings: tuple[Any, ...] | None = None

    @contextmanager
    def turn(
        self,
        cancelled: Callable[[], bool] = lambda: False,
        on_wait: Callable[[], object] = lambda: None,
    ) -> Iterator[Turn]:
        """While this lasts a run takes part; it holds the device when this begins.

        cancelled: whether the run is to end; then its turn comes first. on_wait: called every
        NEWS_SECONDS while the run waits.
        """
        turn = Turn(self, cancelled, on_wait)
        self._take(turn)
        try:
            turn._restore(self._settings)
            yield turn
        finally:
            self._leave(turn)

    def wanted(self) -> bool:
        """Whether the run that holds the device is to pass it on."""
        if not self._waiting:
            return False
        over = time.monotonic() - self._since >= self._slice_seconds
        return over or any(each.cancelled() for each in list(self._waiting))

    def _take(self, turn: Turn) -> None:
        began_at = told_at = time.perf_counter()
        with self._changed:
            self._waiting.append(turn)
        while not self._is_next(turn):
            if time.perf_counter() - told_at >= NEWS_SECONDS:
                turn.on_wait()
                told_at = time.perf_counter()
        turn.waited += time.perf_counter() - began_at

    def _is_next(self, turn: Turn) -> bool:
        """Whether the device is this run's now; waits a moment for it."""
        with self._changed:
            if self._holder is not None or self._first() is not turn:
                self._changed.wait(timeout=NEWS_SECONDS / 4)
            if self._holder is not None or self._first() is not turn:
                return False
            self._waiting.remove(turn)
            self._holder, self._since = turn, time.monotonic()
            if self._settings is None:  # as this process was started
                self._settings = _settings()
            return True

    def _first(self) -> Turn:
        """Who waits longest; before that, whoever is to end."""
        return min(self._waiting, key=lambda each: not each.cancelled())

    def _leave(self, turn: Turn) -> None:
        with self._changed:
            if self._holder is turn:
                self._holder = None
            self._changed.notify_all()


class Turn:
    """One run's part in a Device.

    waited: seconds for which it has waited for the device so far.
    """

    def __init__(
        self, device: Device, cancelled: Callable[[], bool], on_wait: Callable[[], object]
    ) -> None:
        self._device = device
        self.cancelled, self.on_wait = cancelled, on_wait
        self.waited = 0.0
        self._down = False

    def now(self) -> float:
        """Seconds of a clock that stands still while the run waits for the device."""
        return time.perf_counter() - self.waited

    def pass_on(self) -> None:
        """Let another run compute, if it is to; call this between two steps."""
        if not self._down and self._device.wanted():
            with self.set_down():
                self.on_wait()

    @contextmanager
    def set_down(self) -> Iterator[None]:
        """While this lasts the run does not compute, as while it reads a file or downloads."""
        if self._down:
            yield
            return
        _finish_computing()
        settings = _settings()
        self._down = True
        self._device._leave(self)
        try:
            yield
        finally:
            self._device._take(self)
            self._down = False
            self._restore(settings)

    def _restore(self, settings: tuple[Any, ...] | None) -> None:
        if settings is not None:
            _set(settings)


def _settings() -> tuple[Any, ...]:
    """What torch holds for the process or the thread and a run may change."""
    import torch

    return (
        torch.get_num_threads(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.get_default_dtype(),
    )


def _set(settings: tuple[Any, ...]) -> None:
    import torch

    threads, cudnn_tf32, matmul_tf32, dtype = settings
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = cudnn_tf32
    torch.backends.cuda.matmul.allow_tf32 = matmul_tf32
    torch.set_default_dtype(dtype)


def _finish_computing() -> None:
    """Wait for what the GPU was given, so that a slice is what it takes."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
