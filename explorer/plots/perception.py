"""The figure of the second question: do perceptual measures call it like the target?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.plots.style import IRI, SEED, TARGET, figure


def lean(measure: str, nearer: str, to_target: float, to_other: float) -> float:
    """Which of two pictures the IRI leans to, from −1 (the other) to +1 (the target).

    (D_other − D_target) / (D_other + D_target), where D is the measure's dissimilarity: itself
    where lower is nearer, 1 − value for similarities, and the root mean squared error for PSNR.
    """
    if measure == "psnr":
        target, other = (10 ** (-value / 20) for value in (to_target, to_other))
    elif nearer == "higher":
        target, other = 1 - to_target, 1 - to_other
    else:
        target, other = to_target, to_other
    total = target + other
    return 0.0 if total <= 0 else (other - target) / total


def leaning(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> go.Figure:
    """One bar a measure: to the right nearer the target, to the left nearer the seed.

    A diamond is the control: the target against a mismatched picture. Measures that may not judge
    are striped.
    """
    shown = [row for row in rows if row["to_target"] is not None and row["to_seed"] is not None]
    shown = sorted(shown, key=lambda row: not _judges(row))[::-1]
    labels = [titles[row["measure"]] for row in shown]
    values = [_lean_to(row, "to_seed") for row in shown]
    chart = figure(120 + 38 * len(shown))
    chart.add_trace(
        go.Bar(
            y=labels,
            x=values,
            orientation="h",
            width=0.55,
            marker={
                "color": [TARGET if value > 0 else SEED for value in values],
                "pattern": {
                    "shape": ["" if _judges(row) else "/" for row in shown],
                    "fillmode": "replace",
                    "size": 7,
                    "solidity": 0.4,
                },
            },
            customdata=[[row["to_target"], row["to_seed"]] for row in shown],
            hovertemplate="%{y}: %{customdata[0]:.3f} to the target, "
            "%{customdata[1]:.3f} to the seed<extra></extra>",
            showlegend=False,
        )
    )
    control = [row for row in shown if row["to_mismatched"] is not None]
    chart.add_trace(
        go.Scatter(
            y=[titles[row["measure"]] for row in control],
            x=[_lean_to(row, "to_mismatched") for row in control],
            mode="markers",
            marker={"symbol": "diamond", "size": 9, "color": IRI},
            name="control: its target against a wrong target",
            customdata=[[row["to_target"], row["to_mismatched"]] for row in control],
            hovertemplate="%{y}: %{customdata[0]:.3f} to the target, "
            "%{customdata[1]:.3f} to a wrong target<extra></extra>",
        )
    )
    chart.add_vline(x=0, line={"color": SEED, "width": 1})
    chart.update_xaxes(
        range=[-1.05, 1.05],
        tickvals=[-0.8, 0, 0.8],
        ticktext=["nearer the seed", "equal", "nearer the target"],
        ticklabelposition="outside",
        tickangle=0,
        showgrid=False,
    )
    chart.update_yaxes(automargin=True)
    return chart


def _judges(row: Mapping[str, Any]) -> bool:
    # Results made before some measures had no vote say only whether they were held out.
    return row.get("judges", row["held_out"])


def _lean_to(row: Mapping[str, Any], other: str) -> float:
    return lean(row["measure"], row["nearer"], row["to_target"], row[other])
