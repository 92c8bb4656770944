"""A controversial image: the same to one network, and how different it is to another one."""

from __future__ import annotations

import streamlit as st

from explorer.app import sharing
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.naming import code, literal, network_title, number
from explorer.app.panels import difference_picker
from explorer.app.panels.pending_view import request_generation
from explorer.losses.differences import CONTROVERSIAL
from explorer.losses.variants import FREE, loss_of
from explorer.metrics.match import Match
from explorer.metrics.null import Null
from explorer.models import layer_expression
from explorer.models.names import PENULTIMATE
from explorer.result import Result
from explorer.validation import why_not_nearest

_FACTS = ("", "distance", "unrelated images: least, median, largest", "cosine", "class")


def show_controversial(result: Result) -> None:
    """Both distances with their nulls, the verdict on the pair, and ways on; else nothing."""
    made = result.difference
    if made is None or made.observed is None:
        return
    observed = made.observed
    own, other = (literal(network_title(name)) for name in (result.request.model, observed.model))
    st.subheader("Do two networks agree?")
    with st.container(border=True, key="controversial"):
        if result.matched and observed.is_different:
            st.markdown("### :green[:material/check_circle:] A controversial pair")
        else:
            st.markdown("### :orange[:material/contrast:] No controversial pair")
        columns = (
            _column(own, result.request.layer, result.match_8bit, result.null),
            _column(other, observed.layer, observed.match_8bit, observed.null),
        )
        rows = zip(_FACTS, *columns, strict=True)
        lines = [f"| {' | '.join(cells)} |" for cells in rows]
        st.markdown("\n".join([lines[0], "| --- | --- | --- |", *lines[1:]]))
        st.markdown(
            f"{observed.sentence(result.matched)} The search alone had come to a relative distance "
            f"of {number(observed.searched_relative_l2, 2)}; {made.passes} more passes kept the "
            "match. A larger difference may exist."
        )
        st.caption("Distances of the image rounded to 8 bits, at each network's own layer.")
    if result.searched_png is not None:
        show_pictures(
            [
                Picture(
                    result.searched_png,
                    "As searched",
                    f"at {number(observed.searched_relative_l2, 2)} to the other",
                    "The image as the search found it",
                    "searched",
                ),
                Picture(
                    result.iri_png,
                    "Most different",
                    f"at {number(observed.match_8bit.relative_l2, 2)} to the other",
                    "The image that differs most to the other network",
                    "different",
                ),
                Picture(result.target_png, "Target", "", "The target", "frame"),
            ],
            key="controversial_pictures",
        )
    with st.container(horizontal=True):
        st.button(
            "The other way round",
            key="swap",
            icon=":material/swap_horiz:",
            on_click=_ask,
            args=(observed.model, result.request.model, observed.layer, result.request.layer),
            help=f"The same to {other}, as different as possible to {own}.",
            disabled=not sharing.may_be_generated(result.request),
        )
        st.button(
            "The ordinary IRI",
            key="ordinary",
            icon=":material/undo:",
            on_click=_ask_ordinary,
            help="The image that matches, from the same seed, whatever the other network sees.",
        )


def _column(title: str, layer: str, match: Match, null: Null) -> tuple[str, ...]:
    """One network's cells, in the order of _FACTS."""
    of = null.relative_l2
    return (
        f"{title}, {code(layer_expression.title(layer))}",
        f"**{number(match.relative_l2, 2)}**",
        f"{of.min:.2f}, {of.quantiles['q50']:.2f}, {of.max:.2f}",
        number(match.values.get("cosine"), 2),
        {True: "same", False: "another", None: "–"}[match.same_class],
    )


def show_controversial_button(result: Result, observer: str) -> None:
    """The button that asks for the image most different to another network, where that can be."""
    request = result.request
    ordinary = request.loss == FREE and not why_not_nearest(request, loss_of(request))
    if not ordinary or observer not in difference_picker.same_size(request.model, request.size):
        return
    if not sharing.may_be_generated(request):
        return
    pressed = st.button(
        "Generate the image that it sees most differently",
        key="controversial_button",
        icon=":material/call_split:",
        on_click=_ask,
        args=(request.model, observer, request.layer, PENULTIMATE),
        help="The same to this network, within the goal, and as different from the target as "
        "possible to the other one (Golan et al. 2020).",
    )
    if pressed:  # the button stands in a fragment, which would run again alone
        st.rerun()


def _ask(model: str, observer: str, layer: str, observer_layer: str) -> None:
    """Set the sidebar to a controversial image, and begin."""
    state = st.session_state
    state["model"], state["layer"], state["loss"] = model, layer, CONTROVERSIAL
    state[difference_picker.OBSERVER] = observer
    state[difference_picker.OBSERVER_LAYER] = observer_layer
    request_generation()


def _ask_ordinary() -> None:
    st.session_state["loss"] = FREE
    request_generation()
