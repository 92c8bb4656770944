"""Page settings and navigation: what Streamlit runs for every visit to every page."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st

from explorer.app.pages import PAGES
from explorer.app.turns import TURNS

SCRIPT = Path(__file__).resolve()
ICON = SCRIPT.parent.parent / "components/front/icon.png"


def run() -> None:
    """Draw the page that the address names."""
    # The icon before the navigation, which would have browsers load the page's icon from a CDN.
    st.set_page_config(page_title="IRI Explorer", page_icon=ICON, initial_sidebar_state=380)
    pages = {
        record.name: st.Page(
            record.script,
            title=record.title,
            icon=f":material/{record.icon}:",
            url_path=record.name,
            default=record.default,
        )
        for record in PAGES.values()
    }
    position: Literal["hidden", "top"] = "hidden" if st.context.is_embedded else "top"
    current = st.navigation(list(pages.values()), position=position)
    name = next(name for name, page in pages.items() if page is current)
    st.set_page_config(layout=PAGES[name].layout)
    with TURNS.page():
        current.run()


if __name__ == "__main__":  # as Streamlit runs a script
    run()
