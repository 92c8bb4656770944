"""What each measure said of the images that a class was asked about, as a table of shades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from explorer.plots.class_style import FONT, mark_rows, name_rows
from explorer.plots.style import SEED, as_text, figure

PEOPLE = "<b>People</b>"
_ROW_HEIGHT = 84
_NAME = 0.55
"""Of a row's height, for its name."""

_HEAD_HEIGHT = 170
_MOST_NUMBERS = 12
"""Columns beyond which a phone has no room for the numbers; the shades still tell."""


@dataclass(frozen=True)
class ConditionMeasures:
    """One network and loss.

    name: HTML. measures: by title, the share of the images that each puts nearer the target than
    the seed. related: those of them that do not count, because of the network or the loss.
    people: their share for the target, where they were asked the same.
    """

    name: str
    measures: Mapping[str, float]
    related: frozenset[str] = field(default_factory=frozenset)
    people: float | None = None


def measure_shares(rows: Sequence[ConditionMeasures]) -> go.Figure:
    """A row a condition and a column a measure, each cell with its share in percent.

    People are the first column, where they were asked the same. A star: the measure does not count.
    """
    measures = list(dict.fromkeys(name for row in rows for name in row.measures))
    asked = any(row.people is not None for row in rows)
    columns = [*([PEOPLE] if asked else []), *measures]
    shares = [
        [row.people if column is PEOPLE else row.measures.get(column) for column in columns]
        for row in rows
    ]
    chart = figure(_HEAD_HEIGHT + _ROW_HEIGHT * len(rows))
    chart.add_trace(
        go.Heatmap(
            x=[each if each is PEOPLE else as_text(each) for each in columns],
            y=[-at for at, _ in enumerate(rows)],
            z=shares,
            zmin=0,
            zmax=1,
            colorscale=[[0, "#eceff2"], [1, "#6aa1ea"]],
            showscale=False,
            xgap=2,
            ygap=_ROW_HEIGHT * _NAME,
            text=[
                [
                    _cell(share, column in row.related)
                    for share, column in zip(said, columns, strict=True)
                ]
                for row, said in zip(rows, shares, strict=True)
            ],
            texttemplate="%{text}" if len(columns) <= _MOST_NUMBERS else "",
            textfont={"size": FONT - 2, "color": "#10161d"},
            hoverongaps=False,
            hovertemplate="%{x}: %{z:.0%} nearer the target<extra></extra>",
        )
    )
    if asked:
        half = (1 - _NAME) / 2
        mark_rows(chart, 0.5, len(rows), (-half, half), {"color": SEED, "width": 3})
    # The gap between two cells is in pixels, half of it above a cell.
    name_rows(chart, [row.name for row in rows], above=0.5, shift_px=-_ROW_HEIGHT * _NAME / 2)
    chart.update_xaxes(
        side="top", ticks="", tickfont={"size": FONT - 2}, autotickangles=[0, -90], showgrid=False
    )
    chart.update_yaxes(range=[0.6 - len(rows), 0.85])
    return chart


def _cell(share: float | None, is_related: bool) -> str:
    return "" if share is None else f"{100 * share:.0f}{'*' if is_related else ''}"
