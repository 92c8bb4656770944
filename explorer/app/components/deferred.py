"""What may wait until the browser has painted what matters most.

Plots cost the browser most of a second on a slow machine. Drawn in the same run as the pictures
they would hold these back, so a fragment asks here first whether it is its turn.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_FRONT = Path(__file__).parent / "front"
_PAINTED = "_painted"
_component = st.components.v2.component(
    "iri_later",
    html='<div class="later" role="status">The plots are on their way …</div>',
    css=(_FRONT / "later.css").read_text(encoding="utf-8"),
    js=(_FRONT / "later.js").read_text(encoding="utf-8"),
)


def is_painted(token: str) -> bool:
    """Whether the browser has painted the page for `token`, some name of what it shows.

    Call it in a fragment. At first it is not: a placeholder as high as what will come is drawn,
    and the browser has the fragment run again as soon as it has painted.
    """
    if st.session_state.get(_PAINTED) == token:
        return True
    _component(
        data={"token": token},
        key="later",
        on_painted_change=lambda: st.session_state.update({_PAINTED: token}),
    )
    return False
