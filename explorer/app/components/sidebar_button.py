"""The way to the sidebar: its Generate button always in sight, and on phones a button to open it.

On a phone Streamlit hides the sidebar behind an unlabelled arrow, and leaves it covering the page
once it is open. The styles of the page's own parts come with it (`front/page.css`).
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_sidebar_button",
    html=(_FRONT / "sidebar_button.html").read_text(encoding="utf-8"),
    css="\n".join(
        (_FRONT / name).read_text(encoding="utf-8") for name in ("sidebar_button.css", "page.css")
    ),
    js=(_FRONT / "sidebar_button.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # what they style is outside of the component
)


def show_sidebar_button(
    sentence: str = "Choose settings in the sidebar, then press Generate.",
    label: str = "Open settings",
) -> None:
    """Where to choose: a sentence next to the open sidebar, a button on a phone."""
    _component(data={"sentence": sentence, "label": label}, key="sidebar_button")
