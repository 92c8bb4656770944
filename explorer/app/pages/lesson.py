"""Lesson: seven steps through what the app is about, all from finished results."""

from __future__ import annotations

import streamlit as st

from explorer.app import session, url_state
from explorer.app.components.page_styles import use_page_styles
from explorer.app.lesson import address as addresses
from explorer.app.lesson.address import Address
from explorer.app.lesson.results import warm
from explorer.app.lesson.steps import STEPS, every_request
from explorer.app.naming import literal
from explorer.app.pages import PAGES
from explorer.app.panels import lesson_comparisons, lesson_sharing, lesson_view
from explorer.app.panels.lesson_parts import Setting

PAGE = "lesson"
_SLIDE = (
    "<style>[data-testid=stHeader] { display: none }"
    " [data-testid=stMainBlockContainer] { padding: 0.5rem 1rem }</style>"
)
"""A slide has no room for the app's navigation, and its own way to the next one."""
_NAMES = ("step", "fixed", *(each.name for step in STEPS for each in step.controls))
_READERS = dict.fromkeys(_NAMES, str)


def _asked() -> Address:
    """What the address asks for, or, where it is the page's own, what the controls are set to."""
    new = url_state.read(_READERS, {}, PAGE)
    state = {name: st.session_state[name] for name in _NAMES if name in st.session_state}
    asked = addresses.read(state if new is None else new)
    for name, value in {"step": str(asked.step.number), **asked.values}.items():
        st.session_state[name] = value
    return asked


def _go_to(number: int) -> None:
    st.session_state["step"] = str(number)


def _navigation(number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_steps"):
        st.segmented_control(
            "Step",
            [str(step.number) for step in STEPS],
            key="step",
            required=True,
            label_visibility="collapsed",
        )
        st.button(
            "Back",
            key="lesson_back",
            icon=":material/arrow_back:",
            disabled=number == 1,
            on_click=_go_to,
            args=(number - 1,),
        )
        st.button(
            "Next",
            key="lesson_next",
            type="primary",
            icon=":material/arrow_forward:",
            icon_position="right",
            disabled=number == len(STEPS),
            on_click=_go_to,
            args=(number + 1,),
        )


use_page_styles()
asked = _asked()
step = asked.step
for problem in asked.problems:
    st.warning(literal(problem), icon=":material/link_off:")
if st.context.is_embedded:
    st.html(_SLIDE)
    st.markdown(f"**{step.claim}**")
    lesson_view.show_comparison(asked, Setting(slide=True))
else:
    if asked.alone:
        st.page_link(
            str(PAGES[PAGE].script),
            label="The whole lesson",
            icon=":material/school:",
            query_params={"step": str(step.number)},
        )
    else:
        _navigation(step.number)
    st.title(f"{step.number}. {step.title}" if not asked.alone else step.title)
    lesson_view.show(asked)
    lesson_sharing.show(asked)
    if step.number < lesson_comparisons.FIRST_PLOT:
        lesson_comparisons.preload_plots()
url_state.write(asked.parameters, PAGE)
warm(every_request())
session.engine().start()
