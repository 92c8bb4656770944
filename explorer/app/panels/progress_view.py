"""A running job: the picture so far, the falling curve, the time left, and Cancel.

Once the IRI is made it is shown with how well it matches, while the rest is being measured.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import streamlit as st

from explorer.app import session, url_state
from explorer.app.components.pictures import show_pictures
from explorer.app.naming import capitalised, describe, literal
from explorer.app.panels.pending_view import pending_pictures
from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.plots.match import falling_curve
from explorer.request import Request
from explorer.validation import NEAREST_STAGE

FASTEST_SECONDS = 0.5
SECONDS_PER_JOB = 0.05
"""Every watching page costs the server a run per look; with many jobs each looks less often."""

WAIT_SECONDS, CHECK_SECONDS = 0.35, 0.03
CURVE_SECONDS = 2.0
"""A slow browser needs longer than one look to draw the curve; one drawn too often never shows."""

Curve = tuple[tuple[int, float], ...]


class _ThrottledCurve:
    """The curve as the browser has it: replaced by a longer one every CURVE_SECONDS."""

    def __init__(self) -> None:
        self._points: Curve = ()
        self._updated_at = 0.0

    def points(self, latest: Curve) -> Curve:
        """The curve to draw, given the job's, where there is one."""
        if not latest:
            return ()
        now = time.monotonic()
        if not self._points or now - self._updated_at > CURVE_SECONDS:
            self._points, self._updated_at = latest, now
        return self._points


def show(request: Request) -> None:
    """Watch the job; the page runs again, as a whole, once it has ended."""
    every = max(FASTEST_SECONDS, SECONDS_PER_JOB * session.engine().under_way)
    before = _curve_before(request)
    st.fragment(_watch, run_every=every)(request, itertools.count(), _ThrottledCurve(), before)


def _curve_before(request: Request) -> Curve:
    """The curve of the result that the request goes on from, from its first seed on."""
    earlier = session.engine().result(request.continues) if request.continues else None
    if earlier is None:
        return ()
    return tuple(zip(earlier.curves.step, earlier.curves.relative_l2, strict=True))


def _watch(request: Request, run: Iterator[int], curve: _ThrottledCurve, before: Curve) -> None:
    job = _running_job(request)
    steps_before = before[-1][0] if before else 0
    pictures = pending_pictures(request, job.preview, _caption(job))
    show_pictures(pictures, compare=job.look is not None, reserve=True, key="pictures")
    if job.look is not None:
        done = "Search finished" if job.stage == NEAREST_STAGE else "Generated"
        st.markdown(f"**{done}.** {job.look.sentence(literal)}")
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    with bar:
        if job.look is None:
            share = min(1.0, job.step / max(1, job.steps))
            st.progress(share, text=literal(_status(job, steps_before)))
        else:
            st.markdown(f":material/hourglass_top: {literal(_status(job, steps_before))}")
    with button:
        st.button(
            "Cancel",
            key="cancel",
            icon=":material/stop:",
            width="stretch",
            on_click=session.engine().cancel,
            args=(request.key, session.visitor()),
        )
    st.markdown(describe(request))
    points = curve.points(job.curve)
    if points:
        # As in the result: steps count on, and the new search's step 0 is the image before.
        new = [(steps_before + step, distance) for step, distance in points if step or not before]
        steps, distances = zip(*before, *new, strict=True)
        st.plotly_chart(
            falling_curve(
                steps,
                distances,
                request.goal,
                budget=steps_before + request.steps,
                height=240,
                continued_at=steps_before or None,
            ),
            key="live_curve",
            config={"displayModeBar": False, "staticPlot": True},
            alt=f"Relative distance so far: {distances[-1]:.3f} at step {steps[-1]}",
        )
    # The first run is part of the whole page's, whose end clears what the page showed before.
    if next(run):
        _wait_for_end(request)


def _caption(job: Job) -> str:
    """How far the picture of the job's image is."""
    if job.look is None:
        return "generating" if job.preview else "not generated yet"
    return "coming nearer to its seed" if job.stage == NEAREST_STAGE else "generated"


def _running_job(request: Request) -> Job:
    """The job; once it has ended the page runs again instead."""
    job = session.engine().job(request.key)
    if job is None or job.finished:
        if job is not None and session.visitor() in job.subscribers:
            st.rerun()
        url_state.rerun()
    return job


def _wait_for_end(request: Request) -> None:
    """Check often until the next run is nearly due, so that an end is shown at once."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        time.sleep(CHECK_SECONDS)
        _running_job(request)


def _status(job: Job, steps_before: int) -> str:
    if job.state == states.WAITING:
        if job.ahead:
            return f"Waiting: {job.ahead} {'job' if job.ahead == 1 else 'jobs'} ahead"
        return f"{capitalised(job.stage)} …"
    if job.look is not None:
        if job.stage == NEAREST_STAGE:
            number = f": pass {job.step:,}" if job.step else ""
            return f"Now taking back what the match did not need{number} …"
        return f"Verdicts and plots follow. {capitalised(job.stage)} …"
    if not job.curve or not job.step:
        return f"{capitalised(job.stage)} … {job.seconds:.0f} s"
    left = "" if job.eta_seconds is None else f", at most {_duration(job.eta_seconds)} left"
    return (
        f"{capitalised(job.stage)}: step {steps_before + job.step:,} of "
        f"{steps_before + job.steps:,}, "
        f"relative distance {job.curve[-1][1]:.3f}{left}"
    )


def _duration(seconds: float) -> str:
    """`45 s` or `12 min`; at least one second."""
    return f"{max(1, round(seconds))} s" if seconds < 99.5 else f"{round(seconds / 60)} min"
