"""A session on the projector: how to join it, who did, and its results once they are revealed."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, sentence
from explorer.app.panels import class_controls, class_join, class_progress, class_results
from explorer.app.panels.class_design import QUESTIONS
from explorer.app.panels.class_open import CODE, SECRET
from explorer.study.records import RoundState
from explorer.study.session_records import Session, UnknownCode


def show(code: str) -> None:
    """The session of this code, with the lecturer's buttons for whoever has its secret.

    Raises Unavailable while the database cannot be read: that is no reason to leave the session.
    """
    study = session.study()
    try:
        shown = study.session(code)
    except UnknownCode as error:
        _show_missing(str(error))
        return
    secret = st.query_params.get(SECRET, "")
    is_lecturer = bool(secret) and study.is_lecturer(code, secret)
    class_join.use_styles()
    st.title(literal(shown.title))
    st.markdown(_status(shown))
    if secret and not is_lecturer:
        st.warning(
            "The secret in this address is not this session's, so the page shows what everybody "
            "may see. Open the lecturer's link again, as it was when the session was opened.",
            icon=":material/key_off:",
        )
    if is_lecturer:
        class_controls.show(shown, secret)
    if shown.current.state == RoundState.REVEALED:
        class_results.show(shown)
        if not shown.closed:
            class_join.show(shown.code, is_small=True)
            class_progress.show(shown, is_lecturer=is_lecturer)
        return
    if shown.closed:
        st.info(
            "This session is closed, and the results of its last round are not revealed.",
            icon=":material/lock:",
        )
    else:
        class_join.show(shown.code, is_small=False)
    class_progress.show(shown, is_lecturer=is_lecturer)
    class_results.show_earlier(shown)


def _status(shown: Session) -> str:
    current = shown.current
    vote = ", second vote" if current.vote > 1 else ""
    question = QUESTIONS[current.design.task]
    return f"{class_progress.state_badge(shown)} Round {current.number}{vote}. *{question}*"


def _show_missing(message: str) -> None:
    st.title("Ask the class")
    st.error(literal(sentence(message)), icon=":material/error:")
    if st.button("Open or find another session", key="class_start"):
        for name in (CODE, SECRET, class_join.ADDRESS):
            st.query_params.pop(name, None)
        st.rerun()
