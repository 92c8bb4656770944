"""One step of the lesson: its claim, controls, comparison, something to try, and a question."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from explorer.app.lesson.address import Address
from explorer.app.lesson.records import Control, Question, Step
from explorer.app.lesson.results import results_of
from explorer.app.links import link
from explorer.app.pages import PAGES
from explorer.app.panels import lesson_comparisons
from explorer.app.panels.lesson_parts import Setting

_MISSING = (
    "This installation lacks the results that ship with the app, which this step shows: install "
    "them again with `cache/starter`."
)


def show(address: Address) -> None:
    """The whole step, on a page of its own or among the others."""
    step = address.step
    st.markdown(f"#### {step.claim}")
    st.markdown(step.text)
    comparison, side = st.columns([2, 1], gap="large")
    with comparison:
        show_comparison(address, Setting(open_question=_chosen(step) is None))
    with side:
        task = step.task(address.free)
        if task:
            with st.container(border=True):
                st.markdown("**Try this**")
                st.markdown(task)
        with st.container(border=True):
            _question(step)
        with st.expander("Formulae", icon=":material/function:"):
            for formula, reading in step.formulae:
                st.latex(formula)
                st.markdown(reading)
        with st.expander("Speaker's notes", icon=":material/co_present:"):
            st.markdown("\n".join(f"- {note}" for note in step.notes))


def show_comparison(address: Address, setting: Setting) -> None:
    """The controls that are left, what is compared and, but in a slide, the way into Explore."""
    step = address.step
    with st.container(horizontal=True, key="lesson_controls"):
        for at, control in enumerate(step.controls):
            before = [address.values[each.name] for each in step.controls[:at]]
            if control.name in address.free:
                st.segmented_control(
                    control.label,
                    step.options(control, before),
                    key=control.name,
                    format_func=control.titles.__getitem__,
                    required=True,
                    help=control.help,
                )
    fixed = _fixed_in_words(step, address)
    if fixed:
        st.caption(fixed)
    results = results_of(step.requests(address.values))
    if results is None:
        st.error(_MISSING, icon=":material/error:")
        return
    lesson_comparisons.show(step, address.values, results, setting)
    if not setting.slide and len(results) == 1:
        st.page_link(
            str(PAGES["explore"].script),
            label="Open in Explore",
            icon=":material/open_in_new:",
            query_params=link(results[0].request),
        )


def _fixed_in_words(step: Step, address: Address) -> str:
    """What the controls that are not drawn are set to."""
    return " · ".join(
        f"{control.label}: {_title(control, address.values)}"
        for control in step.controls
        if control.name not in address.free
    )


def _title(control: Control, values: Mapping[str, str]) -> str:
    return control.titles[values[control.name]]


def _chosen(step: Step) -> int | None:
    """The answer that was chosen to the step's question; None before one is."""
    chosen = st.session_state.get(_answer_key(step))
    return chosen if isinstance(chosen, int) else None


def _answer_key(step: Step) -> str:
    return f"lesson_answer_{step.number}"


def _question(step: Step) -> None:
    """The question, and after an answer whether it was right, and why."""
    question = step.question
    st.markdown("**A question**")
    with st.form(f"lesson_question_{step.number}", border=False):
        chosen = st.radio(
            question.text,
            range(len(question.options)),
            index=None,
            key=_answer_key(step),
            format_func=lambda at: question.options[at],
        )
        asked = st.form_submit_button("Check", icon=":material/check:")
    if asked and chosen is None:
        st.info("Choose an answer first.")
    elif chosen is not None:
        _feedback(question, chosen)


def _feedback(question: Question, chosen: int) -> None:
    results = results_of(question.about)
    if results is None:
        st.error(_MISSING, icon=":material/error:")
        return
    right = question.right(results)
    if chosen == right:
        st.success(f"Right. {question.because(results)}", icon=":material/check_circle:")
    else:
        st.warning(
            f"No: {_in_sentence(question.options[right])}. {question.because(results)}",
            icon=":material/close:",
        )


def _in_sentence(option: str) -> str:
    """An option after a colon: small, unless its first word is a name."""
    return option[:1].lower() + option[1:]
