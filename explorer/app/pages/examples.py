"""Examples: the finished results that ship with the app, each one click from Explore."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explorer.app import session
from explorer.app.components.pictures import Shown, show_pictures
from explorer.app.links import link
from explorer.app.panels.verdicts import matched, one_line
from explorer.store import starter

EXPLORE = Path(__file__).with_name("explore.py")

engine = session.engine()

st.title("Examples")
st.markdown("Finished results that ship with the app. Open one, then change a single thing.")
entries = starter.entries()
if not entries:
    st.info("This installation has no examples. Make your own on the Explore page.")
results = {entry.key: engine.result(entry.key) for entry in entries}
found = [result for result in results.values() if result is not None]
if found:
    st.caption(
        f"Of these {len(found)}, {sum(map(matched, found))} match and "
        f"{sum(one.converged for one in found)} converged: their search met its goal, or came to "
        "where it got no nearer."
    )
for place, entry in enumerate(entries):
    if place % 2 == 0:  # row by row, so that a phone keeps their order
        columns = st.columns(2)
    result = results[entry.key]
    if result is None:
        continue
    with columns[place % 2], st.container(border=True, height="stretch"):
        st.markdown(f"#### {entry.title}")
        show_pictures(
            [
                Shown(result.seed_png, "Seed", "", "Seed", "seed"),
                Shown(result.iri_png, "IRI", "", f"IRI: {entry.title}", "iri"),
                Shown(result.target_png, "Target", "", "Target", "target"),
            ],
            key=f"example-{entry.key[:12]}",
        )
        st.markdown(one_line(result))
        st.page_link(
            str(EXPLORE),
            label="Open in Explore",
            icon=":material/open_in_new:",
            query_params=link(result.request),
        )
engine.start()
