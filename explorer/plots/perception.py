"""The figure of the second question: do perceptual measures call it like the target?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from explorer.metrics.perceptual_verdict import Comparison
from explorer.plots.remembered import remembered
from explorer.plots.style import IRI, SEED, TARGET, as_text, figure


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


@remembered
def leaning(comparisons: Sequence[Comparison], titles: Mapping[str, str]) -> go.Figure:
    """One bar a measure: to the right nearer the target, to the left nearer the seed.

    A diamond is the control: the target against wrong ones, their mean. Measures that do not count
    in the verdict, or abstain, are hatched. titles: by measure.
    """
    measured = [
        (each, each.to_target, each.to_seed)
        for each in sorted(comparisons, key=lambda each: not _counts(each))[::-1]
        if each.to_target is not None and each.to_seed is not None
    ]
    values = [lean(each.measure, each.nearer, to, seed) for each, to, seed in measured]
    chart = figure(120 + 38 * len(measured))
    chart.add_trace(
        go.Bar(
            y=[as_text(titles.get(each.measure, each.measure)) for each, _, _ in measured],
            x=values,
            orientation="h",
            width=0.55,
            marker={
                "color": [TARGET if value > 0 else SEED for value in values],
                "pattern": {
                    "shape": ["" if _counts(each) else "/" for each, _, _ in measured],
                    "fillmode": "replace",
                    "size": 7,
                    "solidity": 0.4,
                },
            },
            customdata=[[to, seed] for _, to, seed in measured],
            hovertemplate="%{y}: %{customdata[0]:.3f} to the target, "
            "%{customdata[1]:.3f} to the seed<extra></extra>",
            showlegend=False,
        )
    )
    controls = [
        (each, to, each.to_mismatched) for each, to, _ in measured if each.to_mismatched is not None
    ]
    chart.add_trace(
        go.Scatter(
            y=[as_text(titles.get(each.measure, each.measure)) for each, _, _ in controls],
            x=[lean(each.measure, each.nearer, to, wrong) for each, to, wrong in controls],
            mode="markers",
            marker={"symbol": "diamond", "size": 9, "color": IRI},
            name="control: its target against wrong targets",
            customdata=[[to, wrong] for _, to, wrong in controls],
            hovertemplate="%{y}: %{customdata[0]:.3f} to the target, "
            "%{customdata[1]:.3f} to wrong targets<extra></extra>",
        )
    )
    chart.add_vline(x=0, line={"color": SEED, "width": 1})
    chart.update_xaxes(
        range=[-1.05, 1.05],
        tickvals=[-0.8, 0, 0.8],
        ticktext=["nearer<br>the seed", "equal", "nearer<br>the target"],  # a phone is narrow
        ticklabelposition="outside",
        tickangle=0,
        showgrid=False,
        automargin=True,
    )
    chart.update_yaxes(automargin=True)
    return chart


def _counts(comparison: Comparison) -> bool:
    return comparison.counts_in_verdict and comparison.abstains is None
