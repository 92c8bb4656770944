"""What a run in the worker tells the engine, and where it lets other runs compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from explorer.jobs.job import Report
from explorer.jobs.turns import Turn

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.metrics.first_look import FirstLook

PROGRESS_TOPIC = "iri-progress"
REPORT_EVERY_SECONDS = 0.3

_cancelled: set[tuple[str, str]] = set()
_cancelled_lock = threading.Lock()


def cancel(run: str, keys: Iterable[str]) -> None:
    """Have a run give these keys up; it looks before every step, and may not have started yet."""
    with _cancelled_lock:
        _cancelled.update((run, key) for key in keys)


def forget(run: str) -> None:
    """A run has ended."""
    with _cancelled_lock:
        _cancelled.difference_update([entry for entry in _cancelled if entry[0] == run])


class Reporter:
    """The progress callback of a run: reports to the engine a few times a second.

    keys: of what the run makes. steps: of each. send: takes (topic, report).
    """

    def __init__(
        self, run: str, steps: dict[str, int], send: Callable[[str, Report], object]
    ) -> None:
        self._run = run
        self._steps = steps
        self._entries = [(run, key) for key in steps]
        self._send = send
        self._turn: Turn | None = None
        self._started_at = self._loop_started_at = time.perf_counter()
        self._reported_at = 0.0
        self._stage, self._step = "waiting for its turn", 0

    def begin(self, turn: Turn) -> None:
        """The run computes now, in this turn."""
        self._turn = turn
        self._started_at = self._loop_started_at = turn.now()
        self.stage("starting")

    def given_up(self) -> bool:
        """Whether nobody wants anything of the run any more."""
        with _cancelled_lock:
            return _cancelled.issuperset(self._entries)

    def waits(self) -> None:
        """Report that another run computes."""
        for key in self._steps:
            self._send_report(key, paused=True)

    def cancelled(self) -> bool:
        """Let others compute, if they are to; then, whether the run is to end."""
        if self._turn is not None:
            self._turn.pass_on()
        return self.given_up()

    def stage(self, text: str) -> None:
        """Report what the worker is doing now, in plain words."""
        if self._turn is not None:
            self._turn.pass_on()
        self._stage, self._step = text, 0
        self._loop_started_at = self.now()
        for key in self._steps:
            self._send_report(key)

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None:
        """Report the finished images and how well they match."""
        for key, image, look in zip(self._steps, images, looks, strict=True):
            self._send_report(key, preview=_png(image), look=look.to_dict())

    def due(self) -> bool:
        return time.monotonic() - self._reported_at >= REPORT_EVERY_SECONDS

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        self._reported_at, self._step = time.monotonic(), step
        for key, value, image in zip(self._steps, relative_l2.tolist(), images, strict=True):
            self._send_report(key, relative_l2=value, preview=_png(image))

    def now(self) -> float:
        """As `explorer.analysis.progress.StagedCallback.now`."""
        return time.perf_counter() if self._turn is None else self._turn.now()

    def not_computing(self) -> AbstractContextManager[None]:
        """As `explorer.analysis.progress.StagedCallback.not_computing`."""
        if self._turn is None:
            raise RuntimeError("the run has not begun")
        return self._turn.set_down()

    def _send_report(self, key: str, **more: Any) -> None:
        now, step = self.now(), self._step
        left = self._steps[key] - step
        report: dict[str, Any] = {
            "run": self._run,
            "key": key,
            "stage": self._stage,
            "step": step,
            "steps": self._steps[key],
            "seconds": now - self._started_at,
            "eta_seconds": (now - self._loop_started_at) / step * left if step else None,
        }
        self._send(PROGRESS_TOPIC, cast(Report, report | more))


def _png(image: Tensor) -> bytes:
    from explorer.images.encoding import to_8bit, to_png

    return to_png(to_8bit(image.cpu().numpy()))
