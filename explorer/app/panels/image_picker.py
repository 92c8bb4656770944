"""The sidebar's pictures: the target, the seed image, and uploads."""

from __future__ import annotations

import streamlit as st

from explorer.app import session
from explorer.app.links import DEFAULTS
from explorer.app.naming import literal, picture_title
from explorer.app.panels.select import select
from explorer.app.uploads import release
from explorer.app.url_state import Readers
from explorer.hosting import hosting
from explorer.images import gallery, noise_targets, seeds
from explorer.images.errors import PictureError
from explorer.images.formats import FORMATS, readable_suffixes
from explorer.images.reading import MAX_BYTES

_FILE, _TAKEN = "_upload_file", "_uploads_taken"

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
    upload()
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


def upload() -> None:
    """Where a visitor uploads a picture; it becomes the target."""
    with st.expander("Upload a picture", icon=":material/upload:"):
        # With another key after each picture, the widget is empty again and holds no file.
        number = st.session_state.setdefault(_TAKEN, 0)
        st.file_uploader(
            "Picture file",
            type=list(FILE_TYPES),
            key=f"{_FILE}{number}",
            on_change=_take_upload,
            max_upload_size=megabytes(),
            label_visibility="collapsed",
        )
        st.caption(
            f"{_who_sees_it()}  \n"
            f"{', '.join(FORMAT_TITLES[:-1])} or {FORMAT_TITLES[-1]}, at most {megabytes()} MB."
        )
        problem = st.session_state.get("_upload_problem")
        if problem:
            st.error(literal(problem))


def megabytes() -> int:
    """The largest picture file that can be uploaded, in MB."""
    most = hosting().upload_bytes
    return MAX_BYTES // 2**20 if most is None else min(MAX_BYTES // 2**20, most // 2**20)


def _who_sees_it() -> str:
    sees = (
        "Only this session sees it, and what is made of it, until you share a result; whoever runs "
        "this app can see it in any case."
    )
    if hosting().hosted:
        sees += " It is kept in memory, and forgotten a minute after you close this tab; what was "
        sees += "made of it stays in the cache."
    return sees


def _take_upload() -> None:
    """Make the uploaded picture the target, or keep what is wrong with it for the page.

    A picture that the address names already, as after a reload, stays what it is there.
    """
    number = st.session_state.get(_TAKEN, 0)
    file = st.session_state.get(f"{_FILE}{number}")
    st.session_state["_upload_problem"] = None
    if file is None or not hasattr(file, "getvalue"):  # none, or one that is gone again
        return
    try:
        name = session.add_upload(file.getvalue()).name
        if name != st.session_state.get("seed"):
            st.session_state["target"] = name
    except PictureError as error:
        st.session_state["_upload_problem"] = f"{file.name}: {error}"
    st.session_state[_TAKEN] = number + 1
    release(file)
