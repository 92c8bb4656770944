"""Figures of a comparison: what the measures say of each value, and at which match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from explorer.plots.style import IRI, TARGET, as_text, figure, log_range

_ROW_HEIGHT = 58
_TITLE = 0.3
"""How far above the middle of its bar the middle of its title is, in rows."""
_JITTER = 0.1
_CONTROL = 0.28
"""How far below its bar a control stands, in rows."""

TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]


@dataclass(frozen=True)
class Dot:
    """One IRI in a figure. key: of its request, what a click gives. filled: whether it converged.

    share: of kinds of measures that call it nearer its target than its seed, in [0, 1].
    distance: relative, at the layer, None where it is infinite. text: what it is.
    """

    key: str
    share: float
    distance: float | None
    filled: bool
    text: str


@dataclass(frozen=True)
class Bar:
    """One value of a comparison, with the mean share of its converged IRIs; None without any.

    low, high: its interval; None for a single IRI. wrong: the share of wrong targets, the control.
    """

    title: str
    mean: float | None
    low: float | None
    high: float | None
    wrong: float | None
    dots: tuple[Dot, ...]


def alignment_bars(bars: Sequence[Bar]) -> go.Figure:
    """A bar per value, from top to bottom, with every IRI on it; hollow ones had not converged."""
    chart = figure(110 + _ROW_HEIGHT * len(bars))
    places = {index: -index for index in range(len(bars))}
    known = [(index, bar) for index, bar in enumerate(bars) if bar.mean is not None]
    chart.add_trace(
        go.Bar(
            x=[100 * (bar.mean or 0.0) for _, bar in known],
            y=[places[index] for index, _ in known],
            orientation="h",
            width=0.36,
            marker={"color": TARGET, "opacity": 0.35, "line": {"width": 0}},
            error_x=_interval([bar for _, bar in known]),
            name="mean of those that converged",
            hovertemplate="mean %{x:.0f} %<extra></extra>",
        )
    )
    for filled, name in ((True, "converged"), (False, "matched, not converged")):
        points = [
            (places[index] + _offset(at, len(bar.dots)), dot)
            for index, bar in enumerate(bars)
            for at, dot in enumerate(bar.dots)
            if dot.filled == filled
        ]
        if points:
            chart.add_trace(
                go.Scatter(
                    x=[100 * dot.share for _, dot in points],
                    y=[height for height, _ in points],
                    customdata=[[dot.key, as_text(dot.text), dot.distance] for _, dot in points],
                    hovertemplate="%{customdata[1]}: %{x:.0f} %, relative distance "
                    "%{customdata[2]:.3f}<extra></extra>",
                    **markers(name, filled),
                )
            )
    controls = [
        (places[index] - _CONTROL, bar.wrong)
        for index, bar in enumerate(bars)
        if bar.wrong is not None
    ]
    if controls:
        chart.add_trace(
            go.Scatter(
                x=[100 * wrong for _, wrong in controls],
                y=[height for height, _ in controls],
                mode="markers",
                marker={"symbol": "x-thin", "size": 9, "line": {"color": IRI, "width": 2}},
                name="control: wrong targets",
                hovertemplate="wrong targets: %{x:.0f} %<extra></extra>",
            )
        )
    chart.update_xaxes(
        title="nearer the target, % of measures", range=[-4, 104], tickvals=[0, 25, 50, 100]
    )
    chart.update_yaxes(
        range=[-len(bars) + 0.5, 0.75], showticklabels=False, zeroline=False, showgrid=False
    )
    # Titles above the bars: next to them, on a phone, they would take half of its width.
    chart.update_layout(
        annotations=[
            {
                "text": as_text(_shortened(bar.title)),
                "hovertext": as_text(bar.title),
                "x": 0,
                "xref": "x",
                "xanchor": "left",
                "y": places[index] + _TITLE,
                "yref": "y",
                "yanchor": "middle",
                "showarrow": False,
            }
            for index, bar in enumerate(bars)
        ]
    )
    return chart


def match_scatter(dots: Sequence[Dot]) -> go.Figure:
    """Every IRI by its relative distance at the layer and the share of its measures."""
    chart = figure(320)
    shown = [dot for dot in dots if dot.distance]
    for filled, name in ((True, "converged"), (False, "matched, not converged")):
        points = [dot for dot in shown if dot.filled == filled]
        if points:
            chart.add_trace(
                go.Scatter(
                    x=[dot.distance for dot in points],
                    y=[100 * dot.share for dot in points],
                    customdata=[[dot.key, as_text(dot.text)] for dot in points],
                    hovertemplate="%{customdata[1]}: %{y:.0f} %, relative distance %{x:.3f}"
                    "<extra></extra>",
                    **markers(name, filled),
                )
            )
    chart.update_xaxes(
        type="log",
        title="relative distance at the layer",
        range=log_range([dot.distance or 1.0 for dot in shown]),
        tickvals=TICKS,
        ticktext=[f"{tick:g}" for tick in TICKS],
    )
    chart.update_yaxes(title="nearer the target, %", range=[-6, 106], tickvals=[0, 50, 100])
    return chart


def markers(name: str, filled: bool) -> dict[str, Any]:
    """How the dots of IRIs look: filled where they converged, else hollow."""
    return {
        "mode": "markers",
        "name": name,
        "marker": {
            "symbol": "circle" if filled else "circle-open",
            "size": 11,
            "color": TARGET,
            "line": {"color": TARGET, "width": 2},
        },
    }


def _interval(bars: Sequence[Bar]) -> dict[str, Any]:
    """The bars' intervals, as plotly wants them; nothing where a bar has none."""
    above = [100 * ((bar.high or 0.0) - (bar.mean or 0.0)) if bar.high else 0.0 for bar in bars]
    below = [100 * ((bar.mean or 0.0) - bar.low) if bar.low is not None else 0.0 for bar in bars]
    return {
        "array": above,
        "arrayminus": below,
        "color": TARGET,
        "thickness": 2.5,
        "width": 5,
        "visible": any(above) or any(below),
    }


def _offset(at: int, count: int) -> float:
    """Dots of one bar one under the other, so that equal shares do not hide each other."""
    return 0.0 if count == 1 else _JITTER * (1 - 2 * at / (count - 1))


def _shortened(title: str, most: int = 52) -> str:
    """A title that fits above its bar on a phone; its end is what tells long references apart."""
    return title if len(title) <= most else f"{title[: most // 2]}…{title[-most // 2 :]}"
