"""Step 7 of the lesson: one image for each network, and what the reproduction measured."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.app.lesson.figures import COMMAND, PAPER, Effect, adversarial_pairs, effects_of
from explorer.plots.lesson import Interval, intervals_figure
from explorer.result import Result


def published(result: Result) -> str:
    """What the paper gives for a network of this kind; "" where it has none."""
    name = result.request.model.partition(":")[2]
    return f"In the paper: {PAPER[name]} %" if name in PAPER else ""


def show_effects(factor: str) -> None:
    """What was measured of a factor, with intervals."""
    effects = effects_of(factor)
    if not effects:
        st.markdown(
            "The report has no effect of this factor: **nothing is measured**, and these images "
            "alone say nothing of it."
        )
        return
    st.plotly_chart(
        intervals_figure(
            [
                Interval(each.title, each.points, each.low, each.high, each.verdict)
                for each in effects
            ]
        ),
        config={"displayModeBar": False},
        key="lesson_effects",
        alt="; ".join(
            f"{each.title}: {each.points:+d} points, {each.low} to {each.high}, {each.verdict}"
            for each in effects
        ),
    )
    st.caption(
        "Alignment less that of wrong targets, of images that are nearest to their seeds: the "
        "first kind of network minus the second, with 95 % intervals over at most "
        f"{_photographs(effects)} (`{COMMAND}`). An effect holds if all of its interval is above "
        "+5 points, and does not hold if all of it is below."
    )


def show_reservations(factor: str) -> None:
    """What is to be read with each effect of a factor."""
    effects = effects_of(factor)
    if not effects:
        return
    said = ["as searched: before each image was brought nearer to its seed"]
    if any(each.budgets for each in effects):
        said.append("different times of training may be a part of an effect")
    if factor == "architecture" and any(each.designs_differ for each in effects):
        said.append("designs differ in more than skips, but for the plain one")
    lines = [
        f"- {each.title}: **{each.verdict}**; {'; '.join(each.reservations)}" for each in effects
    ]
    st.caption("\n".join([f"To be read with it ({'; '.join(said)}):\n", *lines]))
    if factor == "training":
        st.caption(_all_pairs(adversarial_pairs()))


def _photographs(effects: Sequence[Effect]) -> str:
    """`87 to 99 photographs`: how many count on both sides, at most."""
    counts = [each.targets for each in effects]
    fewest, most = min(counts), max(counts)
    return f"{most} photographs" if fewest == most else f"{fewest} to {most} photographs"


def _all_pairs(pairs: Sequence[Effect]) -> str:
    hold = sum(each.holds for each in pairs)
    return (
        f"Of all {len(pairs)} pairs of networks in the report that differ in adversarial training, "
        f"the effect holds for {hold}."
    )
