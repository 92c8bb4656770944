"""The figure of effects: by how much one kind of network is above another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.style import SEED, TARGET, figure

_MARKS = {
    "holds": (TARGET, "circle"),
    "can't tell": (SEED, "circle-open"),
    "does not hold": (SEED, "x"),
}
_WIDTH = 24
"""Characters of a title on one line; a phone is narrow."""


@dataclass(frozen=True)
class Interval:
    """A difference in points with its interval. verdict: as the report has it."""

    title: str
    points: float
    low: float
    high: float
    verdict: str


def intervals_figure(intervals: Sequence[Interval]) -> go.Figure:
    """One dot with a line through it for each, from top to bottom; grey unless it holds."""
    chart = figure(90 + 52 * len(intervals))
    for verdict in dict.fromkeys(each.verdict for each in intervals):
        colour, symbol = _MARKS.get(verdict, _MARKS["can't tell"])
        shown = [(-at, each) for at, each in enumerate(intervals) if each.verdict == verdict]
        chart.add_trace(
            go.Scatter(
                x=[each.points for _, each in shown],
                y=[at for at, _ in shown],
                error_x={
                    "array": [each.high - each.points for _, each in shown],
                    "arrayminus": [each.points - each.low for _, each in shown],
                    "color": colour,
                    "thickness": 2.5,
                    "width": 5,
                },
                mode="markers",
                marker={"color": colour, "size": 11, "symbol": symbol},
                name=verdict,
                customdata=[[each.title, each.low, each.high] for _, each in shown],
                hovertemplate="%{customdata[0]}: %{x:+.0f} points, %{customdata[1]:.0f} to "
                "%{customdata[2]:.0f}<extra></extra>",
            )
        )
    chart.add_vline(x=0, line={"color": SEED, "width": 1})
    chart.update_layout(showlegend=True)
    chart.update_xaxes(title="points of alignment", range=_range(intervals))
    chart.update_yaxes(
        tickvals=[-at for at in range(len(intervals))],
        ticktext=[_wrapped(each.title) for each in intervals],
        range=[-len(intervals) + 0.4, 0.6],
        automargin=True,
        zeroline=False,
        showgrid=False,
    )
    return chart


def _range(intervals: Sequence[Interval]) -> list[float]:
    """From −20 to 100 points, or as far as the intervals reach."""
    lows, highs = [each.low for each in intervals], [each.high for each in intervals]
    return [min(-20, *(low - 5 for low in lows)), max(100, *(high + 5 for high in highs))]


def _wrapped(title: str) -> str:
    lines = [""]
    for word in title.split(" "):
        if lines[-1] and len(f"{lines[-1]} {word}") > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)
