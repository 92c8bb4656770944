"""The panel within reach: its Generate always in sight, and on phones a button that opens it.

On a phone Streamlit folds the panel away behind an unnamed arrow, and leaves it lying over the
page once it is open.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_reach",
    html=(_FRONT / "reach.html").read_text(encoding="utf-8"),
    css=(_FRONT / "reach.css").read_text(encoding="utf-8"),
    js=(_FRONT / "reach.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Generate lies in the panel, outside of the component
)


def show_way_to_panel() -> None:
    """Where to choose: a sentence beside the open panel, a button on a phone."""
    _component(key="reach")
