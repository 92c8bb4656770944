"""Figures of the first question: is the IRI the same to the network?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log10

import plotly.graph_objects as go

from explorer.metrics.match import LayerComparison
from explorer.metrics.null import Distribution
from explorer.metrics.representation_measure import RepresentationMeasure
from explorer.models.layer_expression import parse
from explorer.plots.remembered import remembered
from explorer.plots.style import IRI, QUIET, SEED, as_text, figure, log_range

TICK_LENGTH = 14  # characters
TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]


@remembered
def falling_curve(
    steps: Sequence[float],
    relative_l2: Sequence[float],
    goal: float,
    null_smallest: float | None = None,
    budget: int | None = None,
    height: int = 300,
    continued_at: int | None = None,
) -> go.Figure:
    """Relative distance at the layer over the steps, with the goal and the null's smallest.

    budget: the step at which the axis ends. continued_at: the step at which a search that had ended
    was continued; it is marked. A distance of 0 has no place on the axis and is a gap.
    """
    chart = figure(height)
    chart.add_trace(
        go.Scatter(
            x=list(steps),
            y=[value if value > 0 else None for value in relative_l2],  # a gap, no plunge
            mode="lines",
            line={"color": IRI, "width": 2.5},
            hovertemplate="step %{x}: %{y:.4f}<extra></extra>",
            showlegend=False,
        )
    )
    levels = [*relative_l2]
    if goal > 0:
        _level(chart, goal, f"goal {goal:g}", "left")  # where the curve is high
        levels.append(goal)
    if null_smallest:
        _level(chart, null_smallest, "most alike unrelated pair", "right")  # where it is low
        levels.append(null_smallest)
    _log_axis(chart, "y", "relative distance", levels)
    if continued_at is not None:
        chart.add_vline(
            x=continued_at,
            line={"color": SEED, "width": 1, "dash": "dot"},
            annotation={"text": "continued", "font": {"size": 12, "color": SEED}},
        )
    chart.update_xaxes(title="step", range=[0, budget] if budget else None, rangemode="tozero")
    return chart


@remembered
def layer_profile(
    layers: Sequence[LayerComparison],
    measure: RepresentationMeasure,
    layer: str,
    mark: str = "matched here",
    matched: float | None = None,
) -> go.Figure:
    """A measure of IRI and target at every layer, in order of execution; `layer` is marked.

    layer: an expression (`explorer.models.layer_expression`), of which every layer is marked.
    matched: the measure of the whole expression, at which the markers stand where it names parts of
    layers; those of whole layers stand at their own. mark: what the marker is called. The axis of
    the relative distance is logarithmic: what is exactly 0 is a gap, with a triangle at the bottom.
    """
    chart = figure(340)
    names = [each.name for each in layers]
    shown_names = list(map(as_text, names))
    is_log = measure.name == "relative_l2"
    measured = [each.values.get(measure.name) for each in layers]
    zeros = [at for at, value in enumerate(measured) if is_log and value == 0]
    values = [None if at in zeros else value for at, value in enumerate(measured)]
    places = list(range(1, len(names) + 1))
    chart.add_trace(
        go.Scatter(
            x=places,
            y=values,
            mode="lines+markers",
            line={"color": SEED, "width": 1.5},
            marker={"color": SEED, "size": 5},
            text=shown_names,
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            showlegend=False,
        )
    )
    expression = parse(layer, names.__contains__)
    marked = [names.index(name) for name in expression.layers if name in names]
    for at in marked:
        chart.add_vline(x=places[at], line={"color": IRI, "width": 1.5, "dash": "dot"})
    has_parts = any(place.part is not None for place, _ in expression.terms)
    own = [matched if has_parts else measured[at] for at in marked]
    shown = [value for value in [*values, *own] if value]
    bottom = 10 ** (log_range(shown)[0] + 0.03)
    if marked:
        chart.add_trace(
            go.Scatter(
                x=[places[at] for at in marked],
                y=[bottom if is_log and value == 0 else value for value in own],
                mode="markers",
                marker={"color": IRI, "size": 12},
                text=[shown_names[at] for at in marked],
                name=as_text(f"{mark}: {expression.title}"),
                hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            )
        )
    if zeros:
        chart.add_trace(
            go.Scatter(
                x=[places[at] for at in zeros],
                y=[bottom] * len(zeros),
                mode="markers",
                marker={"symbol": "triangle-down", "color": SEED, "size": 7},
                text=[shown_names[at] for at in zeros],
                hovertemplate="%{text}: exactly 0<extra></extra>",
                showlegend=False,
                cliponaxis=False,
            )
        )
    if is_log:
        _log_axis(chart, "y", measure.title, shown)
    else:
        chart.update_yaxes(title=measure.title)
    step = max(1, len(names) // 12)
    chart.update_xaxes(
        title="layers, from the image to the classes",
        tickvals=places[::step],
        ticktext=list(map(as_text, short_names(names[::step]))),
        tickangle=-45,
        automargin=True,
    )
    return chart


@remembered
def null_histogram(
    distribution: Distribution, value: float, title: str = "relative distance"
) -> go.Figure:
    """How alike unrelated images are at this layer by a measure, and the value of the IRI."""
    chart = figure(300)
    counts, edges = distribution.counts, distribution.edges
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    chart.add_trace(
        go.Bar(
            x=middles,
            y=list(counts),
            width=[high - low for low, high in pairwise(edges)],
            marker={"color": QUIET, "line": {"width": 0}},
            name=f"{distribution.n:,} pairs of unrelated images",
            hovertemplate="%{x:.2f}: %{y} pairs<extra></extra>",
        )
    )
    chart.add_trace(
        go.Scatter(
            x=[value, value],
            y=[0, max(counts, default=1)],
            mode="lines",
            line={"color": IRI, "width": 4},
            name=f"this IRI: {value:.3g}",
            hovertemplate="this IRI: %{x:.4f}<extra></extra>",
        )
    )
    chart.update_xaxes(title=title, rangemode="tozero" if min(*edges, value) >= 0 else "normal")
    chart.update_yaxes(title="pairs", rangemode="tozero")
    return chart


def _level(chart: go.Figure, value: float, text: str, side: str) -> None:
    chart.add_hline(y=value, line={"color": SEED, "width": 1, "dash": "dash"})
    # Plotly places annotations on a logarithmic axis by the exponent.
    chart.add_annotation(
        text=text,
        xref="paper",
        x=0 if side == "left" else 1,
        xanchor=side,
        y=log10(value),
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": SEED},
    )


def _log_axis(chart: go.Figure, axis: str, title: str, values: Sequence[float]) -> None:
    chart.update_layout(
        {
            f"{axis}axis": {
                "type": "log",
                "title": title,
                "range": log_range(list(values)),
                "tickvals": TICKS,
                "ticktext": [f"{tick:g}" for tick in TICKS],
            }
        }
    )


def short_names(names: Sequence[str]) -> list[str]:
    """Names for ticks, cut at the left; those that would be cut to the same keep both ends."""
    cut = [_cut(name) for name in names]
    return [
        _cut_in_the_middle(name, names) if cut.count(short) > 1 else short
        for name, short in zip(names, cut, strict=True)
    ]


def _cut(name: str) -> str:
    return name if len(name) <= TICK_LENGTH else f"…{name[1 - TICK_LENGTH :]}"


def _cut_in_the_middle(name: str, names: Sequence[str]) -> str:
    """The beginning up to where all the names differ, and as much of the end as there is room."""
    for head in range(TICK_LENGTH // 2, len(name)):
        tail = max(4, TICK_LENGTH - 1 - head)
        short = f"{name[:head]}…{name[-tail:]}"
        same = [other for other in names if f"{other[:head]}…{other[-tail:]}" == short]
        if len(set(same)) == 1:
            return short if len(short) < len(name) else name
    return name
