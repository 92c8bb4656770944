"""The styles of the pages' own parts, for pages without a sidebar; `sidebar_button` brings them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_PAGE = Path(__file__).parent / "front/page.css"


def use_page_styles() -> None:
    """Have the page drawn with `front/page.css`."""
    st.html(_PAGE)
