"""A running job: the picture so far, the falling curve, the time left, and Cancel.

The browser draws it from the server's events; the page runs again only when the job has ended.
"""

from __future__ import annotations

import streamlit as st

from explorer.app import session, url_state
from explorer.app.components.live import show_curve, show_progress
from explorer.app.components.pictures import show_pictures
from explorer.app.naming import describe
from explorer.app.panels.pending_view import pending_pictures
from explorer.jobs.job import Job
from explorer.live.events import Point
from explorer.live.wording import caption
from explorer.request import Request


def show(request: Request, job: Job) -> None:
    """Watch a job of this request; the page runs again, as a whole, once it has ended."""
    session.engine().touch([job.key])  # where only the page itself reaches the browser
    before = _curve_before(request)
    steps_before = before[-1][0] if before else 0
    pictures = pending_pictures(request, job.preview, caption(job))
    show_pictures(
        pictures, compare=job.look is not None, reserve=True, live=job.key, key="pictures"
    )
    who = session.browser()
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    with bar:
        show_progress(job, steps_before, _set_widgets_anew)
    if who in job.subscribers:
        with button:
            st.button(
                "Cancel",
                key="cancel",
                icon=":material/stop:",
                width="stretch",
                on_click=session.engine().cancel,
                args=(request.key, who),
            )
    else:
        st.caption("It was asked for elsewhere, and can be cancelled only there.")
    st.markdown(describe(request))
    show_curve(job, before, request.goal, steps_before + request.steps)


def _curve_before(request: Request) -> tuple[Point, ...]:
    """The curve of the result that the request goes on from, from its first seed on."""
    earlier = session.engine().result(request.continues) if request.continues else None
    if earlier is None:
        return ()
    return tuple(zip(earlier.curves.step, earlier.curves.relative_l2, strict=True))


def _set_widgets_anew() -> None:
    """Before the run that follows: whoever only opened a link may not have the sidebar yet."""
    if not session.requested():
        url_state.forget()
