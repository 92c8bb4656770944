"""Do the IRIs of each network look the same to every other one? For Compare's networks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import streamlit as st

from explorer.analysis.eyes import (
    FinishedIris,
    ObserverMatrix,
    ObserverViews,
    comparable,
    keep_views,
    known_views,
    observers_of,
    view_key,
)
from explorer.app import asking, session
from explorer.app.components.live import nudge
from explorer.app.naming import literal, sentence
from explorer.app.panels.eyes_matrix import show_matrix
from explorer.errors import RequestError
from explorer.jobs import work
from explorer.models.hubs import HubUnreachable
from explorer.request import Request

_KEPT = 256  # finished images, of at most a few hundred KB


@dataclass(frozen=True)
class _Finished:
    """What observers are shown of a finished result, and how it ended."""

    request: Request
    iri_png: bytes
    target_png: bytes
    converged: bool


def show(keys: Sequence[str]) -> None:
    """The matrix over the networks of finished results; nothing for fewer than two networks.

    keys: of results in the cache, for the same targets from the same seeds; targets that a network
    lacks are left out.
    """
    results = [each for each in map(_finished, keys) if each is not None]
    if len({each.request.model for each in results}) < 2:
        return
    st.subheader("Through other networks' eyes")
    try:
        made = comparable(results)
        observers = observers_of(made)
    except (RequestError, HubUnreachable) as error:
        st.caption(sentence(literal(getattr(error, "message", str(error)))))
        return
    asked = session.answers(" ".join(view_key(each, row) for each in observers for row in made))
    failure = _settle(made, asked)
    views = [_known(each, made, asked) for each in observers]
    known = [each for each in views if each is not None]
    if len(known) == len(observers):
        show_matrix(ObserverMatrix(made, tuple(known)))
    elif failure:
        st.error(literal(sentence(failure)), icon=":material/error:")
        st.button("Try again", key="eyes_again", on_click=asked.update, kwargs={"wanted": True})
    elif asked.get("wanted"):
        if "running" not in asked:
            following = next(o for o, view in zip(observers, views, strict=True) if view is None)
            answer = asking.ask(work.observe, following.to_dict(), made)
            asked["running"] = (following, answer)
        _wait(len(known), len(observers), asked)
    else:
        st.markdown(
            f"Each of the {len(observers)} networks looks at the others' IRIs: are they the same "
            "as their targets to it, too?"
        )
        st.button(
            "Ask each network",
            key="eyes_ask",
            icon=":material/visibility:",
            on_click=asked.update,
            kwargs={"wanted": True},
        )


def _finished(key: str) -> _Finished | None:
    """What is shown of a result; None where it is not in the cache any more."""
    try:
        return _read(key) if key in session.engine().store else None
    except LookupError:
        return None


@lru_cache(maxsize=_KEPT)
def _read(key: str) -> _Finished:
    """Reading a result takes some 10 ms, too long for each run of the page."""
    result = session.engine().result(key)
    if result is None:
        raise LookupError(key)
    return _Finished(result.request, result.iri_png, result.target_png, result.converged)


def _settle(made: Sequence[FinishedIris], asked: dict[str, Any]) -> str:
    """Keep the answer that has come; why there is none, once, or ""."""
    if "running" not in asked or not asking.has_come(asked["running"][1]):
        return ""
    observer, answer = asked.pop("running")
    error = answer.exception()
    if error is None:
        keep_views(observer, made, answer.result(), session.engine().store)
        return ""
    asked.pop("wanted", None)
    return getattr(error, "message", str(error))


def _known(
    observer: Request, made: Sequence[FinishedIris], asked: dict[str, Any]
) -> ObserverViews | None:
    """What is known of an observer's views: to this session, or to the store."""
    views: ObserverViews | None = asked.get(observer.key)
    if views is None:
        views = known_views(observer, made, session.engine().store)
        if views is not None:
            asked[observer.key] = views
    return views


@st.fragment
def _wait(done: int, count: int, asked: dict[str, Any]) -> None:
    """The networks are asked one after the other, so that others' jobs have their turn."""
    running: tuple[Request, Future[ObserverViews]] | None = asked.get("running")
    if running is None or asking.has_come(running[1]):
        st.rerun()
    bar, button = st.columns([4, 1], vertical_alignment="bottom")
    bar.progress(
        done / count,
        text=f"{done} of {count} networks have compared the IRIs …{asking.place(running[1])}",
    )
    button.button(
        "Cancel",
        key="eyes_cancel",
        icon=":material/stop:",
        width="stretch",
        on_click=_cancel,
        args=(asked,),
    )
    nudge(asking.keys_of(running[1]), "eyes")


def _cancel(asked: dict[str, Any]) -> None:
    asked.pop("wanted", None)
    if running := asked.pop("running", None):
        running[1].cancel()
