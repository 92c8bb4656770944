"""The figure of a reproduction: alignment per network and loss family, with its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.plots.style import IRI, SEED, TARGET, figure

_COLOURS = {"regularizer-free": TARGET, "human-leaning": "#3f9b6b", "adversarial": IRI}
_ROW_HEIGHT = 46


def alignment(rows: Sequence[Mapping[str, Any]], networks: Sequence[str]) -> go.Figure:
    """One line per network, one dot with its interval per loss family, a cross for the control.

    rows: "network", "loss family", "aligned %", "low", "high", "wrong target %", "matched", "of";
    those without a share (too few matched) are left out. networks: from top to bottom.
    """
    chart = figure(140 + _ROW_HEIGHT * len(networks))
    place = {name: -index for index, name in enumerate(networks)}
    rows = [row for row in rows if row["aligned %"] is not None and row["network"] in place]
    for number, (family, colour) in enumerate(_COLOURS.items()):
        shown = [row for row in rows if row["loss family"] == family]
        heights = [place[row["network"]] + 0.24 * (1 - number) for row in shown]
        chart.add_trace(
            go.Scatter(
                x=[row["aligned %"] for row in shown],
                y=heights,
                mode="markers",
                marker={"color": colour, "size": 10},
                error_x={
                    "array": [row["high"] - row["aligned %"] for row in shown],
                    "arrayminus": [row["aligned %"] - row["low"] for row in shown],
                    "color": colour,
                    "thickness": 2,
                    "width": 0,
                },
                name=family,
                customdata=[[row["network"], row["matched"], row["of"]] for row in shown],
                hovertemplate="%{customdata[0]}: %{x:.0f} % of the %{customdata[1]} that match "
                "(of %{customdata[2]})<extra></extra>",
            )
        )
        chart.add_trace(
            go.Scatter(
                x=[row["wrong target %"] for row in shown],
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
