"""The sidebar's state in the page's URL: every state of a page is a link, in stable short words.

Streamlit's binding of widgets to the URL writes the labels that a person reads; a link must
outlive their wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

import streamlit as st

_LAST = "_url_state"
"""The parameters that each page wrote last, by page."""
_PAGE = "_url_page"
"""The page that wrote last: two pages may have widgets of one name."""
EXPLORE = "explore"

Readers = Mapping[str, Callable[[str], object]]
"""By URL parameter, the function from its text to the widget's value, or ValueError."""


def read(
    readers: Readers, when_empty: Mapping[str, str], page: str = EXPLORE
) -> Mapping[str, str] | None:
    """Set the widgets to what the URL says, before they are drawn.

    when_empty: the parameters for which a URL without any stands.
    A parameter whose text raises ValueError leaves its widget's default. Done only when the URL is
    not the one that this page wrote last (a link, or back and forward); whoever comes back from
    another page finds the sidebar as it was. Returns the parameters, None where nothing was done.
    """
    parameters = st.query_params.to_dict()
    before = last(page)
    from_other_page = before is not None and (
        st.session_state.get(_PAGE) != page or not any(name in st.session_state for name in readers)
    )
    if before is not None and from_other_page and not parameters:
        parameters = before
    elif parameters == before and not from_other_page:
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


def last(page: str = EXPLORE) -> dict[str, str] | None:
    """The parameters that a page wrote last in this session; None before it was opened."""
    written: dict[str, dict[str, str]] = st.session_state.get(_LAST, {})
    return written.get(page)


def write(parameters: dict[str, str], page: str = EXPLORE) -> None:
    """Make these the URL's parameters."""
    st.session_state[_LAST] = {**st.session_state.get(_LAST, {}), page: parameters}
    st.session_state[_PAGE] = page
    if st.query_params.to_dict() != parameters:
        st.query_params.from_dict(parameters)


def rerun() -> NoReturn:
    """Run the page again, with every widget set anew to what the URL says.

    For pages that run again by themselves: a browser that is too slow to have drawn the sidebar
    yet would draw it with its defaults otherwise.
    """
    forget()
    st.rerun()


def forget() -> None:
    """Have the run that follows set every widget anew, as `rerun` does."""
    written = {**st.session_state.get(_LAST, {})}
    written.pop(st.session_state.get(_PAGE), None)
    st.session_state[_LAST] = written
