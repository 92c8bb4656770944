"""What only the lecturer can do: pause, reveal, vote again, go on, export, close, delete."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, sentence
from explorer.app.panels import class_design, class_images, class_join
from explorer.app.panels.class_open import CODE, SECRET
from explorer.study import psych_ds
from explorer.study.records import RoundState, StudyError
from explorer.study.session_records import Progress, Session

_MESSAGE, _GONE = "_class_message", "_class_deleted"


def show(shown: Session, secret: str) -> None:
    """A row of buttons."""
    if message := st.session_state.pop(_MESSAGE, None):
        st.error(literal(sentence(message)), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", key="class_controls"):
        is_first = not shown.closed and not session.study().progress(shown.code).answers
        _projector_link(shown.code, is_primary=is_first)
        if shown.current.state != RoundState.REVEALED:
            _before_reveal(shown, secret, is_primary=not is_first)
        if not shown.closed:
            _votes(shown, secret)
        _export(shown)
        if not shown.closed and st.button("Close …", icon=":material/lock:", key="class_close"):
            _confirm_close(shown.code, secret)
        if st.button("Delete …", icon=":material/delete:", key="class_delete"):
            _confirm_delete(shown.code, secret)
        _links(shown.code, secret)


def _projector_link(code: str, *, is_primary: bool) -> None:
    st.link_button(
        "Open the projector's view",
        f"./class?{_projector(code)}",
        type="primary" if is_primary else "secondary",
        icon=":material/tv:",
        help="A new window for the class to see. The address of this page has your secret in it: "
        "keep this page on your own screen.",
    )


def _projector(code: str) -> str:
    """The query of the page that everybody may see."""
    at = st.query_params.get(class_join.ADDRESS)
    return urlencode({CODE: code} if at is None else {CODE: code, class_join.ADDRESS: at})


def deleted() -> bool:
    """Whether this visitor has just deleted the session, which is told once."""
    return bool(st.session_state.pop(_GONE, False))


def _try(do: Callable[[], object]) -> None:
    """Do it, and keep the sentence of a refusal for the page."""
    try:
        do()
    except StudyError as error:
        st.session_state[_MESSAGE] = str(error)


def _before_reveal(shown: Session, secret: str, *, is_primary: bool) -> None:
    study, code = session.study(), shown.code
    st.button(
        "Reveal results",
        type="primary" if is_primary else "secondary",
        icon=":material/visibility:",
        key="class_reveal",
        on_click=_try,
        args=(lambda: study.reveal(code, secret),),
        help="Ends the round and shows its results to everybody.",
    )
    if shown.closed:
        return
    if shown.current.state == RoundState.OPEN:
        st.button(
            "Pause",
            icon=":material/pause:",
            key="class_pause",
            on_click=_try,
            args=(lambda: study.pause(code, secret),),
            help="Phones keep their answers until you resume.",
        )
    else:
        st.button(
            "Resume",
            icon=":material/play_arrow:",
            key="class_resume",
            on_click=_try,
            args=(lambda: study.resume(code, secret),),
            help="Phones go on where they were.",
        )


def _votes(shown: Session, secret: str) -> None:
    if shown.current.vote == 1 and st.button(
        "Second vote",
        icon=":material/how_to_vote:",
        key="class_second",
        help="Everybody answers the same images again, after discussion. The first vote's "
        "results are shown next to it.",
    ):
        progress = _voting(shown)
        if progress is not None:
            _confirm_second(progress, shown.code, secret)
        else:
            _try(lambda: session.study().second_vote(shown.code, secret))
            st.rerun()
    if st.button("Next round …", icon=":material/skip_next:", key="class_next"):
        _choose_next(shown, secret)


def _voting(shown: Session) -> Progress | None:
    """How far people are in a vote that they have not all finished; else None."""
    if shown.current.state == RoundState.REVEALED:
        return None
    progress = session.study().progress(shown.code)
    return None if progress.joined == progress.finished else progress


def _export(shown: Session) -> None:
    study, code = session.study(), shown.code
    st.download_button(
        "Export",
        lambda: psych_ds.export(study, code),
        f"iri-class-{code}.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/download:",
        key="class_export",
        help="All answers as a table (CSV) with a description of every column (Psych-DS), the "
        "images, and the requests that made them.",
    )


@st.dialog("Next round", width="large")
def _choose_next(shown: Session, secret: str) -> None:
    study, visitor = session.study(), session.browser()
    if shown.current.state != RoundState.REVEALED:
        st.warning(
            f"The results of round {shown.current.number} are not revealed. Once the next round is "
            "open, only the export has them.",
            icon=":material/visibility_off:",
        )
    before = study.stimulus_set(shown.current.set_id)
    images = class_images.choose("next", before)
    if images is None:
        return
    design = class_design.choose(images, shown.current.design, "next")
    if design is None:
        return
    if st.button("Open the next round", type="primary", key="class_next_open"):
        _try(lambda: study.next_round(shown.code, secret, images, design, visitor))
        st.rerun()


@st.dialog("Second vote now?")
def _confirm_second(progress: Progress, code: str, secret: str) -> None:
    st.markdown(
        f"{progress.finished:,} of {progress.joined:,} people have finished the first vote. It "
        "ends for good: what the others have not answered by then does not count."
    )
    with st.container(horizontal=True):
        if st.button(
            "Start the second vote",
            type="primary",
            key="class_second_confirmed",
            on_click=_try,
            args=(lambda: session.study().second_vote(code, secret),),
        ):
            st.rerun()
        if st.button("Cancel", key="class_second_cancelled"):
            st.rerun()


@st.dialog("Close the session?")
def _confirm_close(code: str, secret: str) -> None:
    st.markdown("Nobody can join or answer any more. Its results stay, and can still be revealed.")
    with st.container(horizontal=True):
        if st.button("Close the session", type="primary", key="class_close_confirmed"):
            _try(lambda: session.study().close(code, secret))
            st.rerun()
        if st.button("Cancel", key="class_close_cancelled"):
            st.rerun()


@st.dialog("Delete the session?")
def _confirm_delete(code: str, secret: str) -> None:
    st.markdown("All its answers will be gone for good. Export them first if you need them.")
    with st.container(horizontal=True):
        if st.button("Delete it with all answers", type="primary", key="class_delete_confirmed"):
            _try(lambda: _delete(code, secret))
            st.rerun()
        if st.button("Cancel", key="class_delete_cancelled"):
            st.rerun()


def _delete(code: str, secret: str) -> None:
    session.study().delete(code, secret)
    st.session_state[_GONE] = True
    st.query_params.clear()


def _links(code: str, secret: str) -> None:
    with st.popover("Links", icon=":material/link:"):
        root = class_join.app_root() or ""
        st.markdown(
            "**For you.** It is stored nowhere: keep it, whoever has it can reveal and delete."
        )
        st.code(f"{root}/class?{urlencode({CODE: code, SECRET: secret})}", None, wrap_lines=True)
        st.markdown(
            "**For the projector.** The same without buttons; your secret is not in its address."
        )
        st.code(f"{root}/class?{_projector(code)}", None, wrap_lines=True)
        _choose_address()


def _choose_address() -> None:
    """Where this machine has several addresses, the one that the QR code names."""
    try:
        roots = class_join.phone_roots()
    except ValueError:
        return
    if len(roots) < 2:
        return
    chosen = st.selectbox(
        "Address for phones",
        roots,
        roots.index(class_join.chosen_root(roots)),
        key="class_address",
        help="This machine is in several networks: choose that of the phones.",
    )
    host = urlsplit(chosen).hostname
    if host and chosen != class_join.chosen_root(roots):
        st.query_params[class_join.ADDRESS] = host
        st.rerun()
