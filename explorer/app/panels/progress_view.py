"""A job under way: the picture as it is now, the falling curve, how long still, and Cancel."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import streamlit as st

from explorer.app import session, url_state
from explorer.app.components.pictures import show_pictures
from explorer.app.naming import said
from explorer.app.panels.pending_view import before
from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.plots.match import falling_curve
from explorer.request import Request

FASTEST_SECONDS = 0.5
SECONDS_PER_JOB = 0.05
WAIT_SECONDS, LOOK_SECONDS = 0.35, 0.03


def show(request: Request) -> None:
    """Watch the job; the page runs again, as a whole, once it has ended."""
    every = max(FASTEST_SECONDS, SECONDS_PER_JOB * session.engine().under_way)
    st.fragment(_watch, run_every=every)(request, itertools.count())


def _watch(request: Request, looks: Iterator[int]) -> None:
    job = session.engine().job(request.key)
    _go_on_if_ended(job)
    show_pictures(before(request, job.preview), reserve=True, key="pictures")
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    with bar:
        st.progress(min(1.0, job.step / max(1, job.steps)), text=_words(job))
    with button:
        st.button(
            "Cancel",
            key="cancel",
            icon=":material/stop:",
            width="stretch",
            on_click=session.engine().cancel,
            args=(request.key, session.watcher()),
        )
    st.markdown(said(request))
    if job.curve:
        steps, distances = zip(*job.curve, strict=True)
        st.plotly_chart(
            falling_curve(steps, distances, request.goal, budget=request.steps, height=240),
            key="live_curve",
            config={"displayModeBar": False, "staticPlot": True},
            alt=f"Relative distance so far: {distances[-1]:.3f} at step {steps[-1]}",
        )
    # The first look is part of the whole page's run, whose end clears what stood there before.
    if next(looks):
        _wait_for_the_end(request)


def _go_on_if_ended(job: Job | None) -> None:
    if job is None or job.finished:
        if job is not None and session.watcher() in job.watchers:
            st.rerun()
        url_state.rerun()


def _wait_for_the_end(request: Request) -> None:
    """Most of the time until the next look, so that an end is seen at once."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        _go_on_if_ended(session.engine().job(request.key))


def _words(job: Job) -> str:
    if job.state == states.WAITING:
        if job.ahead:
            return f"Waiting: {job.ahead} before it"
        return f"{job.stage.capitalize()} …"
    if not job.curve or not job.step:
        return f"{job.stage.capitalize()} … {job.seconds:.0f} s"
    left = "" if job.eta_seconds is None else f", at most {_duration(job.eta_seconds)} left"
    return (
        f"{job.stage.capitalize()}: step {job.step:,} of {job.steps:,}, "
        f"relative distance {job.curve[-1][1]:.3f}{left}"
    )


def _duration(seconds: float) -> str:
    """`45 s` or `12 min`; never none at all."""
    return f"{max(1, round(seconds))} s" if seconds < 99.5 else f"{round(seconds / 60)} min"
