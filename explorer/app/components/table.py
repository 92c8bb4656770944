"""A table that the browser sorts: a real one, without data frames, for a few hundred rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_table",
    html='<div class="scroll" tabindex="0" role="region"></div>',
    css=(_FRONT / "table.css").read_text(encoding="utf-8"),
    js=(_FRONT / "table.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Column:
    """A column. digits: after the point of its numbers; None for text and whole numbers."""

    title: str
    digits: int | None = None


def show_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | float | None]],
    *,
    label: str,
    key: str,
) -> None:
    """Draw the rows; a click on a column's title sorts by it, a second one the other way round.

    None is a dash, and stands last. label: what the table holds, for a screen reader.
    """
    data = {
        "label": label,
        "columns": [{"title": column.title, "digits": column.digits} for column in columns],
        "rows": [list(row) for row in rows],
    }
    _component(data={"json": json.dumps(data)}, key=key)
