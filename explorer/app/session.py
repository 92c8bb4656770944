"""What pages share: the engine of this process, and what belongs to one visitor's session."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.app import visitor_cookie
from explorer.app.uploads import UPLOADS
from explorer.hosting import hosting
from explorer.images.apart import decoder_of_this_process
from explorer.images.identity import upload_name
from explorer.jobs.engine import Engine
from explorer.jobs.shared import engine_of_this_process
from explorer.validation import Upload

if TYPE_CHECKING:
    from explorer.study.store import Study

MAX_UPLOADS = 8


def engine() -> Engine:
    """The one engine of this process, which no visitor can discard."""
    return engine_of_this_process()


def study() -> Study:
    """The one store of people's judgements; StudyError where it cannot be opened."""
    from explorer.study.shared import study_of_this_process  # SQL, which few visits need

    return study_of_this_process()


def visitor() -> str:
    """A name for this visitor, for as long as the session lasts."""
    name: str = st.session_state.setdefault("_visitor", uuid.uuid4().hex)
    return name


def browser() -> str:
    """A random name of the visitor's browser, the same after a reload; else `visitor()`.

    Without cookies, as in a frame of another site, there is none.
    """
    name: str | None = st.context.cookies.get(visitor_cookie.NAME)
    return name if name is not None and visitor_cookie.is_name(name) else visitor()


def sweeper() -> str:
    """Whose a sweep is: on a hosted app the browser's, whose limits it shares; else the session's.

    At home one browser may run several, in several tabs.
    """
    return browser() if hosting().hosted else visitor()


def uploads() -> dict[str, bytes]:
    """The visitor's uploaded pictures, PNG bytes by name; no other session sees them."""
    pngs: dict[str, bytes] = st.session_state.setdefault("_uploads", {})
    return pngs


def add_upload(data: bytes) -> Upload:
    """Decode an uploaded file in a process apart, and keep the picture for this session.

    Only the last MAX_UPLOADS are kept, and of these so many as `explorer.hosting` allows a visitor.
    Raises PictureError where it cannot be read.
    """
    digest, png = decoder_of_this_process().read(data)
    upload = Upload(upload_name(digest), png)
    pngs = uploads()
    pngs.pop(upload.name, None)
    pngs[upload.name] = upload.png
    while len(pngs) > MAX_UPLOADS:
        del pngs[next(iter(pngs))]
    UPLOADS.keep(pngs)
    return upload


def requested() -> set[str]:
    """The keys of the requests that this session submitted."""
    keys: set[str] = st.session_state.setdefault("_requested", set())
    return keys


def answers(question: str) -> dict[str, Any]:
    """What the worker answered to a question, or the future of its answer, for this session.

    The values differ from question to question; whoever asks knows their types.
    """
    kept: dict[str, dict[str, Any]] = st.session_state.setdefault("_answers", {})
    return kept.setdefault(question, {})
