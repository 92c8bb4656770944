"""Going on where a search ended by its budget, and which result a continued one goes on from."""

from __future__ import annotations

import streamlit as st

from explorer.app import continued, session
from explorer.app.links import link
from explorer.app.panels.pending_view import request_generation
from explorer.result import Result


def show_continue_button(result: Result) -> None:
    """The button that goes on from this image; nothing where the search came to its end."""
    if result.provenance.stopped != "budget" or result.converged:
        return
    st.button(
        "Continue",
        icon=":material/fast_forward:",
        key="continue",
        on_click=_continue,
        args=(result.request.key,),
        help=f"Go on from this image for another {result.request.steps:,} steps.",
    )


def show_earlier(result: Result) -> None:
    """The result that this one goes on from, and a button that leads to it; else nothing."""
    key = result.request.continues
    if key is None:
        return
    before = result.provenance.steps_before
    st.caption(f"Goes on from the image that an earlier search had come to in {before:,} steps.")
    earlier = session.engine().result(key)
    if earlier is None:
        return
    try:
        parameters = link(earlier.request)
    except ValueError:  # the sidebar cannot ask for it
        return
    # No page link: one that leads to its own page leaves the browser's address as it was.
    st.button(
        "Earlier result",
        icon=":material/history:",
        key="earlier",
        type="tertiary",
        on_click=st.query_params.from_dict,
        args=(parameters,),
        help="Show the result that this one goes on from.",
    )


def _continue(key: str) -> None:
    continued.go_on_from(key)
    request_generation()
