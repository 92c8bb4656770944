"""What a running job is said to be doing, in sentences for whoever watches it. Plain text."""

from __future__ import annotations

from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.losses.differences import DIFFERENCE_STAGES
from explorer.validation import NEAREST_STAGE

MOVED = {
    NEAREST_STAGE: "coming nearer to its seed",
    DIFFERENCE_STAGES["away_from"]: "moving away from the others",
    DIFFERENCE_STAGES["observer"]: "moving away from the target, to the other network",
}
"""Stages that move the image once the search has found it, and how its caption says so."""

_ENDED = {
    states.DONE: "Done: the result follows …",
    states.FAILED: "It failed; the reason follows …",
    states.CANCELLED: "It was cancelled …",
}

LEAST_TOLD = 0.001
"""A relative distance below this is not told in digits."""

SOON_SECONDS = 5.0
"""An expected wait below this is not worth a number."""


def caption(job: Job) -> str:
    """How far the picture of the job's image is."""
    if job.look is None:
        return "generating" if job.preview else "not generated yet"
    return MOVED.get(job.stage, "generated")


def headline(job: Job) -> str:
    """What has been reached, in a word or two; "" before the search is over."""
    if job.look is None:
        return ""
    return "Search finished" if job.stage in MOVED else "Generated"


def look(job: Job) -> str:
    """How well the image matches, in a sentence; "" before the search is over."""
    return "" if job.look is None else job.look.sentence()


def share(job: Job) -> float | None:
    """How far the search is, in [0, 1]; None once it is over: what follows has no known end."""
    return None if job.look is not None else min(1.0, job.step / max(1, job.steps))


def status(job: Job, steps_before: int = 0) -> str:
    """What is being done and how long it will take, in a line.

    steps_before: of the search that this one goes on from.
    """
    if job.finished:
        return _ENDED.get(job.state, "")
    if job.state == states.WAITING:
        return _waiting(job)
    if job.look is not None:
        number = f": pass {job.step:,}" if job.step else ""
        if job.stage in DIFFERENCE_STAGES.values():
            return f"Now making it as different as the match allows{number} …"
        if job.stage == NEAREST_STAGE:
            return f"Now taking back what the match did not need{number} …"
        return f"Verdicts and plots follow. {_capitalised(job.stage)} …"
    if not job.curve or not job.step:
        return f"{_capitalised(job.stage)} … {job.seconds:.0f} s"
    left = "" if job.eta_seconds is None else f", at most {duration(job.eta_seconds)} left"
    return (
        f"{_capitalised(job.stage)}: step {steps_before + job.step:,} of "
        f"{steps_before + job.steps:,}, "
        f"relative distance {_distance(job.curve[-1][1])}{left}"
        f"{', others have their turn' * job.paused}"
    )


def _distance(value: float) -> str:
    return f"below {LEAST_TOLD}" if value < LEAST_TOLD else f"{value:.3f}"


def _waiting(job: Job) -> str:
    text = _capitalised(job.stage)
    if job.ahead:
        text = f"Waiting: {job.ahead:,} {'job' if job.ahead == 1 else 'jobs'} ahead"
    if job.wait_seconds is not None and job.wait_seconds >= SOON_SECONDS:
        text += f", it starts in about {duration(job.wait_seconds)}"
    return f"{text} …"


def duration(seconds: float) -> str:
    """`45 s` or `12 min`; at least one second."""
    return f"{max(1, round(seconds))} s" if seconds < 99.5 else f"{round(seconds / 60)} min"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
