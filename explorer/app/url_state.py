"""The sidebar's state in the page's URL: every state of Explore is a link, in stable short words.

Streamlit's binding of widgets to the URL writes the labels that a person reads; a link must
outlive their wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

import streamlit as st

_LAST = "_url_state"

Readers = Mapping[str, Callable[[str], object]]
"""By URL parameter, the function from its text to the widget's value, or ValueError."""


def read(readers: Readers, when_empty: Mapping[str, str]) -> Mapping[str, str] | None:
    """Set the widgets to what the URL says, before they are drawn.

    when_empty: the parameters for which a URL without any stands.
    A parameter whose text raises ValueError leaves its widget's default. Done only when the URL is
    not the one written last (a link, or back and forward); whoever comes back from another page
    finds the sidebar as it was. Returns the parameters, None where nothing was done.
    """
    parameters = st.query_params.to_dict()
    last: dict[str, str] | None = st.session_state.get(_LAST)
    from_other_page = last is not None and not any(name in st.session_state for name in readers)
    if last is not None and from_other_page and not parameters:
        parameters = last
    elif parameters == last:
        return None
    parameters = parameters or dict(when_empty)
    for name, reader in readers.items():
        st.session_state.pop(name, None)
        if name in parameters:
            try:
                st.session_state[name] = reader(parameters[name])
            except ValueError:
                continue
    return parameters


def write(parameters: dict[str, str]) -> None:
    """Make these the URL's parameters."""
    st.session_state[_LAST] = parameters
    if st.query_params.to_dict() != parameters:
        st.query_params.from_dict(parameters)


def rerun() -> NoReturn:
    """Run the page again, with every widget set anew to what the URL says.

    For pages that run again by themselves: a browser that is too slow to have drawn the sidebar
    yet would draw it with its defaults otherwise.
    """
    st.session_state.pop(_LAST, None)
    st.rerun()
