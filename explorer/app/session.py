"""What pages share: the engine of this process, and what belongs to one visitor."""

from __future__ import annotations

import uuid

import streamlit as st

from explorer.jobs.engine import Engine
from explorer.jobs.shared import engine_of_this_process
from explorer.validation import Upload, read_upload

MOST_UPLOADS = 8


def engine() -> Engine:
    """The one engine of this process, which no visitor can have thrown away."""
    return engine_of_this_process()


def watcher() -> str:
    """A name for this visitor, for as long as the session lasts."""
    return st.session_state.setdefault("_watcher", uuid.uuid4().hex)


def uploads() -> dict[str, bytes]:
    """The visitor's own pictures, PNG bytes by name; nobody else's session sees them."""
    return st.session_state.setdefault("_uploads", {})


def keep_upload(data: bytes) -> Upload:
    """Read a stranger's file and keep it for this session; PictureError says what was wrong."""
    upload = read_upload(data)
    kept = uploads()
    kept[upload.name] = upload.png
    while len(kept) > MOST_UPLOADS:
        del kept[next(iter(kept))]
    return upload


def remembered(reference: str) -> dict:
    """Answers about a network that is not in the catalogue, kept for the session."""
    return st.session_state.setdefault("_networks", {}).setdefault(reference, {})
