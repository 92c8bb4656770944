"""The figure of a layer ladder: match and perception along the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.plots.comparison import TICKS, markers
from explorer.plots.style import IRI, QUIET, SEED, TARGET, as_text, figure, log_range


@dataclass(frozen=True)
class Rung:
    """One layer of a ladder, with the IRI that was made for it.

    distance: relative, at this layer, None where it is infinite or the IRI is missing. null: 5 %,
    50 % and 95 % of the relative distances of unrelated images there; None where it is missing.
    to_target, to_seed, to_wrong: a perceptual measure's values; None where there is none.
    """

    title: str
    key: str
    distance: float | None
    filled: bool
    null: tuple[float, float, float] | None
    to_target: float | None
    to_seed: float | None
    to_wrong: float | None


def ladder_figure(rungs: Sequence[Rung], measure: str) -> go.Figure:
    """Above the match at each layer, with the null as a band; below what a measure says there.

    measure: its title, with an arrow that says which way is nearer.
    """
    # Into the figure, not its layout into theirs: copying a layout costs 50 ms of a core.
    chart = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, figure=figure(520)
    )
    places = list(range(1, len(rungs) + 1))
    nulls = [(at, rung.null) for at, rung in zip(places, rungs, strict=True) if rung.null]
    at = [place for place, _ in nulls]
    for quantile, filling in ((0, None), (2, "tonexty")):
        _line(
            chart,
            1,
            at,
            [null[quantile] for _, null in nulls],
            {"color": QUIET, "width": 0},
            fill=filling,
            fillcolor=QUIET,
            name="unrelated images, 5 to 95 %",
            showlegend=quantile == 2,
            hoverinfo="skip",
        )
    _dots(chart, 1, places, rungs, [rung.distance or None for rung in rungs], "distance %{y:.4f}")
    _dots(chart, 2, places, rungs, [rung.to_target for rung in rungs], "to the target %{y:.3f}")
    for name, values, dash in (
        ("to the seed", [rung.to_seed for rung in rungs], "dash"),
        ("to wrong targets, mean", [rung.to_wrong for rung in rungs], "dot"),
    ):
        line = {"color": SEED if dash == "dash" else IRI, "width": 1.5, "dash": dash}
        _line(chart, 2, places, values, line, name=name, hovertemplate="%{y:.3f}<extra></extra>")
    distances = [rung.distance or 0.0 for rung in rungs] + [null[2] for _, null in nulls]
    chart.update_yaxes(
        row=1,
        col=1,
        type="log",
        title="relative distance",
        range=log_range(distances),
        tickvals=TICKS,
        ticktext=[f"{tick:g}" for tick in TICKS],
    )
    chart.update_yaxes(row=2, col=1, title=measure)
    chart.update_xaxes(
        row=2,
        col=1,
        title="matched layer, from the image to the classes",
        tickvals=places,
        ticktext=[as_text(rung.title) for rung in rungs],
        tickangle=-40,
        automargin=True,
        range=[0.6, len(rungs) + 0.4],
    )
    return chart


def _dots(
    chart: go.Figure,
    row: int,
    places: Sequence[int],
    rungs: Sequence[Rung],
    values: Sequence[float | None],
    hover: str,
) -> None:
    """A line through the values, with a dot for each: hollow where the IRI had not converged."""
    _line(chart, row, places, values, {"color": TARGET, "width": 2}, hoverinfo="skip")
    for filled, name in ((True, "converged"), (False, "not converged")):
        points = [
            (place, rung, value)
            for place, rung, value in zip(places, rungs, values, strict=True)
            if rung.filled == filled and value is not None
        ]
        if points:
            chart.add_trace(
                go.Scatter(
                    x=[place for place, _, _ in points],
                    y=[value for _, _, value in points],
                    customdata=[[rung.key, as_text(rung.title)] for _, rung, _ in points],
                    hovertemplate=f"%{{customdata[1]}}: {hover}<extra></extra>",
                    **markers(name, filled) | {"showlegend": row == 1},
                ),
                row=row,
                col=1,
            )


def _line(
    chart: go.Figure,
    row: int,
    x: Sequence[int],
    y: Sequence[float | None],
    line: dict[str, Any],
    **more: Any,
) -> None:
    options = {"showlegend": "name" in more} | more
    if not any(None not in pair for pair in pairwise(y)):
        options["showlegend"] = False  # a line of single points is not seen
    chart.add_trace(
        go.Scatter(x=list(x), y=list(y), mode="lines", line=line, **options), row=row, col=1
    )
