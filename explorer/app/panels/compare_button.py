"""The way from a result to Compare, with the same settings."""

from __future__ import annotations

import streamlit as st

from explorer.analysis.variation import DEFAULT_AXIS
from explorer.app.links import link
from explorer.app.pages import PAGES
from explorer.request import Request


def show_compare_button(request: Request) -> None:
    """A button that opens Compare; nothing where a link cannot hold the settings."""
    try:
        parameters = link(request)
    except ValueError:
        return
    parameters.pop("continues", None)  # a comparison starts from seeds
    parameters["vary"] = DEFAULT_AXIS
    if st.button(
        "Compare …",
        icon=":material/compare:",
        key="compare_with_others",
        help="The same with other losses, networks, layers, seeds or targets, side by side.",
    ):
        st.switch_page(str(PAGES["compare"].script), query_params=parameters)
