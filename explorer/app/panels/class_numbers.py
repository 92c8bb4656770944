"""The numbers behind the figures of a class, as tables."""

from __future__ import annotations

import streamlit as st

from explorer.app.components.table import Column, show_table
from explorer.app.naming import loss_title, network_title
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.study.records import Task
from explorer.study.summary import RoundSummary


def measure_title(name: str) -> str:
    """As people read it; the name itself of a measure of an older or newer version."""
    measure = PERCEPTUAL_MEASURES.get(name)
    return name if measure is None else measure.title


def show(summary: RoundSummary) -> None:
    """Two tables: people and measures by network and loss; of 2AFC what each measure predicts."""
    measures = list(dict.fromkeys(name for each in summary.conditions for name in each.measures))
    asked = summary.task == Task.TWO_ALTERNATIVES
    people = "more like the target" if asked else "right answers, to another question"
    st.markdown(
        f"Shares in percent; of people: {people}; of measures: of the same images, "
        "nearer the target."
    )
    show_table(
        [
            *(Column("Network"), Column("Loss"), Column("People", 0), Column("from", 0)),
            *(Column("to", 0), Column("Answers"), Column("Images")),
            *(Column(measure_title(name), 0) for name in measures),
        ],
        [
            [
                network_title(each.model),
                loss_title(each.loss),
                *_percent(each.people.share, each.people.low, each.people.high),
                each.people.n,
                each.images,
                *_percent(*(each.measures.get(name) for name in measures)),
            ]
            for each in summary.conditions
        ],
        label="People and measures by network and loss",
        key="class_conditions",
    )
    if not asked:
        return
    st.markdown("How well each measure predicts the answers.")
    show_table(
        [
            *(Column("Measure"), Column("Answers predicted (%)", 0), Column("from", 0)),
            *(Column("to", 0), Column("Best of resamples (%)", 0), Column("Spearman's ρ", 2)),
            *(Column("Images"), Column("of these held out")),
        ],
        [
            [
                measure_title(each.measure),
                *_percent(each.agreement, each.low, each.high, each.best),
                each.correlation,
                each.images,
                each.held_out,
            ]
            for each in summary.predictions
        ],
        label="Agreement of the measures with people",
        key="class_measures",
    )


def _percent(*shares: float | None) -> list[float | None]:
    return [None if share is None else 100 * share for share in shares]
