"""The app's entry: page settings and navigation. `streamlit run app.py` and `iri app` come here."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent


def run() -> None:
    """Draw the page that the address names."""
    st.set_page_config(
        page_title="IRI Explorer",
        page_icon=HERE / "components/front/icon.png",
        layout="wide",
        initial_sidebar_state=380,
    )
    pages = [
        st.Page(HERE / "pages/explore.py", title="Explore", icon=":material/visibility:"),
        st.Page(HERE / "pages/examples.py", title="Examples", icon=":material/photo_library:"),
        st.Page(
            HERE / "pages/how_to_read.py",
            title="How to read it",
            icon=":material/menu_book:",
            url_path="reading",
        ),
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":  # `iri app` runs this very file
    run()
