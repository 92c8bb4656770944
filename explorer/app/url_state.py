"""The panel in the page's address: every state of Explore is a link, in stable short words.

Streamlit's own binding writes the labels that a person reads; a link must outlive their wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

_LAST = "_address"


def read(readers: Mapping[str, Callable[[str], object]]) -> None:
    """Take the address over into the widgets' state, before they are drawn.

    readers: by parameter, the function that makes the value; ValueError leaves the default.
    Done only when the address is not the one written last (a link, or back and forward); whoever
    comes back from another page finds the panel as it was.
    """
    address = st.query_params.to_dict()
    last = st.session_state.get(_LAST)
    elsewhere = last is not None and not any(name in st.session_state for name in readers)
    if elsewhere and not address:
        address = last
    elif address == last:
        return
    for name, reader in readers.items():
        st.session_state.pop(name, None)
        if name in address:
            try:
                st.session_state[name] = reader(address[name])
            except ValueError:
                continue


def write(address: dict[str, str]) -> None:
    """Make this the page's address."""
    st.session_state[_LAST] = address
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)


def rerun() -> None:
    """Run the page again, with every widget set anew to what the address says.

    For pages that run again of themselves: a browser that has not drawn the panel yet, because it
    is slow, would draw it with its defaults otherwise.
    """
    st.session_state.pop(_LAST, None)
    st.rerun()
