"""The app's entry: page settings and navigation. `streamlit run app.py` and `iri app` run this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explorer.app.pages import PAGES

ICON = Path(__file__).resolve().parent / "components/front/icon.png"


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
    current = st.navigation(list(pages.values()), position="top")
    name = next(name for name, page in pages.items() if page is current)
    st.set_page_config(layout=PAGES[name].layout)
    current.run()


if __name__ == "__main__":  # as `streamlit run explorer/app/main.py`
    run()
