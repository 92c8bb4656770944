"""The figure of a reproduction: alignment per network and loss family, with its control.

One panel per data set, for its networks alone can be compared: targets, seed and judges differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.style import IRI, SEED, TARGET, as_text, figure

_COLOURS = {"regularizer-free": TARGET, "human-leaning": "#3f9b6b", "adversarial": IRI}
_ROW_HEIGHT = 46
_PANEL_HEIGHT = 90  # of its title and the gap above it


@dataclass(frozen=True)
class Panel:
    """The networks of one data set, from top to bottom, and what the panel is of."""

    title: str
    networks: tuple[str, ...]


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


def alignment(points: Sequence[AlignmentPoint], panels: Sequence[Panel]) -> go.Figure:
    """One line per network, one dot with its interval per loss family, a cross for the control.

    Points of networks that are in no panel are left out.
    """
    rows = [len(panel.networks) for panel in panels]
    height = 110 + sum(_PANEL_HEIGHT + _ROW_HEIGHT * count for count in rows)
    chart = figure(height)
    chart.set_subplots(
        rows=len(panels),
        cols=1,
        row_heights=rows,
        vertical_spacing=_PANEL_HEIGHT / height if len(panels) > 1 else 0,
        subplot_titles=[as_text(panel.title) for panel in panels],
    )
    chart.update_annotations(font={"size": 13}, x=0, xanchor="left", align="left", yshift=6)
    for row, panel in enumerate(panels, start=1):
        _draw(chart, points, panel, row)
    chart.update_xaxes(range=[-3, 103])
    chart.update_xaxes(
        title="IRIs nearer their target than their seed, % of those that match", row=len(panels)
    )
    chart.update_layout(margin={"t": 80}, legend={"yref": "container", "y": 1, "yanchor": "top"})
    return chart


def _draw(chart: go.Figure, points: Sequence[AlignmentPoint], panel: Panel, row: int) -> None:
    place = {name: -index for index, name in enumerate(panel.networks)}
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
                legendgroup=family,
                showlegend=row == 1,
                customdata=[[each.network, each.matched, each.of] for each in shown],
                hovertemplate="%{customdata[0]}: %{x:.0f} % of the %{customdata[1]} that match "
                "(of %{customdata[2]})<extra></extra>",
            ),
            row,
            1,
        )
        chart.add_trace(
            go.Scatter(
                x=[each.control for each in shown],
                y=heights,
                mode="markers",
                marker={"symbol": "x-thin", "size": 8, "line": {"color": SEED, "width": 1.5}},
                name="control: a wrong target",
                legendgroup="control",
                showlegend=row == 1 and number == 0,
                hovertemplate="a wrong target: %{x:.0f} %<extra></extra>",
            ),
            row,
            1,
        )
    chart.update_yaxes(
        tickvals=list(place.values()),
        ticktext=list(place),
        range=[-len(place) + 0.4, 0.6],
        automargin=True,
        zeroline=False,
        row=row,
    )
