"""What do you say? Asked before the verdict on people opens, and kept with the judgements."""

from __future__ import annotations

import logging
from typing import Literal

import streamlit as st

from explorer.app import session
from explorer.archive.summary import uploads_of
from explorer.result import Result
from explorer.study.records import StudyError
from explorer.study.session_records import Counts
from explorer.study.stimuli import stimulus_of, why_no_stimulus

log = logging.getLogger(__name__)

Opinion = Literal["target", "seed", "skipped"]
_OPINIONS, _NEVER = "_opinions", "_opinions_not_asked"


def is_open_question(result: Result) -> bool:
    """Whether this visitor is to be asked about this result before its verdict is shown.

    Only of images that match: of others the question says nothing about the network.
    """
    if st.session_state.get(_NEVER) or result.request.key in _opinions():
        return False
    is_asked = result.matched and result.difference is None
    return is_asked and why_no_stimulus(result) is None


def ask(result: Result) -> None:
    """The question, which can be skipped."""
    st.markdown("**To a person: the same?**")
    st.markdown("### What do *you* say?")
    st.markdown("Is the IRI more like its target or more like its seed?")
    with st.container(horizontal=True):
        _button("The target", "target", result)
        _button("The seed", "seed", result)
        _button("Skip", "skipped", result)
    st.checkbox("Do not ask again", key="opinion_never", on_change=_never)
    if uploads_of(result.request):
        st.caption("It was made from an uploaded picture, so your answer is not kept.")
    else:
        st.caption("Then the measures' verdict opens. Your answer is kept, without your name.")


def show_answer(result: Result) -> None:
    """What this visitor said, and how many others said what; nothing for those who skipped."""
    opinion = _opinions().get(result.request.key)
    if opinion not in ("target", "seed"):
        return
    counts = _counts(result.request.key)
    line = f":material/person: You said: more like the **{opinion}**."
    if counts is not None and counts.target + counts.seed > 1:
        asked = counts.target + counts.seed
        line += f" So far {counts.target} of {asked} who were asked here say *target*."
    st.markdown(line)


def _opinions() -> dict[str, Opinion]:
    """What this session said, by the result's key."""
    kept: dict[str, Opinion] = st.session_state.setdefault(_OPINIONS, {})
    return kept


def _button(label: str, opinion: Opinion, result: Result) -> None:
    st.button(
        label,
        key=f"opinion_{opinion}",
        type="tertiary" if opinion == "skipped" else "secondary",
        on_click=_answer,
        args=(result, opinion),
    )


def _answer(result: Result, opinion: Opinion) -> None:
    _opinions()[result.request.key] = opinion
    if opinion == "skipped" or uploads_of(result.request):
        return
    try:
        session.study().record_opinion(
            session.browser(), stimulus_of(result.request.key, result)[0], opinion
        )
    except StudyError as error:
        log.warning("An opinion could not be kept: %s", error)


def _never() -> None:
    st.session_state[_NEVER] = True


def _counts(key: str) -> Counts | None:
    try:
        return session.study().opinions(key)
    except StudyError as error:
        log.warning("Opinions could not be read: %s", error)
        return None
