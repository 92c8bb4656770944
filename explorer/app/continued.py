"""Which result the sidebar's request goes on from: in the URL, until any control is changed."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

PARAMETER = "continues"
_KEY, _SETTINGS = "_continues", "_continues_with"


def go_on_from(key: str | None) -> None:
    """Have the sidebar's request go on from the result of this key; None: from its seed."""
    st.session_state[_KEY] = key
    st.session_state.pop(_SETTINGS, None)


def key_for(settings: Mapping[str, str]) -> str | None:
    """The key of the result to go on from, given the sidebar's settings as URL parameters.

    None once they are not those for which `go_on_from` was called.
    """
    key: str | None = st.session_state.get(_KEY)
    if key and st.session_state.setdefault(_SETTINGS, settings) != settings:
        go_on_from(None)
        return None
    return key
