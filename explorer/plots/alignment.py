"""The figure of a reproduction: alignment per network and loss family, with its control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.style import IRI, SEED, TARGET, figure

_COLOURS = {"regularizer-free": TARGET, "human-leaning": "#3f9b6b", "adversarial": IRI}
_ROW_HEIGHT = 46


@dataclass(frozen=True)
class AlignmentPoint:
    """The alignment of one network's IRIs by one loss family.

    aligned: the share in percent, with its interval `low` to `high`; control: the same share for a
    wrong target. It rests on the `matched` IRIs of `of`.
    """

    network: str
    family: str
    aligned: float
    low: float
    high: float
    control: float
    matched: int
    of: int


def alignment(points: Sequence[AlignmentPoint], networks: Sequence[str]) -> go.Figure:
    """One line per network, one dot with its interval per loss family, a cross for the control.

    networks: from top to bottom; the points of others are left out.
    """
    chart = figure(140 + _ROW_HEIGHT * len(networks))
    place = {name: -index for index, name in enumerate(networks)}
    for number, (family, colour) in enumerate(_COLOURS.items()):
        shown = [each for each in points if each.family == family and each.network in place]
        heights = [place[each.network] + 0.24 * (1 - number) for each in shown]
        chart.add_trace(
            go.Scatter(
                x=[each.aligned for each in shown],
                y=heights,
                mode="markers",
                marker={"color": colour, "size": 10},
                error_x={
                    "array": [each.high - each.aligned for each in shown],
                    "arrayminus": [each.aligned - each.low for each in shown],
                    "color": colour,
                    "thickness": 2,
                    "width": 0,
                },
                name=family,
                customdata=[[each.network, each.matched, each.of] for each in shown],
                hovertemplate="%{customdata[0]}: %{x:.0f} % of the %{customdata[1]} that match "
                "(of %{customdata[2]})<extra></extra>",
            )
        )
        chart.add_trace(
            go.Scatter(
                x=[each.control for each in shown],
                y=heights,
                mode="markers",
                marker={"symbol": "x-thin", "size": 8, "line": {"color": SEED, "width": 1.5}},
                name="control: a wrong target",
                legendgroup="control",
                showlegend=number == 0,
                hovertemplate="a wrong target: %{x:.0f} %<extra></extra>",
            )
        )
    chart.update_xaxes(
        title="IRIs nearer their target than their seed, % of those that match", range=[-3, 103]
    )
    chart.update_yaxes(
        tickvals=list(place.values()), ticktext=list(place), automargin=True, zeroline=False
    )
    return chart
