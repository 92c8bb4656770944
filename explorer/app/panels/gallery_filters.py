"""The gallery's filters, in the sidebar and in the page's URL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import streamlit as st

from explorer.app import left_out, session, url_state
from explorer.app.url_state import Readers
from explorer.archive.listing import MATCHES, Entry, Filter
from explorer.archive.titles import loss_title, network_title

PAGE = "gallery"
RESULT = "result"
"""The URL parameter that names the result that is open."""

_MATCHES = {
    "matched": "Matched",
    "converged": "Converged",
    "not-matched": "Not matched",
}
_NUMBER = "page"
_FIELDS = ("network", "at_layer", "with_loss", "match", "words")


def _one_of(names: Iterable[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(text)
        return text

    return read


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) > 0):
        raise ValueError(text)
    return int(text)


_READERS: Readers = {
    "network": str,
    "at_layer": str,
    "with_loss": str,
    "match": _one_of(MATCHES),
    "words": str,
    "mine": lambda text: _one_of(("yes",))(text) == "yes",
    _NUMBER: _number,
    RESULT: str,
}


@dataclass(frozen=True)
class Chosen:
    """What the URL and the sidebar ask for. page: from 1. result: the key of the open result."""

    filter: Filter
    page: int
    result: str | None


def read() -> None:
    """Set the widgets to what the URL says; to be called before any of them is drawn."""
    given = url_state.read(_READERS, {}, PAGE)
    if given is not None:
        left_out.remember(PAGE, given, lambda: left_out.sentences(given, _READERS, _allowed))


def _allowed(name: str) -> str:
    """What a parameter may be, in words."""
    words = {"match": left_out.one_of(MATCHES), "mine": "yes"}
    return words.get(name, "a whole number from 1")


def show(entries: list[Entry]) -> Chosen:
    """Draw the filters in the sidebar; entries: all that may be listed."""
    with st.sidebar:
        st.text_input(
            "Search",
            key="words",
            placeholder="sunflower penultimate",
            help="Words that all occur in the titles or names of network, layer, loss, target and "
            "seed, in the verdicts, or in the key.",
            on_change=_to_first_page,
        )
        networks = Counter(entry.summary.model for entry in entries)
        network = _select(
            "Network", "network", networks, "All networks", network_title, "Made for this network."
        )
        of_network = [each for each in entries if network in (None, each.summary.model)]
        layers = Counter(entry.summary.layer for entry in of_network)
        layer = _select("Layer", "at_layer", layers, "All layers", str, "Matched at this layer.")
        losses = Counter(entry.summary.loss for entry in entries)
        loss = _select(
            "Loss", "with_loss", losses, "All losses", loss_title, "Made with this loss."
        )
        match = st.segmented_control(
            "Match",
            list(_MATCHES),
            key="match",
            format_func=_MATCHES.__getitem__,
            on_change=_to_first_page,
            help="Matched: the same to the network. Converged: matched, and at the goal.",
        )
        mine = st.toggle(
            "Mine only",
            key="mine",
            on_change=_to_first_page,
            help="What was generated in this session, until the page is loaded anew.",
        )
    return Chosen(
        Filter(
            network,
            layer,
            loss,
            match,
            st.session_state["words"] or "",
            frozenset(session.requested()) if mine else None,
        ),
        st.session_state.get(_NUMBER, 1),
        st.session_state.get(RESULT),
    )


def page_within(pages: int) -> int:
    """The number of the page, from 1, where there are so many."""
    number: int = min(st.session_state.get(_NUMBER, 1), pages)
    st.session_state[_NUMBER] = number
    return number


def show_pages(pages: int) -> None:
    """Draw the choice of the page where there are several."""
    if pages < 2:
        return
    number = st.session_state[_NUMBER]
    # A widget of its own for each page: what is chosen may change without it.
    key = f"_page_{number}_of_{pages}"

    def turn() -> None:
        st.session_state[_NUMBER] = st.session_state[key]

    st.pagination(pages, default=number, key=key, on_change=turn)


def write() -> None:
    """Make the state the page's URL."""
    state = st.session_state
    parameters = {name: str(state[name]) for name in _FIELDS if state.get(name)}
    if state.get("mine"):
        parameters["mine"] = "yes"
    if state.get(_NUMBER, 1) > 1:
        parameters[_NUMBER] = str(state[_NUMBER])
    if state.get(RESULT):
        parameters[RESULT] = str(state[RESULT])
    url_state.write(parameters, PAGE)


def show_left_out() -> None:
    """What of the URL could not be taken; to be called after `write`."""
    left_out.show(PAGE, url_state.last(PAGE) or {})


def clear() -> None:
    """Let all results through."""
    for name in (*_FIELDS, "mine"):
        st.session_state.pop(name, None)
    _to_first_page()


def _select(
    label: str,
    key: str,
    counts: Counter[str],
    everything: str,
    title: Callable[[str], str],
    text: str,
) -> str | None:
    """A choice among values with how many results each has; None is all of them."""
    options = sorted(counts, key=lambda name: (title(name).lower(), name))
    chosen = st.session_state.get(key)
    if chosen is not None and chosen not in counts:
        options = [chosen, *options]
    return st.selectbox(
        label,
        options,
        index=None,
        key=key,
        placeholder=everything,
        format_func=lambda name: f"{title(name)} ({counts[name]:,})",
        on_change=_to_first_page,
        help=text,
    )


def _to_first_page() -> None:
    st.session_state[_NUMBER] = 1
