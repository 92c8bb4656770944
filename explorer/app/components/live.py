"""Running jobs on a page, drawn by the browser from the server's events: no run of the page each.

`show_progress` watches one job, and passes what it hears on to the page's pictures
(`show_pictures` with `live`) and to `show_curve`. `nudge` has a part of the page run when something
has changed about several jobs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from explorer.app import session
from explorer.jobs.job import Job
from explorer.live.events import Point, thinned, whole
from explorer.live.tokens import Watched, token

_FRONT = Path(__file__).parent / "front"


def _read(*names: str) -> str:
    return "\n".join((_FRONT / name).read_text(encoding="utf-8") for name in names)


_progress = st.components.v2.component(
    "iri_live",
    html=_read("live.html"),
    css=_read("live.css"),
    js=_read("stream.js", "live.js"),
)
_curve = st.components.v2.component(
    "iri_curve",
    html='<div class="curve"></div>\n',
    css=_read("curve.css"),
    js=_read("curve.js"),
)
_nudge = st.components.v2.component(
    "iri_nudge",
    html="<div hidden></div>\n",
    js=_read("stream.js", "nudge.js"),
)


def show_progress(job: Job, steps_before: int, on_end: Callable[[], None]) -> None:
    """How far a job is; the page runs again, once, when it has ended, after a call of `on_end`.

    steps_before: of the search that it goes on from.
    """
    watched = Watched((job.key,), steps_before, _who())
    data = {"token": token(watched), "now": whole(job, steps_before)}
    # As text, as in `explorer.app.components.pictures`.
    _progress(
        data={"json": json.dumps(data)},
        key="live",
        on_ended_change=on_end,
        on_looked_change=lambda: None,
    )


def show_curve(job: Job, before: Sequence[Point], goal: float, budget: int) -> None:
    """The falling curve of a job as it grows, after that of the search that it goes on from.

    goal: relative distance, 0 for none. budget: the step at which the axis ends.
    """
    data = {
        "key": job.key,
        "before": thinned(before),
        "steps_before": before[-1][0] if before else 0,
        "goal": goal,
        "budget": budget,
        "points": thinned(job.curve),
    }
    _curve(data={"json": json.dumps(data)}, key="live_curve")


def nudge(keys: Sequence[str], key: str) -> None:
    """Have the fragment, or the page, in which this stands run again when these jobs change.

    No oftener than every two seconds, and at once when the last of them has ended. keys: of jobs
    that wait or run; of very many the first are watched. Nothing is drawn.
    """
    if keys:
        text = token(Watched(tuple(keys), visitor=_who(), is_nudge=True))
        _nudge(data={"token": text, "ended": 0}, key=f"nudge_{key}", on_changed_change=lambda: None)


def _who() -> str:
    """What stands for the visitor's browser in an address: its name is in a cookie, not in logs."""
    return hashlib.sha256(session.browser().encode()).hexdigest()[:16]
