"""What can be done with the results that are selected in the gallery."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.analysis.variation import MOST
from explorer.app import session, sharing
from explorer.app.comparing import compare_parameters
from explorer.app.opening import request_of
from explorer.app.pages import PAGES
from explorer.archive.listing import Entry
from explorer.archive.packs import export_results
from explorer.store import CacheError

MOST_IN_PACK = 200
"""Results that the page exports at once; the command line exports any number."""

_SELECTION, _MESSAGE = "_gallery_selection", "_gallery_message"


def selection() -> set[str]:
    """The keys of the selected results, on every page of the gallery."""
    keys: set[str] = st.session_state.setdefault(_SELECTION, set())
    return keys


def show_actions(entries: Mapping[str, Entry], on_page: Sequence[Entry]) -> None:
    """A row of buttons for the selection. entries: all that are listed, by key."""
    chosen = selection()
    chosen.intersection_update(entries)
    with st.container(horizontal=True, vertical_alignment="center", key="gallery_actions"):
        if not chosen:
            st.button(
                "Select this page",
                icon=":material/select_all:",
                key="select_page",
                on_click=chosen.update,
                args=({entry.key for entry in on_page},),
                help="Then compare them, export them as a pack, or delete them.",
            )
            return
        st.markdown(f"**{len(chosen):,} selected**", width="content")
        _compare([entries[key] for key in chosen])
        if st.button(
            "Ask a class",
            icon=":material/groups:",
            key="ask_selected",
            help="Open a session in which people answer about these images on their phones.",
        ):
            keys = ",".join(sorted(chosen))
            st.switch_page(str(PAGES["class"].script), query_params={"keys": keys})
        _export(sorted(chosen))
        removable = [key for key in chosen if sharing.may_be_deleted(entries[key])]
        if st.button(
            "Delete …",
            icon=":material/delete:",
            key="delete_selected",
            disabled=not removable,
            help="What ships with the app stays, and so does what others made, unless the app is "
            "opened on the machine on which it runs.",
        ):
            _confirm(removable, len(chosen))
        st.button(
            "Select this page, too",
            key="select_page",
            type="tertiary",
            on_click=chosen.update,
            args=({entry.key for entry in on_page},),
        )
        st.button("Clear selection", key="clear_selection", type="tertiary", on_click=chosen.clear)


def _compare(entries: Sequence[Entry]) -> None:
    requests = [request_of(entry.summary) for entry in entries]
    known = [request for request in requests if request is not None]
    parameters = compare_parameters(known) if len(known) == len(entries) else None
    if st.button(
        "Compare",
        icon=":material/compare:",
        key="compare_selected",
        disabled=parameters is None,
        help=f"For 2 to {MOST} results that differ in one thing: loss, network, layer, target or "
        "seed.",
    ):
        st.switch_page(str(PAGES["compare"].script), query_params=parameters)


def _export(keys: Sequence[str]) -> None:
    too_many = len(keys) > MOST_IN_PACK
    st.download_button(
        "Export as a pack",
        partial(_pack, keys),
        f"iri-pack-{len(keys)}.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
        key="export_selected",
        disabled=too_many,
        help=f"At most {MOST_IN_PACK} at once; `iri cache export` takes any number."
        if too_many
        else "A zip file with a page that opens in any browser, offline, and with everything that "
        "another installation needs to import the results.",
    )


def _pack(keys: Sequence[str]) -> bytes:
    """The pack's bytes, made when its button is pressed."""
    store = session.engine().store
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pack.zip"
        export_results(store, path, [key for key in keys if key in store])
        return path.read_bytes()


def show_message() -> None:
    """What was done last, once."""
    message: str | None = st.session_state.pop(_MESSAGE, None)
    if message:
        st.toast(message)


@st.dialog("Delete results?")
def _confirm(keys: Sequence[str], chosen: int) -> None:
    count = "1 result" if len(keys) == 1 else f"{len(keys):,} results"
    kept = chosen - len(keys)
    st.markdown(
        f"{count} will be gone from the cache. Each can be generated again with its settings."
        + (f" {kept:,} of the selected stay: they are not yours to delete." if kept else "")
    )
    with st.container(horizontal=True):
        if st.button(f"Delete {count}", type="primary", key="delete_confirmed"):
            _delete(keys)
            st.rerun()
        if st.button("Cancel", key="delete_cancelled"):
            st.rerun()


def _delete(keys: Sequence[str]) -> None:
    store = session.engine().store
    try:
        for key in keys:
            store.delete(key)
            sharing.forget(key)
    except CacheError:
        st.session_state[_MESSAGE] = "They could not be deleted: the cache is read-only."
    else:
        count = "1 result is" if len(keys) == 1 else f"{len(keys):,} results are"
        st.session_state[_MESSAGE] = f"{count} deleted."
    selection().difference_update(keys)
