"""The app's entry: page settings and navigation. `streamlit run app.py` and `iri app` run this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explorer.app.pages import PAGES

ICON = Path(__file__).resolve().parent / "components/front/icon.png"


def run() -> None:
    """Draw the page that the address names."""
    st.set_page_config(
        page_title="IRI Explorer", page_icon=ICON, layout="wide", initial_sidebar_state=380
    )
    pages = [
        st.Page(
            page.script,
            title=page.title,
            icon=f":material/{page.icon}:",
            url_path=page.name,
            default=page.default,
        )
        for page in PAGES.values()
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":  # as `streamlit run explorer/app/main.py`
    run()
