"""A sweep on the page: its plan, its progress and its end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import streamlit as st

from explorer.app import session
from explorer.app.naming import capitalised, literal
from explorer.app.panels import sweep_table
from explorer.hosting import hosting
from explorer.sweep import background
from explorer.sweep.background import BackgroundSweep, Busy, Snapshot
from explorer.sweep.estimate import Estimate, duration, size
from explorer.sweep.plan import Plan

LOOK_SECONDS = 2.0
ROWS_WHILE_RUNNING = 100
"""Every look sends the table anew, and with a thousand rows would take a tenth of a second."""

FIRST_LOOK_SECONDS = 1.5
_TITLES = {
    "model": "Networks",
    "layer": "Layers",
    "target": "Targets",
    "seed": "Seed images",
    "loss": "Losses",
    "rng_seed": "Random seeds",
    "steps": "Steps",
    "goal": "Goals",
}
_PROBLEM = "_sweep_busy"


def show_plan(plan: Plan, estimate: Estimate) -> None:
    """How many requests of what, and what they take until it runs; then its progress tells."""
    axes = [
        f"{_TITLES.get(name, capitalised(name.replace('_', ' ')))} **{len(words)}**"
        for name, words in plan.axes().items()
        if len(words) > 1 and name != "nearest"
    ]
    if axes:
        st.markdown(" · ".join(axes))
    with st.container(horizontal=True, gap="large"):
        st.metric("Requests", f"{estimate.requests:,}", width="content")
        is_running = _is_running(plan)
        if not is_running:
            st.metric("In the cache", f"{estimate.cached:,}", width="content")
        if estimate.missing and not is_running:
            rough = "" if estimate.timed == 1 else "~ "
            st.metric(
                "Time",
                rough + duration(estimate.seconds),
                width="content",
                help="Of the worker, without the jobs of others. With ~ a rough guess: some of its "
                "networks have not been timed here yet.",
            )
            st.metric("Disk", size(estimate.bytes), width="content", help="In the result cache.")
    for note in plan.notes:
        st.caption(literal(note))
    if plan.layers_unknown:
        names = ", ".join(plan.layers_unknown)
        st.caption(f"Layers are checked when the network is loaded: {literal(names)}.")


def _is_running(plan: Plan) -> bool:
    sweep = background.find(plan)
    return sweep is not None and not sweep.snapshot().ended


def show(plan: Plan, estimate: Estimate) -> None:
    """The button that runs it, or how far it is, or what came of it."""
    if problem := st.session_state.pop(_PROBLEM, None):
        st.warning(literal(problem), icon=":material/hourglass_top:")
    sweep = background.find(plan)
    if not estimate.missing and (sweep is None or sweep.snapshot().cancelled):
        _start(plan)  # nothing is generated: the results are read from the cache
        sweep = background.find(plan)
        if sweep is not None:
            sweep.ended.wait(FIRST_LOOK_SECONDS)
    if sweep is None:
        _run_button(plan, f"Generate {estimate.missing:,}")
        on = "while this page is open" if hosting().abandon_seconds else "on if you leave the page"
        st.caption(f"The table fills in as results come. It runs {on}.")
        return
    snapshot = sweep.snapshot()
    if snapshot.ended:
        _show_end(plan, estimate, snapshot)
        return
    st.fragment(_watch, run_every=LOOK_SECONDS)(plan, sweep, itertools.count())


def _start(plan: Plan) -> None:
    try:
        background.start(session.engine(), plan, session.sweeper())
    except Busy as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        session.requested().update(request.key for request in plan.requests)


def _run_button(plan: Plan, label: str) -> None:
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key="sweep_run",
        on_click=_start,
        args=(plan,),
    )


def _watch(plan: Plan, sweep: BackgroundSweep, run: Iterator[int]) -> None:
    """How far it is; the page runs again, as a whole, once it has ended."""
    if next(run) == 0:
        sweep.ended.wait(0.3)
    snapshot = sweep.snapshot()
    if snapshot.ended:
        st.rerun()
    progress = snapshot.progress
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    with bar:
        finished = progress.done + progress.failed
        st.progress(finished / max(1, progress.total), text=literal(_status(snapshot)))
    with button:
        if sweep.is_wanted_by(session.sweeper()):
            st.button(
                "Cancel",
                key="sweep_cancel",
                icon=":material/stop:",
                width="stretch",
                on_click=_cancel,
                args=(sweep,),
                help="What is finished stays in the cache; Generate goes on from there.",
            )
    if left_out := max(0, len(snapshot.rows) - ROWS_WHILE_RUNNING):
        st.caption(
            f"The newest {ROWS_WHILE_RUNNING}; all {left_out + ROWS_WHILE_RUNNING:,} follow."
        )
    if snapshot.rows:
        sweep_table.show_table(plan, replace(snapshot, rows=snapshot.rows[-ROWS_WHILE_RUNNING:]))


def _cancel(sweep: BackgroundSweep) -> None:
    sweep.cancel(session.sweeper())
    sweep.ended.wait(FIRST_LOOK_SECONDS)


def _status(snapshot: Snapshot) -> str:
    progress = snapshot.progress
    text = f"{progress.done:,} of {progress.total:,} done"
    if progress.failed:
        text += f", {progress.failed:,} failed"
    if progress.eta_seconds is not None and progress.left:
        text += f", about {duration(progress.eta_seconds)} left"
    job = progress.job
    if job is not None:
        return f"{text}. {capitalised(job.stage)} …"
    ahead = session.engine().under_way
    others = f" ({ahead} jobs in the queue)" if ahead else ""
    return f"{text}. Waiting for the worker{others} …" if progress.left else text


def _show_end(plan: Plan, estimate: Estimate, snapshot: Snapshot) -> None:
    rows = snapshot.rows
    failed = sum(1 for row in rows if row.get("error"))
    matched = sum(row.get("matched") is True for row in rows)
    converged = sum(row.get("converged") is True for row in rows)
    if snapshot.error is not None:
        st.error(f"It stopped: {literal(snapshot.error)}", icon=":material/error:")
    elif snapshot.cancelled:
        st.info(
            f"Cancelled with {estimate.cached:,} of {len(plan.requests):,} in the cache.",
            icon=":material/stop:",
        )
    if not snapshot.finished or failed:
        left = estimate.missing
        _run_button(plan, f"Generate {left:,}" if not failed else f"Try {left:,} again")
    if not rows:
        return
    text = f"**{matched:,} of {len(rows) - failed:,} match**, {converged:,} of these converged."
    if failed:
        text += f" {failed:,} failed; the last column says why."
    st.markdown(text)
    sweep_table.show_table(plan, snapshot)
    sweep_table.show_downloads(plan, snapshot)
