"""Compare: one thing varies, all else stays: small multiples, one plot, one table.

What is shown depends on nothing but the page's URL and the cache: finished images at once, the
others when they are asked for.
"""

from __future__ import annotations

import streamlit as st

from explorer.app import asking, session
from explorer.app.components.sidebar_button import show_sidebar_button
from explorer.app.naming import literal, sentence
from explorer.app.panels import (
    compare_answers,
    compare_cells,
    compare_settings,
    compare_tiles,
    copy_view,
)

engine = session.engine()
st.title("Compare")
st.markdown("Vary one thing, keep all else, and see what a conclusion depends on.")
show_sidebar_button("Set what stays the same in the sidebar, then press Generate above the images.")
view = compare_settings.read_view()

if view.cells is None:
    if view.error:
        st.error(f"Invalid settings: {literal(sentence(view.error))}", icon=":material/error:")
    engine.start()
    st.stop()

asking.show_refusal()
shown = compare_cells.known(view.cells)
missing = [each for each in shown if each.may_be_generated]
if missing:
    whole = len(missing) == len(shown)
    if st.button(
        f"Generate {'all' if whole else 'the missing'} {len(missing)}",
        type="primary",
        icon=":material/play_arrow:",
        key="generate_all",
        help="All in one go; those that are finished already are not made again.",
    ):
        compare_cells.generate(missing)
        st.rerun()
for note in compare_cells.notes(shown):
    st.warning(literal(sentence(note)), icon=":material/save:")
compare_tiles.show(view, shown, lambda cell: compare_answers.heading_of(view, cell))
if not any(each.is_running for each in shown):
    compare_answers.show(view, shown)
requests = [cell.request for cell in view.cells if cell.request is not None]
if requests:
    st.subheader("Link and script")
    copy_view.show(requests, view.parameters, key="copy_compare")
engine.start()
