"""Examples: the finished results that ship with the app, each one click from Explore."""

from __future__ import annotations

import streamlit as st

from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.links import link
from explorer.app.pages import PAGES
from explorer.app.panels.verdicts import one_line
from explorer.metrics.equal_match import MatchRange
from explorer.result import Result
from explorer.store import starter
from explorer.store.starter import Entry


def _overview(results: list[Result]) -> str:
    matched = [result for result in results if result.matched]
    converged = sum(result.converged for result in results)
    spread = MatchRange.of(result.match.relative_l2 for result in matched)
    return (
        f"Of these {len(results)}, {len(matched)} match the target, and {converged} of them "
        f"converged: they are at their goal. {spread.warning}"
    )


def _show(entry: Entry, result: Result) -> None:
    st.markdown(f"#### {entry.title}")
    show_pictures(
        [
            Picture(result.seed_png, "Seed", "", "Seed", "seed"),
            Picture(result.iri_png, "IRI", "", f"IRI: {entry.title}", "iri"),
            Picture(result.target_png, "Target", "", "Target", "target"),
        ],
        key=f"example-{entry.key[:12]}",
    )
    st.markdown(one_line(result))
    st.page_link(
        str(PAGES["explore"].script),
        label="Open in Explore",
        icon=":material/open_in_new:",
        query_params=link(result.request),
    )


engine = session.engine()
st.title("Examples")
st.markdown("Finished results that ship with the app. Open one, then change a single setting.")
keys = {request.key for _, request in EXAMPLES}
listed = [entry for entry in starter.entries() if entry.key in keys]
results = [(entry, engine.result(entry.key)) for entry in listed]
finished = [(entry, result) for entry, result in results if result is not None]
if finished:
    st.caption(_overview([result for _, result in finished]))
else:
    st.info("This installation has no examples. Generate your own on the Explore page.")
for first in range(0, len(finished), 2):  # row by row, so that a phone keeps their order
    for column, (entry, result) in zip(st.columns(2), finished[first : first + 2], strict=False):
        with column, st.container(border=True, height="stretch"):
            _show(entry, result)
engine.start()
