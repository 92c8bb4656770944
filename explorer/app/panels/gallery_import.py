"""Importing a pack that somebody else exported, each of its results after a check."""

from __future__ import annotations

import logging
from typing import BinaryIO

import streamlit as st

from explorer.app import session, sharing
from explorer.app.naming import code, literal, sentence
from explorer.app.uploads import release
from explorer.archive.packs import import_results
from explorer.store import CacheError
from explorer.store.packs import ImportReport
from explorer.store.signers import Signer

log = logging.getLogger(__name__)

MAX_MB = 100
"""Of a pack that the page takes; the command line takes any size."""

_FILE, _REPORT, _ERROR = "pack_file", "_pack_report", "_pack_error"
_REFUSED_SHOWN = 20


def show_import() -> None:
    """The upload in the sidebar; nothing for who may not add to the results of everybody."""
    if not sharing.may_manage():
        return
    with st.sidebar, st.expander("Import a pack", icon=":material/upload:"):
        # With another key after each pack, the widget is empty again.
        number = st.session_state.setdefault("_packs", 0)
        file = st.file_uploader(
            f"A pack, at most {MAX_MB} MB",
            type=["zip"],
            key=f"{_FILE}{number}",
            max_upload_size=MAX_MB,
            help="A file that “Export as a pack” or `iri cache export` wrote; each result is "
            "checked. `iri cache import` takes larger ones.",
        )
        if file is not None:
            _import(file)
            release(file)
            st.session_state["_packs"] = number + 1
            st.rerun()


def _import(file: BinaryIO) -> None:
    """Import a pack and keep the report for the run that follows."""
    bar = st.progress(0.0, "Checking the pack …")

    def show(done: int, count: int) -> None:
        bar.progress(done / max(count, 1), f"Checking {done + 1} of {count} …")

    st.session_state.pop(_REPORT, None)
    try:
        st.session_state[_REPORT] = import_results(session.engine().store, file, progress=show)
    except CacheError as error:
        log.warning("a pack was not imported: %s", error.for_operator)
        st.session_state[_ERROR] = str(error)


def show_report() -> None:
    """What became of the pack that was imported last, until another page is opened."""
    error: str | None = st.session_state.pop(_ERROR, None)
    if error:
        st.error(f"Nothing was imported. {literal(sentence(error))}", icon=":material/error:")
    report: ImportReport | None = st.session_state.pop(_REPORT, None)
    if report is None:
        return
    parts = [f"{len(report.imported):,} imported"]
    if report.present:
        were = "was" if len(report.present) == 1 else "were"
        parts.append(f"{len(report.present):,} {were} here already")
    if report.refused:
        parts.append(f"{len(report.refused):,} refused")
    if not (report.imported or report.present or report.refused):
        st.warning("Nothing was imported: the pack holds no results.", icon=":material/warning:")
        return
    message = f"{', '.join(parts)}. {_signed_by(report.signed_by)}"
    if not report.refused:
        st.success(message, icon=":material/check_circle:")
        return
    lines = [f"- {literal(name[:16])}: {literal(why)}" for name, why in report.refused]
    if len(lines) > _REFUSED_SHOWN:
        lines = [*lines[:_REFUSED_SHOWN], f"- and {len(lines) - _REFUSED_SHOWN:,} more"]
    st.warning("\n".join([message, "", *lines]), icon=":material/warning:")


def _signed_by(signer: Signer | None) -> str:
    """Who signed the pack, for people who can ask them for their fingerprint."""
    if signer is None:
        return "Nobody signed the pack, so that anybody may have made or changed it."
    who = f"Signed by {code(signer.fingerprint)}, {literal(signer.title)}."
    if signer.own or signer.name is not None:
        return who
    return f"{who} Whoever exported it sees this fingerprint with {code('iri cache signers')}."
