"""A select box that keeps a name which does not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st


def select(
    label: str,
    names: Sequence[str],
    *,
    key: str,
    default: str,
    title: Callable[[str], str],
    help: str,
) -> str:
    """The chosen name.

    A name that is not among `names`, as from a link, is offered too, so that the page can say what
    is wrong with it. title: from a name to what a person reads.
    """
    st.session_state.setdefault(key, default)
    chosen = st.session_state[key]
    options = list(names) if chosen in names or chosen is None else [*names, chosen]
    return st.selectbox(label, options, key=key, format_func=title, help=help) or default
