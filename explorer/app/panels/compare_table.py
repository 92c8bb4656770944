"""The numbers of a comparison: a table that the browser sorts, and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import streamlit as st

from explorer.analysis.compared import Compared
from explorer.app.components.table import Column, show_table
from explorer.app.naming import loss_title, network_title, picture_title
from explorer.app.panels.compare_settings import View
from explorer.files import row_as_text
from explorer.models import layer_expression

Value = str | float | None

COLUMNS: dict[str, Column] = {
    "network": Column("Network"),
    "layer": Column("Layer"),
    "target": Column("Target"),
    "seed": Column("Seed"),
    "random_seed": Column("Random seed"),
    "loss": Column("Loss"),
    "state": Column("To the network"),
    "relative_distance": Column("Relative distance", 4),
    "null_smallest": Column("Smallest of the null", 3),
    "measures_nearer_target": Column("Nearer target"),
    "measures_counted": Column("of measures"),
    "wrong_targets_nearer": Column("Wrong targets nearer", 2),
    "moved": Column("Moved", 3),
    "steps": Column("Steps"),
    "seconds": Column("Seconds", 1),
}
"""The table's columns by their names in the CSV file."""


def show(view: View, results: Sequence[Compared]) -> None:
    """The table, and its download as CSV."""
    rows = [row(result) for result in results]
    # What is the same in all rows stands in the sidebar; what varies does not.
    named = ("network", "layer", "target", "seed", "random_seed", "loss")
    own = "network" if view.axis.field == "model" else view.axis.field
    varied = [
        name
        for name in COLUMNS
        if name not in named or name == own or len({each[name] for each in rows}) > 1
    ]
    st.subheader("The numbers")
    titled = [
        [_titled(name, each[name]) if name in named else each[name] for name in varied]
        for each in rows
    ]
    show_table(
        [COLUMNS[name] for name in varied],
        titled,
        label="The numbers of every image",
        key="compare_table",
    )
    st.caption(
        "Moved: from the seed, root mean square of pixels from 0 to 1. Wrong targets nearer: the "
        "control, a share. A measure counts where it can tell right from wrong targets."
    )
    st.download_button(
        "Table as CSV",
        lambda: to_csv(results),
        f"compare-{view.axis.name}.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/table:",
        key="compare_csv",
    )


def row(result: Compared) -> dict[str, Value]:
    """The numbers of one image, by the names of COLUMNS."""
    request, person = result.request, result.person
    return {
        "network": request.model,
        "layer": layer_expression.title(request.layer),
        "target": request.target,
        "seed": request.seed,
        "random_seed": request.rng_seed,
        "loss": request.loss,
        "state": result.state.value,
        "relative_distance": result.relative_l2,
        "null_smallest": result.null.min if result.null.n else None,
        "measures_nearer_target": person.nearer_target if result.matched else None,
        "measures_counted": person.counted if result.matched else None,
        "wrong_targets_nearer": person.wrong_nearer if result.matched else None,
        "moved": result.moved,
        "steps": result.steps,
        "seconds": result.seconds,
    }


def to_csv(results: Sequence[Compared]) -> str:
    """A line per image with every column, and the key of its result."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*COLUMNS, "key"], lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow(row_as_text({**row(result), "key": result.request.key}))
    return buffer.getvalue()


def _titled(name: str, value: Value) -> Value:
    if not isinstance(value, str):
        return value
    if name == "network":
        return network_title(value)
    if name in ("target", "seed"):
        return picture_title(value)
    return loss_title(value) if name == "loss" else value
