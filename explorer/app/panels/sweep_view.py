"""A sweep on the page: its plan, its progress, its table and its downloads."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer.app import session
from explorer.app.naming import capitalised, literal, network_title, picture_title
from explorer.app.opening import explore_parameters
from explorer.app.pages import PAGES
from explorer.app.panels import gallery_filters
from explorer.hosting import hosting
from explorer.sweep import background
from explorer.sweep.background import BackgroundSweep, Busy, Snapshot
from explorer.sweep.estimate import Estimate, duration, size
from explorer.sweep.pack import lacking, write_pack
from explorer.sweep.plan import Plan
from explorer.sweep.table import csv, parquet

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
_SETTINGS = ("Network", "Layer", "Target", "Seed image", "Loss")
"""Columns that are said once, above the table, where they are alike in all rows."""

_PROBLEM = "_sweep_busy"


def show_plan(plan: Plan, estimate: Estimate) -> None:
    """How many requests of what, and what they take."""
    axes = [
        f"{_TITLES.get(name, capitalised(name.replace('_', ' ')))} **{len(words)}**"
        for name, words in plan.axes().items()
        if len(words) > 1 and name != "nearest"
    ]
    if axes:
        st.markdown(" · ".join(axes))
    with st.container(horizontal=True, gap="large"):
        st.metric("Requests", f"{estimate.requests:,}", width="content")
        st.metric("In the cache", f"{estimate.cached:,}", width="content")
        if estimate.missing:
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
        _show_table(plan, replace(snapshot, rows=snapshot.rows[-ROWS_WHILE_RUNNING:]))


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
    _show_table(plan, snapshot)
    _show_downloads(plan, snapshot)


def _show_table(plan: Plan, snapshot: Snapshot) -> None:
    """The rows, to be sorted and searched; the first column opens the result in Explore."""
    requests = {request.key: request for request in plan.requests}
    asked = [requests[row["key"]].to_dict() for row in snapshot.rows]
    varied = {name for name, words in plan.axes().items() if len(words) > 1}
    shown = [
        _shown_row(row, values, varied, _address(requests[row["key"]], row))
        for row, values in zip(snapshot.rows, asked, strict=True)
    ]
    names = list(dict.fromkeys(name for row in shown for name in row))
    columns = {name: [row.get(name) for row in shown] for name in names}
    if not any(columns["Error"]):
        del columns["Error"]
    alike = [name for name in _SETTINGS if len(shown) > 1 and len(set(columns[name])) == 1]
    if alike:
        st.caption(" · ".join(f"{name}: {literal(str(columns.pop(name)[0]))}" for name in alike))
    st.dataframe(
        columns,
        key="sweep_table",
        hide_index=True,
        width="stretch",
        height=min(38 + 35 * len(shown), 560),
        column_config={
            "Open": st.column_config.LinkColumn("", display_text="Open", width="small"),
            "Relative distance": st.column_config.NumberColumn(format="%.4f"),
            "Moved (RMS)": st.column_config.NumberColumn(format="%.3f"),
        },
    )


def _shown_row(
    row: Any, asked: dict[str, Any], varied: set[str], address: str | None
) -> dict[str, Any]:
    person = row.get("person")
    votes = f"{person}, {row.get('nearer_target')} of {row.get('counted')}"
    more = varied - {"model", "layer", "target", "seed", "loss", "nearest"}
    return {
        "Open": address,
        "Network": network_title(row["model"]),
        "Layer": row["layer"],
        "Target": row.get("target_file") or picture_title(row["target"]),
        "Seed image": row.get("seed_file") or picture_title(row["seed"]),
        "Loss": row["loss"],
        **{capitalised(name.replace("_", " ")): asked.get(name) for name in sorted(more)},
        "To the network": row.get("state"),
        "Relative distance": row.get("relative_l2"),
        "To a person": person if person in (None, "not measured") else votes,
        "Moved (RMS)": row.get("moved_rms"),
        "Error": row.get("error"),
    }


def _address(request: Any, row: Any) -> str | None:
    """Of the result in Explore, or in the gallery where the sidebar cannot ask for it."""
    if row.get("error"):
        return None
    parameters = explore_parameters(request, row["key"])
    if parameters is None:
        return f"./{PAGES['gallery'].name}?{urlencode({gallery_filters.RESULT: row['key']})}"
    return f"./?{urlencode(parameters)}"


def _show_downloads(plan: Plan, snapshot: Snapshot) -> None:
    rows = snapshot.rows
    with st.container(horizontal=True):
        st.download_button(
            "Table (CSV)",
            lambda: csv(rows),
            "sweep.csv",
            "text/csv",
            key="sweep_csv",
            icon=":material/download:",
            on_click="ignore",
            help="One row per IRI; every column is documented in docs/sweeps.md.",
        )
        st.download_button(
            "Table (Parquet)",
            lambda: parquet(rows),
            "sweep.parquet",
            "application/vnd.apache.parquet",
            key="sweep_parquet",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Everything (pack)",
            lambda: _pack(snapshot),
            "sweep-pack.zip",
            "application/zip",
            key="sweep_pack",
            icon=":material/folder_zip:",
            on_click="ignore",
            help="Pictures, arrays and numbers of all results, as `iri cache import` takes them.",
        )

    if lack := lacking(rows, session.engine().store):
        st.caption(literal(lack))


def _pack(snapshot: Snapshot) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pack.zip"
        write_pack(snapshot.rows, session.engine().store, path)
        return path.read_bytes()
