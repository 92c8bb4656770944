"""The figure of how networks see each other's IRIs: a heat map with the numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.style import SEED, as_text, figure

_RED, _GREEN, _BLUE = 61, 127, 217  # of `style.TARGET`
_PALEST, _FULLEST = 0.06, 0.95
_DARK = 0.6
"""From this opacity on a cell's number is white."""

_HALF = 0.47  # of a cell's width
_FONT_ROOM = 84  # px of font size over all columns, so that numbers fit on a phone


@dataclass(frozen=True)
class ObserverCell:
    """One cell: how full its colour is, in [0, 1], the number in it, and what hovering says.

    hover: lines of text. fill: None for an undefined value. hollow: drawn as an outline, for IRIs
    that had not converged.
    """

    fill: float | None
    text: str
    hover: str
    hollow: bool = False


def observer_heat_map(
    names: Sequence[str], cells: Sequence[Sequence[ObserverCell]], ink: str | None = None
) -> go.Figure:
    """Rows: the network that the IRIs were made for; columns: the one that sees them.

    names: short ones of the networks; rows beyond the columns' number have names, too. cells: by
    row, each with a cell per column. ink: the colour of numbers on pale ground; the theme's
    for its axes unless given.
    """
    rows, columns = len(cells), len(cells[0])
    chart = figure(84 + 58 * rows)
    placed = [
        (row, column, cell) for row, line in enumerate(cells) for column, cell in enumerate(line)
    ]
    for row, column, cell in placed:
        chart.add_shape(
            type="rect",
            layer="below",
            x0=column - _HALF,
            x1=column + _HALF,
            y0=row - _HALF,
            y1=row + _HALF,
            fillcolor="rgba(0,0,0,0)" if cell.hollow else _colour(cell.fill),
            line={"color": SEED if cell.hollow else "rgba(0,0,0,0)", "width": 2, "dash": "dot"},
        )
    for white in (False, True):
        chosen = [each for each in placed if _is_dark(each[2]) is white]
        chart.add_trace(
            go.Scatter(
                x=[column for _, column, _ in chosen],
                y=[row for row, _, _ in chosen],
                mode="text",
                text=[cell.text for _, _, cell in chosen],
                textfont={
                    "size": min(14, max(8, _FONT_ROOM // columns)),
                    "color": "white" if white else ink,
                },
                customdata=[as_text(cell.hover).replace("\n", "<br>") for _, _, cell in chosen],
                hovertemplate="%{customdata}<extra></extra>",
                showlegend=False,
            )
        )
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True}
    chart.update_xaxes(
        title="seen by",
        side="top",
        tickvals=list(range(columns)),
        ticktext=list(map(as_text, names[:columns])),
        range=[-0.5, columns - 0.5],
        **plain,
    )
    chart.update_yaxes(
        title="made for",
        tickvals=list(range(rows)),
        ticktext=list(map(as_text, names[:rows])),
        range=[rows - 0.5, -0.5],
        automargin=True,
        **plain,
    )
    return chart


def _is_dark(cell: ObserverCell) -> bool:
    return not cell.hollow and cell.fill is not None and _opacity(cell.fill) >= _DARK


def _opacity(fill: float) -> float:
    return _PALEST + (_FULLEST - _PALEST) * min(1.0, max(0.0, fill))


def _colour(fill: float | None) -> str:
    opacity = 0.0 if fill is None else _opacity(fill)
    return f"rgba({_RED}, {_GREEN}, {_BLUE}, {opacity:.3f})"
