"""What pages share: the engine of this process, and what belongs to one visitor's session."""

from __future__ import annotations

import uuid
from typing import Any

import streamlit as st

from explorer.jobs.engine import Engine
from explorer.jobs.shared import engine_of_this_process
from explorer.validation import Upload, read_upload

MAX_UPLOADS = 8


def engine() -> Engine:
    """The one engine of this process, which no visitor can discard."""
    return engine_of_this_process()


def visitor() -> str:
    """A name for this visitor, for as long as the session lasts."""
    name: str = st.session_state.setdefault("_visitor", uuid.uuid4().hex)
    return name


def uploads() -> dict[str, bytes]:
    """The visitor's uploaded pictures, PNG bytes by name; no other session sees them."""
    pngs: dict[str, bytes] = st.session_state.setdefault("_uploads", {})
    return pngs


def add_upload(data: bytes) -> Upload:
    """Read an uploaded file and keep it for this session.

    Only the last MAX_UPLOADS are kept. Raises PictureError where it cannot be read.
    """
    upload = read_upload(data)
    pngs = uploads()
    pngs[upload.name] = upload.png
    while len(pngs) > MAX_UPLOADS:
        del pngs[next(iter(pngs))]
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
