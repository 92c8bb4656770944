"""Explore's question to the visitor: asked before any measure speaks, and once per browser."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from test_pages import APP, IdleEngine, text

from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.links import link
from explorer.app.visitor_cookie import NAME, VisitorCookie, is_name
from explorer.jobs.engine import Engine
from explorer.store.store import Store
from explorer.study.session_records import Counts
from explorer.study.store import Study

CONVERGED = EXAMPLES[0][1]
MEASURES_SPEAK = re.compile(r"kinds? of (perceptual )?measures?|\| measure \||not counted in")


@pytest.fixture(autouse=True)
def engine(monkeypatch, tmp_path):
    idle = IdleEngine(Engine(Store(tmp_path / "cache")))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


@pytest.fixture(autouse=True)
def study(monkeypatch, tmp_path):
    opened = Study(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    monkeypatch.setattr(session, "study", lambda: opened)
    yield opened
    opened.disconnect()


def painted(key: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=90)
    for name, value in link(CONVERGED).items():
        app.query_params[name] = value
    app.session_state["_painted"] = key
    return app.run()


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def test_no_measure_speaks_before_the_visitor_has_answered():
    app = painted(CONVERGED.key)
    assert not app.exception
    assert "What do *you* say?" in text(app)
    assert "From the same seed, to the same target" in text(app)
    assert not MEASURES_SPEAK.search(text(app)), MEASURES_SPEAK.search(text(app))
    before = charts(app)
    app.button(key="opinion_seed").click().run()
    assert not app.exception
    assert len(MEASURES_SPEAK.findall(text(app))) >= 4
    assert charts(app) == before + 1


def cookies(monkeypatch, given: Mapping[str, str]) -> None:
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: given))


def test_one_browser_counts_once_however_often_it_is_asked(monkeypatch, study):
    for name, opinion in (("a", "seed"), ("a", "target"), ("b", "target")):
        cookies(monkeypatch, {NAME: name * 32})
        painted(CONVERGED.key).button(key=f"opinion_{opinion}").click().run()
    assert study.opinions(CONVERGED.key) == Counts(target=1, seed=1)
    cookies(monkeypatch, {NAME: "<script>"})  # none that was given: as without one
    painted(CONVERGED.key).button(key="opinion_seed").click().run()
    assert study.opinions(CONVERGED.key) == Counts(target=1, seed=2)


def test_a_browser_is_named_once_by_pages_and_never_by_those_for_judging_images():
    async def page(request):
        return HTMLResponse("")

    async def other(request):
        return PlainTextResponse("")

    paths = {"/": page, "/explore": page, "/vote/ABC234": page, "/lab/vote": page, "/file": other}
    app = Starlette(
        routes=[Route(path, endpoint) for path, endpoint in paths.items()],
        middleware=[Middleware(VisitorCookie)],
    )
    for base in ("http://test", "https://test"):
        with TestClient(app, base_url=base) as browser:
            for path in ("/vote/ABC234", "/lab/vote", "/file"):
                assert "set-cookie" not in browser.get(path).headers
            header = browser.get("/explore").headers["set-cookie"]
            assert is_name(browser.cookies[NAME])
            assert "HttpOnly" in header
            assert ("Secure" in header) == base.startswith("https")
            assert "set-cookie" not in browser.get("/").headers
            browser.cookies.clear()
            browser.cookies.set(NAME, "mine")
            header = browser.get("/").headers["set-cookie"]
            assert NAME in header
            assert "mine" not in header
