"""What is known of one job at a moment: plain data that the page can show."""

from __future__ import annotations

from dataclasses import dataclass, replace

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """One request on its way to a result.

    state: waiting (queued, or the worker is still starting), running, done, failed, cancelled.
    stage: what the worker is at, in plain words.
    step, steps: of the synthesis loop.
    curve: (step, relative distance) so far, oldest first.
    preview: the image as it is now, PNG, or None.
    seconds, eta_seconds: since the worker took it up; a guess of what is left, or None.
    ahead: how many jobs were before it in the queue when it was last looked at.
    retries: how often it was handed out again after a worker died before taking it up.
    watchers: who asked for it; it is given up only when all of them have cancelled.
    field, error: for failed jobs, the request's field that is wrong (or None) and the sentence.
    """

    key: str
    state: str = WAITING
    stage: str = "waiting for its turn"
    step: int = 0
    steps: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    preview: bytes | None = None
    seconds: float = 0.0
    eta_seconds: float | None = None
    ahead: int = 0
    field: str | None = None
    error: str | None = None
    retries: int = 0
    watchers: frozenset[str] = frozenset()

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (DONE, FAILED, CANCELLED)

    def heard(self, report: dict) -> Job:
        """The job after a progress report of the worker (see `explorer.jobs.work`)."""
        if self.finished:
            return self
        curve = self.curve
        if report.get("relative_l2") is not None:
            curve = (*curve, (report["step"], report["relative_l2"]))
        return replace(
            self,
            state=RUNNING,
            stage=report["stage"],
            step=report["step"],
            steps=report["steps"],
            curve=curve,
            preview=report.get("preview") or self.preview,
            seconds=report["seconds"],
            eta_seconds=report.get("eta_seconds"),
        )
