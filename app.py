"""IRI Explorer: page configuration and navigation."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "explorer/pages/front/icon.png"

st.set_page_config(
    page_title="IRI Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=380
)

st.navigation(
    [
        st.Page("explorer/pages/explore.py", title="Explore", icon=":material/visibility:"),
        st.Page("explorer/pages/examples.py", title="Examples", icon=":material/photo_library:"),
        st.Page("explorer/pages/reading.py", title="How to read it", icon=":material/menu_book:"),
    ],
    position="top",
).run()
