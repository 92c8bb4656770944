"""Who joined a session and how far they are, kept up to date by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, sentence
from explorer.app.panels.class_open import CODE
from explorer.study.records import RoundState, StudyError, Unavailable
from explorer.study.session_records import Progress, Session

POLL_SECONDS = 1.5
"""Between two looks, so that the page is at most two seconds behind."""

_STATES = {
    RoundState.OPEN: ":green-badge[:material/play_arrow: Open]",
    RoundState.PAUSED: ":orange-badge[:material/pause: Paused: answers wait on the phones]",
    RoundState.REVEALED: ":blue-badge[:material/visibility: Results]",
}
_MOST_SHOWN = 400


def state_badge(shown: Session) -> str:
    """Markdown for the state of a session's current round."""
    if shown.closed:
        return ":gray-badge[:material/lock: Closed]"
    return _STATES[shown.current.state]


def show(shown: Session, *, is_lecturer: bool) -> None:
    """The counts; the whole page runs again as soon as the session is no longer as shown."""
    every = None if shown.closed else POLL_SECONDS
    st.fragment(_watch, run_every=every)(shown, is_lecturer)


def _watch(shown: Session, is_lecturer: bool) -> None:
    try:
        study = session.study()
        if study.session(shown.code) != shown:
            st.rerun()
        progress = study.progress(shown.code)
    except Unavailable as error:
        _say_unavailable(error)
        return
    except StudyError:  # it was deleted meanwhile
        st.rerun()
    with st.container(key="class_progress"):
        st.html(_counts(progress))
    if is_lecturer and progress.refused:
        st.caption(
            ":material/block: Refused since the session was opened: "
            f"{literal(_refused(progress.refused))}. None of it counts."
        )


def wait_for_database(error: Unavailable) -> None:
    """Say why there is no more of the page, which runs again as soon as there may be."""
    _say_unavailable(error)
    st.fragment(_look_again, run_every=POLL_SECONDS)(time.monotonic())


def _say_unavailable(error: Unavailable) -> None:
    said = f"{literal(sentence(str(error)))} This page goes on by itself."
    st.warning(said, icon=":material/cloud_off:")


def _look_again(failed_at: float) -> None:
    if time.monotonic() - failed_at < POLL_SECONDS / 2:
        return  # the run that has just failed
    try:
        session.study().session(st.query_params.get(CODE, ""))
    except Unavailable:
        return
    except StudyError:
        pass  # the page says so
    st.rerun()


def _counts(progress: Progress) -> str:
    numbers = (
        ("joined", progress.joined),
        ("answering", progress.answering),
        ("finished", progress.finished),
        ("answers", progress.answers),
    )
    counts = "".join(f"<div><dt>{name}</dt><dd>{number:,}</dd></div>" for name, number in numbers)
    cells = "".join(
        f'<i class="done" title="{total} of {total}"></i>'
        if answered >= total
        else f'<i style="--part: {answered / total:.0%}" title="{answered} of {total}"></i>'
        for _, answered, total in progress.participants[:_MOST_SHOWN]
        if total
    )
    # A picture of the counts above, which a screen reader would only repeat.
    return f'<dl class="counts">{counts}</dl><div class="people" aria-hidden="true">{cells}</div>'


def _refused(refused: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in refused.items() if count)
