"""What the perceptual measures say of the images that a class was asked about."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.app.naming import loss_title, network_title
from explorer.app.panels.class_numbers import measure_title
from explorer.plots.class_measures import ConditionMeasures, measure_shares
from explorer.plots.style import as_text
from explorer.study.records import Task
from explorer.study.stimulus_set import StimulusSet
from explorer.study.summary import ConditionSummary, RoundSummary

NO_BAR = {"displayModeBar": False}


def show(images: StimulusSet, summary: RoundSummary) -> None:
    """By network and loss, next to people's share where they were asked the same."""
    if not any(each.measures for each in summary.conditions):
        return
    st.subheader("What the measures say of the same images")
    asked = summary.task == Task.TWO_ALTERNATIVES
    networks = short_titles([network_title(each.model) for each in summary.conditions])
    rows = [
        ConditionMeasures(
            f"<b>{as_text(network)}</b><br>{as_text(loss_title(each.loss))}",
            {measure_title(name): share for name, share in each.measures.items()},
            _related(images, summary, each),
            each.people.share if asked else None,
        )
        for each, network in zip(summary.conditions, networks, strict=True)
    ]
    st.plotly_chart(
        measure_shares(rows),
        config=NO_BAR,
        key="class_measure_shares",
        alt="; ".join(
            f"{each.title}: "
            + ", ".join(
                f"{measure_title(name)} {share:.0%}" for name, share in each.measures.items()
            )
            for each in summary.conditions
        ),
    )
    sentences = ["Percent of the images nearer the target than the seed."]
    if not asked:
        sentences.append(
            "People were asked another question, so their share is not to be compared with these."
        )
    if any(row.related for row in rows):
        sentences.append("Star: related to the network or the loss, so it does not count.")
    st.caption(" ".join(sentences))


def _related(images: StimulusSet, summary: RoundSummary, of: ConditionSummary) -> frozenset[str]:
    """The titles of the measures that are not held out for every image of a condition."""
    answered = {each.name for each in summary.stimuli}
    stimuli = [
        each
        for each in images.stimuli
        if each.name in answered and each.condition == (of.model, of.loss)
    ]
    return frozenset(
        measure_title(name)
        for name in of.measures
        if any(name not in each.held_out for each in stimuli)
    )


def short_titles(titles: Sequence[str]) -> list[str]:
    """The titles without the parts, up to a comma, with which all of several begin."""
    parts = [title.split(", ") for title in titles]
    shared = 0
    while len(set(titles)) > 1 and all(len(each) > shared + 1 for each in parts):
        if len({each[shared] for each in parts}) > 1:
            break
        shared += 1
    if not shared:
        return list(titles)
    rests = [", ".join(each[shared:]) for each in parts]
    return [f"{rest[:1].upper()}{rest[1:]}" for rest in rests]
