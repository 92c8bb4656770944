"""Deferred drawing: what waits until the browser has painted what matters most.

Plots take the browser most of a second on a slow machine. Drawn in the same run as the pictures
they would delay these, so a fragment asks here first whether the pictures are painted.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_PAINTED = "_painted"
_component = st.components.v2.component(
    "iri_deferred",
    html='<div class="deferred" role="status">Loading the plots …</div>',
    css=(_FRONT / "deferred.css").read_text(encoding="utf-8"),
    js=(_FRONT / "deferred.js").read_text(encoding="utf-8"),
)


def is_painted(token: str) -> bool:
    """Whether the browser has painted the page for `token`, some name of what it shows.

    To be called in a fragment. Until then a placeholder as high as what will come is drawn, and
    the browser has the fragment run again as soon as it has painted.
    """
    if st.session_state.get(_PAINTED) == token:
        return True
    _component(
        data={"token": token},
        key="deferred",
        on_painted_change=lambda: st.session_state.update({_PAINTED: token}),
    )
    return False
