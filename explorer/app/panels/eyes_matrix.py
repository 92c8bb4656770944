"""The matrix of how networks see each other's IRIs: two heat maps, and what they say."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explorer.analysis.compared import in_a_row
from explorer.analysis.eyes import FinishedIris, ObserverMatrix, View, too_few_for_stir
from explorer.app.naming import code, literal, network_title, number
from explorer.metrics.invariance import FEWEST_IMAGES
from explorer.plots.eyes import ObserverCell, observer_heat_map

NO_BAR = {"displayModeBar": False}
MOST_IN_HALF = 8
"""Up to so many columns two heat maps stand side by side."""

_INK = {"light": "#31333f", "dark": "#fafafa"}
"""Of numbers on pale ground, by theme; Streamlit's for figures is too pale to read them."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def show_matrix(matrix: ObserverMatrix) -> None:
    """Who the letters are, both heat maps with their readings, and whose IRIs pass for targets."""
    names = _LETTERS[: len(matrix.made)]
    st.markdown(
        "  \n".join(_row_title(name, each) for name, each in zip(names, matrix.made, strict=True))
    )
    fit_in_half = len(matrix.observers) <= MOST_IN_HALF
    left, right = st.columns(2) if fit_in_half else (st.container(), st.container())
    with left:
        st.markdown("**The same to the other network?**")
        _heat_map(matrix, names, "eyes_distance", _distance_cell)
        st.caption(
            "How many IRIs match for the network that sees them, by its own null of unrelated "
            "images; below it their median relative distance there."
        )
    with right:
        st.markdown("**Do they share invariances? STIR**")
        if too_few_for_stir(len(matrix.targets)):
            st.caption(
                f"STIR needs {FEWEST_IMAGES} targets or more that every network has; add some "
                "under “More targets”."
            )
        else:
            _heat_map(matrix, names, "eyes_stir", _stir_cell)
            st.caption(
                "Linear CKA of IRIs and targets to the network that sees them; in brackets with "
                "wrong pairs, which few targets make high. The colour is how far it is above that."
            )
    hollow = sum(not each.all_converged for each in matrix.made)
    st.caption(_reading(matrix, names) + (_hollow(hollow) if hollow else ""))


def _row_title(name: str, made: FinishedIris) -> str:
    count = sum(made.converged)
    return (
        f"**{name}** {literal(network_title(made.network.model))}, {code(made.layer)} "
        f"({count} of {len(made.converged)} converged)"
    )


def _hollow(count: int) -> str:
    rows = "a network" if count == 1 else f"{count} networks"
    return (
        f" Hollow: the IRIs of {rows} had not all converged, so what others see in them may come "
        "from the search."
    )


def _heat_map(
    matrix: ObserverMatrix,
    names: str,
    key: str,
    cell_of: Callable[[View, bool, str], ObserverCell],
) -> None:
    titles = [network_title(each.network.model) for each in matrix.made]
    cells = [
        [
            cell_of(
                observer.views[at],
                not made.all_converged,
                f"made for {titles[at]},\nseen by {network_title(observer.network.model)}",
            )
            for observer in matrix.observers
        ]
        for at, made in enumerate(matrix.made)
    ]
    st.plotly_chart(
        observer_heat_map(list(names), cells, _INK.get(st.context.theme.type or "")),
        config=NO_BAR,
        key=key,
        alt="; ".join(each.hover.replace("\n", " ") for line in cells for each in line),
    )


def _distance_cell(view: View, hollow: bool, who: str) -> ObserverCell:
    distance = number(view.median_distance, 2)
    matched = f"{sum(view.matched)}/{len(view.matched)}"
    return ObserverCell(
        view.matched_share,
        f"{matched}<br>{distance}",
        f"{who}:\n{matched} match, median relative distance {distance}",
        hollow,
    )


def _stir_cell(view: View, hollow: bool, who: str) -> ObserverCell:
    if view.stir is None or view.stir_by_chance is None:
        return ObserverCell(None, "–", f"{who}:\nundefined", hollow)
    room = 1 - view.stir_by_chance
    return ObserverCell(
        (view.stir - view.stir_by_chance) / room if room > 0 else 0.0,
        f"{view.stir:.2f}<br>({view.stir_by_chance:.2f})",
        f"{who}:\nSTIR {view.stir:.3f}, with wrong pairs {view.stir_by_chance:.3f}",
        hollow,
    )


def _reading(matrix: ObserverMatrix, names: str) -> str:
    """Whose IRIs the others take for their targets most, and least, of those that converged."""
    shares: dict[str, float] = {}
    for at, made in enumerate(matrix.made):
        others = [
            each.views[at].matched_share
            for each in matrix.observers
            if each.network != made.network
        ]
        if made.all_converged and others:
            shares[names[at]] = sum(others) / len(others)
    if len(shares) < 2:
        return "Too few networks' IRIs converged for a conclusion."
    most, least = max(shares.values()), min(shares.values())
    if most == least:
        each = "each network's" if len(shares) == len(names) else f"{_all_at(shares, most)}'s"
        return f"Other networks take {most:.0%} of {each} IRIs for their targets."
    return (
        f"Other networks take {most:.0%} of the IRIs of {_all_at(shares, most)} for their targets, "
        f"and {least:.0%} of those of {_all_at(shares, least)}."
    )


def _all_at(shares: dict[str, float], share: float) -> str:
    """The networks with this share, all of them: `A, C and D`."""
    return in_a_row([name for name, each in shares.items() if each == share])
