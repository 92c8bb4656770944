"""The way to the sidebar: its Generate button always in sight, and on phones a button to open it.

On a phone Streamlit hides the sidebar behind an unlabelled arrow, and leaves it covering the page
once it is open.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_sidebar_button",
    html=(_FRONT / "sidebar_button.html").read_text(encoding="utf-8"),
    css=(_FRONT / "sidebar_button.css").read_text(encoding="utf-8"),
    js=(_FRONT / "sidebar_button.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Generate is in the sidebar, outside of the component
)


def show_sidebar_button() -> None:
    """Where to choose: a sentence next to the open sidebar, a button on a phone."""
    _component(key="sidebar_button")
