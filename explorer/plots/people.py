"""The figure of what people recognised in a network's metamers, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.match import short_names
from explorer.plots.style import IRI, QUIET, SEED, TARGET, as_text, figure

_COLOURS = (TARGET, IRI, "#3f9b6b", "#9a62c9")
"""As many as there are experiments with one network."""


@dataclass(frozen=True)
class RecognitionPoint:
    """Shares of right answers, in [0, 1]: people's mean, its standard error, the network's own.

    tick: the place along the axis.
    """

    tick: str
    mean: float
    standard_error: float
    network: float


def recognition(
    experiments: Sequence[tuple[str, Sequence[RecognitionPoint]]],
    ticks: Sequence[str],
    chance: float,
) -> go.Figure:
    """Shares of right answers with their standard errors, one line an experiment, and chance.

    experiments: a name and the points of each, from left to right. ticks: along the axis; one that
    no point has is left empty. The networks' own answers are dotted.
    """
    chart = figure(350)
    place = {tick: at for at, tick in enumerate(ticks)}
    for (name, points), colour in zip(experiments, _COLOURS, strict=False):
        chart.add_trace(
            go.Scatter(
                x=[place[each.tick] for each in points],
                y=[each.mean for each in points],
                error_y={
                    "array": [each.standard_error for each in points],
                    "color": colour,
                    "thickness": 1.5,
                    "width": 3,
                },
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 8},
                name=name,
                text=[each.tick for each in points],
                hovertemplate="%{text}: %{y:.0%} ± %{error_y.array:.1%}<extra></extra>",
            )
        )
    for at, (_, points) in enumerate(experiments):
        chart.add_trace(
            go.Scatter(
                x=[place[each.tick] for each in points],
                y=[each.network for each in points],
                mode="lines",
                line={"color": QUIET, "width": 1.5, "dash": "dot"},
                name="network",
                legendgroup="network",
                showlegend=at == 0,
                text=[each.tick for each in points],
                hovertemplate="the network, %{text}: %{y:.0%}<extra></extra>",
            )
        )
    chart.add_hline(
        y=chance,
        line={"color": SEED, "width": 1, "dash": "dash"},
        annotation={"text": "chance", "font": {"size": 12, "color": SEED}},
        annotation_position="top left",
    )
    chart.update_yaxes(title="recognised", range=[0, 1.03], tickformat=".0%")
    chart.update_xaxes(
        tickvals=list(range(len(ticks))),
        ticktext=list(map(as_text, short_names(ticks))),
        tickangle=-45,
        range=[-0.4, len(ticks) - 0.6],
        automargin=True,
    )
    return chart
