"""Going on where a search ended before a match, and which result a continued one goes on from."""

from __future__ import annotations

import streamlit as st

from explorer.app import continued, session
from explorer.app.links import link
from explorer.app.panels.pending_view import request_generation
from explorer.app.panels.verdicts import smaller_goal
from explorer.result import Result


def show_continue_button(result: Result) -> None:
    """The button that goes on from this image; nothing where the search came to its end.

    One that its goal ended before a match goes on to a smaller goal.
    """
    goal = smaller_goal(result)
    if result.difference is not None:
        return  # such an image begins at its seed
    if goal is None and (result.provenance.stopped != "budget" or result.converged):
        return
    to_goal = "" if goal is None else f", to a goal of {goal:g}"
    st.button(
        "Continue",
        icon=":material/fast_forward:",
        key="continue",
        on_click=_continue,
        args=(result.request.key, goal),
        help=f"Go on from this image for another {result.request.steps:,} steps{to_goal}.",
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


def _continue(key: str, goal: float | None) -> None:
    if goal is not None:
        st.session_state["goal"] = goal
    continued.go_on_from(key)
    request_generation()
