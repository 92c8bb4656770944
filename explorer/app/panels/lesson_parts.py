"""What the comparisons of the lesson are put together from: images with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.analysis.compared import Compared
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.components.tiles import Tile, TileGroup, opened, show_tiles
from explorer.app.lesson.records import Values
from explorer.app.links import link
from explorer.app.naming import number, picture_title
from explorer.app.pages import PAGES
from explorer.app.panels.compare_tiles import badges
from explorer.app.panels.verdicts import answer_title, state_title
from explorer.result import Result


@dataclass(frozen=True)
class Setting:
    """Where a comparison stands. slide: alone in one, low and wide, without the step's question.
    open_question: the question is asked and not yet answered, so that its answer is not given away.
    """

    slide: bool = False
    open_question: bool = False


@dataclass(frozen=True)
class Shown:
    """The results that are compared for these values of the controls, and where."""

    values: Values
    results: list[Result]
    setting: Setting


def halves(shown: Shown) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Places for the images and for what is said of them: next to each other in a slide."""
    if shown.setting.slide:
        images, said = st.columns(2, gap="large")
        return images, said
    return st.container(), st.container()


def trio(result: Result, compare: bool = True, key: str = "lesson") -> None:
    """Seed, IRI and target of a result, and both verdicts under them."""
    seed, target = picture_title(result.request.seed), picture_title(result.request.target)
    show_pictures(
        [
            Picture(result.seed_png, "Seed", seed, f"Seed: {seed}", "seed"),
            Picture(
                result.iri_png,
                "IRI",
                f"relative distance {number(result.match.relative_l2)}",
                f"IRI of {target} from {seed}",
                "iri",
            ),
            Picture(result.target_png, "Target", target, f"Target: {target}", "target"),
        ],
        compare=compare,
        key=key,
    )
    st.markdown(verdicts(result))


def verdicts(result: Result) -> str:
    moved = "" if result.moved is None else f" · moved {result.moved.rms:.3f} from its seed"
    return (
        f"To the network: **{state_title(result.state).lower()}**"
        f" · to the measures: **{_nearer(result)}**{moved}"
    )


def _nearer(result: Result) -> str:
    """The second verdict in words, for a page on which the first one stands too."""
    return answer_title(result.person).lower() if result.matched else "no answer without a match"


def tiles(titled: Sequence[tuple[str, Result, str]], target: bool = False) -> None:
    """Images with their verdicts, each a way into Explore: (title, result, note).

    target: whether the target, the same for all, stands before them.
    """
    tiles = [
        Tile(
            result.request.key,
            title,
            f"IRI: {title}",
            result.iri_png,
            badges(Compared.of(result)),
            note=note,
            parameters=link(result.request),
            hollow=not result.converged,
        )
        for title, result, note in titled
    ]
    if target:
        first = titled[0][1]
        name = picture_title(first.request.target)
        tiles.insert(0, Tile("target", "Target", f"Target: {name}", first.target_png, note=name))
    show_tiles([TileGroup("", tuple(tiles))], key="lesson_tiles")
    key = opened()
    for _, result, _ in titled:
        if key == result.request.key:
            st.switch_page(str(PAGES["explore"].script), query_params=link(result.request))
