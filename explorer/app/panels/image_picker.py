"""The sidebar's pictures: the target, the seed image, and uploads."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.links import DEFAULTS
from explorer.app.naming import literal, picture_title
from explorer.app.panels.select import select
from explorer.app.url_state import Readers
from explorer.images import gallery, noise_targets, seeds
from explorer.images.errors import PictureError
from explorer.images.formats import FORMATS, readable_suffixes

READERS: Readers = {"target": str, "seed": str}
FILE_TYPES = tuple(suffix.removeprefix(".") for suffix in readable_suffixes())
FORMAT_TITLES = [each.title for each in FORMATS if each.suffixes[0] in readable_suffixes()]


def target() -> str:
    """The target's name: of the gallery, a noise target or an upload."""
    name = select(
        "Target",
        [*gallery.names(), *noise_targets.kinds(), *session.uploads()],
        key="target",
        default=DEFAULTS.target,
        title=picture_title,
        help="The image whose representation at the layer the IRI is to have.",
    )
    _upload()
    return name


def seed() -> str:
    """The seed image's name: a seed kind, one of the gallery or an upload."""
    return select(
        "Seed image",
        [*seeds.kinds(), *gallery.names(), *session.uploads()],
        key="seed",
        default=DEFAULTS.seed,
        title=picture_title,
        help="The image from which the IRI starts. Much of what the network ignores stays as it "
        "is here.",
    )


def _upload() -> None:
    with st.expander("Upload a picture", icon=":material/upload:"):
        st.file_uploader(
            "Picture file",
            type=list(FILE_TYPES),
            key="_upload_file",
            on_change=_take_upload,
            label_visibility="collapsed",
        )
        st.caption(
            "Only this session sees it, and what is made of it, until you share a result; whoever "
            "runs this app can see it in any case.  \n"
            f"{', '.join(FORMAT_TITLES[:-1])} or {FORMAT_TITLES[-1]}, at most 25 MB."
        )
        problem = st.session_state.get("_upload_problem")
        if problem:
            st.error(literal(problem))


def _take_upload() -> None:
    """Make the uploaded picture the target, or keep what is wrong with it for the page.

    A picture that the address names already, as after a reload, stays what it is there.
    """
    file = st.session_state.get("_upload_file")
    st.session_state["_upload_problem"] = None
    if file is None:
        return
    try:
        name = session.add_upload(file.getvalue()).name
        if name != st.session_state.get("seed"):
            st.session_state["target"] = name
    except PictureError as error:
        st.session_state["_upload_problem"] = f"{file.name}: {error}"
