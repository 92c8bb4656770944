"""The table of a sweep on the page, and its downloads."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer.app import session
from explorer.app.naming import capitalised, literal, network_title, picture_title
from explorer.app.opening import explore_parameters
from explorer.app.pages import PAGES
from explorer.app.panels import gallery_filters
from explorer.sweep.background import Snapshot
from explorer.sweep.pack import lacking, write_pack
from explorer.sweep.plan import Plan
from explorer.sweep.table import csv, parquet

_SETTINGS = ("Network", "Layer", "Target", "Seed image", "Loss")
"""Columns that are said once, above the table, where they are alike in all rows."""


def show_table(plan: Plan, snapshot: Snapshot) -> None:
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


def show_downloads(plan: Plan, snapshot: Snapshot) -> None:
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
