"""What the figures of a class share: rows with their name above them, read from the last row."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from explorer.plots.style import SEED

FONT = 16
"""Of ticks and titles: they are read from the last row of a lecture hall."""

CHANCE = {"color": SEED, "width": 2, "dash": "dot"}
"""The line of those who only guess."""


def name_rows(chart: go.Figure, names: Sequence[str], above: float, shift_px: float = 0) -> None:
    """Write each row's name over it, so that a phone's width is left to the row itself.

    The rows are at 0, −1, −2 …; the lower edge of a name is `above` rows and `shift_px` pixels over
    its row.
    """
    for at, name in enumerate(names):
        chart.add_annotation(
            text=name,
            x=0,
            xref="paper",
            xanchor="left",
            y=above - at,
            yanchor="bottom",
            yshift=shift_px,
            align="left",
            showarrow=False,
            font={"size": FONT - 2},
        )
    chart.update_yaxes(showticklabels=False, ticks="", zeroline=False, showgrid=False)


def mark_rows(
    chart: go.Figure, x: float, count: int, reach: tuple[float, float], line: dict[str, object]
) -> None:
    """A vertical line at x in every row, so that it does not cross the names.

    reach: from where to where, in rows from the row itself.
    """
    for at in range(count):
        low, high = reach
        chart.add_shape(type="line", x0=x, x1=x, y0=low - at, y1=high - at, line=line)


def show_percent(chart: go.Figure, title: str, most: float = 1.02) -> None:
    """The horizontal axis of shares from 0 to 100 %."""
    chart.update_xaxes(
        title={"text": title, "font": {"size": FONT}},
        range=[-0.02, most],
        tickformat=".0%",
        tickfont={"size": FONT},
        zeroline=False,
    )
    chart.update_layout(margin={"l": 8, "r": 24})
