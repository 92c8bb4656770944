"""Open a session, or find one by its code."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, sentence
from explorer.app.panels import class_design, class_images
from explorer.study.records import Design, StudyError
from explorer.study.stimulus_set import StimulusSet

CODE, SECRET = "code", "secret"
"""URL parameters of a session's page; whoever has the secret is its lecturer."""

MOST_TITLE = 80
"""Characters; a title is one line on the projector."""

_TITLE = "What do networks ignore?"


def show() -> None:
    """The page before there is a session."""
    st.title("Ask the class")
    st.markdown(
        "Everybody answers on a phone: no account, no app, nothing personal is stored. Results "
        "stay hidden until you reveal them; then they are shown next to what perceptual measures "
        "say of the same images."
    )
    opening, finding = st.columns([2, 1], gap="large")
    with opening, st.container(border=True):
        _show_opening()
    with finding:
        with st.container(border=True):
            _show_finding()
        with st.container(border=True):
            st.markdown("**How it goes**")
            st.markdown(
                "1. Open the session. Code, address and QR code appear.\n"
                "2. The class joins and answers.\n"
                "3. **Reveal**, or discuss first and take a **second vote** on the same images.\n"
                "4. **Export** the answers; **close** or **delete** the session."
            )
            # Of the phones' own pages, so a plain link.
            st.link_button(
                "Take the test alone", "./vote/alone", icon=":material/person:", type="tertiary"
            )


def _show_opening() -> None:
    st.subheader("Open a session")
    # No limit of the field itself: it would drop what is longer without a word.
    # As text: a forged message may say that the field holds a number.
    title = str(st.text_input("Title", key="class_title", placeholder=_TITLE)).strip()
    if is_long := len(title) > MOST_TITLE:
        st.error(
            f"The title has {len(title)} characters; it can have {MOST_TITLE} at most.",
            icon=":material/error:",
        )
    images = class_images.choose("class")
    if images is None:
        st.button("Open the session", type="primary", key="class_open", disabled=True)
        return
    design = class_design.choose(images, Design(), "class")
    if st.button(
        "Open the session",
        type="primary",
        key="class_open",
        icon=":material/groups:",
        disabled=design is None or is_long,
    ):
        _open(title or _TITLE, images, design or Design())


def _open(title: str, images: StimulusSet, design: Design) -> None:
    try:
        opened = session.study().open_session(title, images, design, session.browser())
    except StudyError as error:
        st.error(literal(sentence(str(error))), icon=":material/error:")
        return
    st.query_params.from_dict({CODE: opened.code, SECRET: opened.secret})
    st.rerun()


def _show_finding() -> None:
    st.markdown("**Show a session**")
    typed = st.text_input("Code", key="class_code", max_chars=12, placeholder="ABC234", width=200)
    code = str(typed).strip()
    st.caption("To show its results, or how to join it. To answer, scan its QR code with a phone.")
    if code:
        st.query_params.from_dict({CODE: code.upper()})
        st.rerun()
