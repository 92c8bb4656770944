"""Results made from uploaded pictures: for the session that made them, until they are shared."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.request import Request

_SHARED = "shared:"


def uploads_of(request: Request) -> tuple[str, ...]:
    """The uploaded pictures among target and seed, by name."""
    return tuple(name for name in (request.target, request.seed) if name.startswith("picture:"))


def may_be_seen(request: Request) -> bool:
    """Whether this session may see the result and its progress.

    It may if no upload is in it, if the session holds all its uploads or asked for it itself, if it
    is shared, or if it goes on from a result that may be seen.
    """
    missing = set(uploads_of(request)) - set(session.uploads())
    if not missing or request.key in session.requested() or is_shared(request):
        return True
    earlier = session.engine().result(request.continues) if request.continues else None
    return earlier is not None and may_be_seen(earlier.request)


def is_shared(request: Request) -> bool:
    """Whether everybody who has the link may see it."""
    return f"{_SHARED}{request.key}" in session.engine().store


def show_switch(request: Request) -> None:
    """The switch by which whoever made a result from an upload shares it; nothing for others."""
    if not uploads_of(request):
        return
    if not (set(uploads_of(request)) <= set(session.uploads())):
        st.caption("Made from an uploaded picture, and shared by whoever made it.")
        return
    key = f"share_{request.key}"
    st.session_state[key] = is_shared(request)
    st.toggle(
        "Share this result by its link",
        key=key,
        on_change=_set_shared,
        args=(request, key),
        help="Off: only this session, and whoever uploads the same picture, sees it. On: everybody "
        "who has the link sees the uploaded picture and what was made of it. Whoever runs this "
        "app can see it in any case.",
    )


def show_not_shared() -> None:
    """Instead of a result that this session may not see."""
    st.info(
        "This address names an uploaded picture that this session does not hold. Upload the same "
        "picture to go on, or ask whoever sent the address to share the result: the switch is "
        "below its verdicts.",
        icon=":material/lock:",
    )


def _set_shared(request: Request, key: str) -> None:
    store = session.engine().store
    if st.session_state[key]:
        store.put(f"{_SHARED}{request.key}", b"1")
    else:
        store.delete(f"{_SHARED}{request.key}")
