"""A page is one script and one record: then it is in the navigation, and opens at its address."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer.app import launch
from explorer.app.pages import PAGES, Page

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")


@pytest.fixture
def toy(tmp_path):
    """A page that is registered while the test runs."""
    script = tmp_path / "toy.py"
    script.write_text("import streamlit as st\n\nst.title('A toy')\nst.markdown('It opens.')\n")
    with PAGES.holding(Page("toy", "Toy page", "toys", script)) as page:
        yield page


def test_a_toy_page_is_in_the_navigation_and_opens(toy, monkeypatch):
    offered = []
    navigation = st.navigation
    monkeypatch.setattr(
        st,
        "navigation",
        lambda pages, **options: offered.extend(pages) or navigation(pages, **options),
    )
    app = AppTest.from_file(APP, default_timeout=60).switch_page(str(toy.script)).run()
    assert not app.exception
    assert app.title[0].value == "A toy"
    assert app.markdown[0].value == "It opens."
    assert [(page.title, page.icon, page.url_path) for page in offered][-1] == (
        "Toy page",
        ":material/toys:",
        "toy",
    )


def test_a_page_that_is_registered_no_more_is_gone(toy):
    with pytest.raises(ValueError, match="there is a page 'toy' already"):
        PAGES.register(toy)
    assert "toy" in PAGES
    assert {"explore", "examples", "reading"} <= set(PAGES)


def test_addresses_of_pages_are_stable():
    """Others have linked to them."""
    names = [page.name for page in PAGES.values() if not page.default]
    assert {"examples", "gallery", "sweep", "reading"} <= set(names)
    assert PAGES["reading"].title == "How to read it"


def test_the_script_that_starts_the_app_finds_its_theme(tmp_path, monkeypatch):
    assert launch.script() == Path(__file__).resolve().parent.parent / "app.py"
    package = tmp_path / "site-packages/explorer/app"
    (package / ".streamlit").mkdir(parents=True)
    (package / ".streamlit/config.toml").touch()
    (package.parent.parent / "app.py").touch()  # some other package's
    monkeypatch.setattr(launch, "HERE", package)
    monkeypatch.setattr(launch, "PROJECT", package.parent.parent)
    assert launch.script() == package / "entry.py"
