"""What is known of one job at a moment: plain data that the page can show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from explorer.metrics.first_look import FirstLook

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"


class Report(TypedDict):
    """A progress report, as the worker sends it (see `explorer.jobs.work`).

    run: the attempt that it belongs to; the other fields are those of `Job`, `look` as a dict.
    """

    run: str
    key: str
    stage: str
    step: int
    steps: int
    seconds: float
    eta_seconds: NotRequired[float | None]
    paused: NotRequired[bool]
    relative_l2: NotRequired[float]
    preview: NotRequired[bytes]
    look: NotRequired[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """One request on its way to a result, or one question on its way to an answer.

    state: waiting (queued, or the worker is still starting), running, done, failed, cancelled.
    stage: what the worker is doing, in plain words.
    step, steps: of the synthesis loop.
    curve: (step, relative distance) of the search so far, oldest first.
    preview: the current image as PNG, or None.
    look: how well the image matches; None until the search is over. What follows, such as bringing
        it nearer to its seed and measuring it, is in `stage`.
    seconds, eta_seconds: that the worker took so far, without those for which it computed for
        others; an estimate of what is left, or None.
    paused: whether the worker computes for others just now.
    ahead, wait_seconds: while it waits, how many start before it (0: it is next) and about when it
        starts, as of when it was read; None where that is too far off to say.
    retries: how often it was started again after a worker had died that did not compute it.
    subscribers: who asked for it; it is given up only when all of them have cancelled.
    field, error: for failed jobs, the request's field that is wrong (or None) and the message; for
        cancelled ones, why, where nobody pressed Cancel.
    note: what is to be said next to the result, such as that it could not be stored.
    found: whether its result came from the store, where another process had put it.
    version: grows with every change of what is known of it.
    """

    key: str
    state: str = WAITING
    stage: str = "waiting for its turn"
    step: int = 0
    steps: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    preview: bytes | None = None
    look: FirstLook | None = None
    seconds: float = 0.0
    eta_seconds: float | None = None
    paused: bool = False
    ahead: int = 0
    wait_seconds: float | None = None
    field: str | None = None
    error: str | None = None
    retries: int = 0
    subscribers: frozenset[str] = frozenset()
    note: str | None = None
    found: bool = False
    version: int = 0

    @property
    def finished(self) -> bool:
        """Whether its state is final."""
        return self.state in (DONE, FAILED, CANCELLED)

    def with_report(self, report: Report) -> Job:
        """The job after a progress report of the worker; a finished job does not change."""
        if self.finished:
            return self
        if report.get("paused"):
            if self.state == WAITING:
                return replace(self, stage=report["stage"])
            return replace(self, paused=True, seconds=report["seconds"])
        look = self.look
        if report.get("look") is not None:
            look = FirstLook.from_dict(report["look"])
        curve = self.curve
        if report.get("relative_l2") is not None and look is None:
            curve = (*curve, (report["step"], report["relative_l2"]))
        return replace(
            self,
            state=RUNNING,
            stage=report["stage"],
            step=report["step"],
            steps=report["steps"],
            curve=curve,
            preview=report.get("preview") or self.preview,
            look=look,
            seconds=report["seconds"],
            eta_seconds=report.get("eta_seconds"),
            paused=False,
        )
