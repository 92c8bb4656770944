"""The figures of a round: what people answered, and which measure predicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from explorer.plots.class_style import CHANCE, FONT, mark_rows, name_rows, show_percent
from explorer.plots.style import IRI, QUIET, SEED, TARGET, as_text, figure

_ROW_HEIGHT = 72
_BAR_HEIGHT = 50


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] with its 95 % interval; count: the answers or images that it rests on."""

    share: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class ConditionShare:
    """One network and loss: people's share, and that of an earlier vote."""

    network: str
    loss: str
    people: Estimate
    before: Estimate | None = None

    @property
    def name(self) -> str:
        """Network and loss, a line each."""
        return f"<b>{as_text(self.network)}</b><br>{as_text(self.loss)}"


@dataclass(frozen=True)
class Prediction:
    """How many of people's answers one measure predicts.

    counts: neither the network nor the loss of any of the images is related to the measure.
    """

    measure: str
    agreement: Estimate
    counts: bool


def condition_shares(
    rows: Sequence[ConditionShare], axis_title: str, chance: float | None
) -> go.Figure:
    """One line a condition, from top to bottom: people's share with its interval.

    chance: the share of those who only guess, drawn as a line.
    """
    before = [(at, row.before) for at, row in enumerate(rows) if row.before is not None]
    chart = figure((130 if before else 100) + _ROW_HEIGHT * len(rows))
    if before:
        chart.add_trace(
            _people([each for _, each in before], [0.2 - at for at, _ in before], "first vote")
        )
    chart.add_trace(
        _people(
            [row.people for row in rows],
            [-at for at, _ in enumerate(rows)],
            "second vote" if before else "people",
        )
    )
    if chance is not None:
        mark_rows(chart, chance, len(rows), (-0.3, 0.25 if before else 0.14), CHANCE)
        chart.add_annotation(
            text="guessing",
            x=chance,
            xanchor="left",
            y=0.74 - len(rows),
            yanchor="top",
            showarrow=False,
            font={"size": 13, "color": SEED},
        )
    name_rows(chart, [row.name for row in rows], above=0.27 if before else 0.16)
    show_percent(chart, axis_title)
    chart.update_yaxes(range=[0.4 - len(rows), 0.8])
    chart.update_layout(showlegend=bool(before), legend={"font": {"size": FONT - 2}})
    if not before:
        chart.update_layout(margin={"t": 4})
    return chart


def _people(estimates: Sequence[Estimate], heights: Sequence[float], name: str) -> go.Scatter:
    first = name == "first vote"
    colour = SEED if first else TARGET
    return go.Scatter(
        x=[each.share for each in estimates],
        y=heights,
        mode="markers",
        marker={"size": 12 if first else 17, "color": colour},
        error_x={
            "array": [each.high - each.share for each in estimates],
            "arrayminus": [each.share - each.low for each in estimates],
            "color": colour,
            "thickness": 2 if first else 3,
            "width": 0,
        },
        name=name,
        cliponaxis=False,
        customdata=[[each.low, each.high, each.count] for each in estimates],
        hovertemplate="%{x:.0%} (%{customdata[0]:.0%} to %{customdata[1]:.0%}) of "
        f"%{{customdata[2]}} answers<extra>{name}</extra>",
    )


def predictions(rows: Sequence[Prediction]) -> go.Figure:
    """One bar a measure, from top to bottom, with its interval; those not to count are hatched."""
    chart = figure(70 + _BAR_HEIGHT * len(rows))
    chart.add_trace(
        go.Bar(
            x=[row.agreement.share for row in rows],
            y=[-at for at, _ in enumerate(rows)],
            width=0.42,
            orientation="h",
            marker={
                "color": [TARGET if row.counts else QUIET for row in rows],
                "pattern": {"shape": ["" if row.counts else "/" for row in rows]},
            },
            error_x={
                "array": [row.agreement.high - row.agreement.share for row in rows],
                "arrayminus": [row.agreement.share - row.agreement.low for row in rows],
                "color": IRI,
                "thickness": 2,
                "width": 4,
            },
            customdata=[
                [as_text(row.measure), row.agreement.low, row.agreement.high, row.agreement.count]
                for row in rows
            ],
            hovertemplate="%{customdata[0]}: %{x:.0%} (%{customdata[1]:.0%} to "
            "%{customdata[2]:.0%}), %{customdata[3]} images<extra></extra>",
            showlegend=False,
        )
    )
    mark_rows(chart, 0.5, len(rows), (-0.3, 0.24), CHANCE)
    name_rows(chart, [as_text(row.measure) for row in rows], above=0.2)
    show_percent(chart, "answers that it predicts")
    chart.update_yaxes(range=[0.68 - len(rows), 0.75])
    chart.update_layout(margin={"t": 4})
    return chart
