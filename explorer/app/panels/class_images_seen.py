"""The images that a class was asked about, each with what people and measures say of it."""

from __future__ import annotations

import streamlit as st

from explorer.app.components.tiles import Badge, Tile, TileGroup, opened, show_tiles
from explorer.app.naming import loss_title, network_title, picture_title
from explorer.app.opening import explore_parameters
from explorer.app.pages import PAGES
from explorer.request import Request
from explorer.study.records import Stimulus, Task
from explorer.study.stimulus_set import StimulusSet
from explorer.study.summary import RoundSummary, StimulusSummary

MOST_SHOWN = 60
FEW = 3
"""Images per network and loss below which all stand in one row, each with a note of its own."""


def show(images: StimulusSet, summary: RoundSummary) -> None:
    """By network and loss, those most like their target first; a click opens one in Explore."""
    st.subheader("Image by image")
    answered = sorted(summary.stimuli, key=lambda each: -each.people.n)[:MOST_SHOWN]
    ordered = sorted(answered, key=lambda each: -(each.people.share or 0.0))
    shown = [(images.named(each.name), each) for each in ordered]
    groups = []
    for condition in summary.conditions:
        tiles = tuple(
            _tile(images, of, seen, summary.task)
            for of, seen in shown
            if of.condition == (condition.model, condition.loss)
        )
        groups.append(TileGroup(condition.title, tiles))
    if len(shown) < FEW * len(groups):  # a heading for each image or two would be in the way
        tiles = tuple(_tile(images, of, seen, summary.task, True) for of, seen in shown)
        groups = [TileGroup("", tiles)]
    show_tiles([group for group in groups if group.tiles], thumbnails=True, key="class_tiles")
    if len(summary.stimuli) > MOST_SHOWN:
        st.caption(
            f"The {MOST_SHOWN} with most answers, of {len(summary.stimuli)}; the export has all."
        )
    clicked = opened()
    stimulus = images.by_name.get(clicked) if clicked else None
    parameters = _parameters(stimulus) if stimulus else None
    if parameters is not None:
        st.switch_page(str(PAGES["explore"].script), query_params=parameters)


def _tile(
    images: StimulusSet, of: Stimulus, seen: StimulusSummary, task: Task, is_noted: bool = False
) -> Tile:
    target, seed = picture_title(of.target_name), picture_title(of.seed_name)
    return Tile(
        of.name,
        target,
        f"IRI for {target}, from {seed}",
        images.pictures[of.iri],
        (_people(seen, task), _measures(of)),
        f"{network_title(of.model)}, {loss_title(of.loss)}" if is_noted else "",
        parameters=_parameters(of),
        companions=(
            ("Target", images.pictures[of.target]),
            ("Seed", images.pictures[of.seed]),
        ),
    )


def _people(seen: StimulusSummary, task: Task) -> Badge:
    said = "say target" if task == Task.TWO_ALTERNATIVES else "are right"
    return Badge(f"{seen.people.k} of {seen.people.n} {said}", _tone(seen.people.share))


def _measures(of: Stimulus) -> Badge:
    margins = [each for name in of.held_out if (each := of.margins.get(name)) is not None]
    if not margins:
        return Badge("no measure", "none")
    nearer = sum(margin > 0 for margin in margins)
    return Badge(f"{nearer} of {len(margins)} measures", _tone(nearer / len(margins)))


def _tone(share: float | None) -> str:
    if share is None or share == 0.5:
        return "middling"
    return "good" if share > 0.5 else "bad"


def _parameters(of: Stimulus) -> dict[str, str] | None:
    return explore_parameters(Request.from_dict(of.request), of.key)
