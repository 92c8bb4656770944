"""Uploads are for the session that made them until their result is shared."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.links import link
from explorer.result import Result
from explorer.store import starter
from explorer.validation import read_upload

APP = str(Path(__file__).parent.parent / "app.py")
VERDICT = "To the network: the same?"


class IdleEngine:
    """The store of the real engine, without a worker; it notes what it was asked to make."""

    def __init__(self, real) -> None:
        self.result, self.store, self.job = real.result, real.store, lambda key: None
        self.submitted: list = []

    def submit(self, request, pictures, subscriber) -> None:
        self.submitted.append(request)

    def start(self) -> None: ...


@pytest.fixture
def engine(monkeypatch):
    from explorer.jobs.engine import Engine
    from explorer.store.store import Store

    idle = IdleEngine(Engine(Store()))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


@pytest.fixture
def upload():
    buffer = io.BytesIO()
    Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 30).save(buffer, "PNG")
    return read_upload(buffer.getvalue())


@pytest.fixture
def made(engine, upload) -> Result:
    """A finished result whose target is the upload."""
    _, shipped = next(each for each in EXAMPLES if each[1].model.startswith("embedded:"))
    result = Result.from_bytes(starter.load(shipped.key) or b"")
    result = replace(result, request=replace(result.request, target=upload.name))
    engine.store.put(result.request.key, result.to_bytes())
    return result


def opened(result: Result, uploads: dict[str, bytes] | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in link(result.request).items():
        app.query_params[name] = value
    if uploads:
        app.session_state["_uploads"] = uploads
    app.run()
    assert not app.exception
    return app


def says(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.info])


def test_a_link_to_a_result_from_an_upload_opens_elsewhere_only_once_it_is_shared(made, upload):
    elsewhere = opened(made)
    assert VERDICT not in says(elsewhere)
    assert "uploaded picture that this session does not hold" in says(elsewhere)

    own = opened(made, {upload.name: upload.png})
    assert VERDICT in says(own)
    own.toggle(key=f"share_{made.request.key}").set_value(True).run()
    assert VERDICT in says(opened(made))
    assert "shared by whoever made it" in says(opened(made))
    assert f"share_{made.request.key}" not in [each.key for each in opened(made).toggle]

    own.toggle(key=f"share_{made.request.key}").set_value(False).run()
    assert VERDICT not in says(opened(made))


def test_nothing_is_started_for_who_may_not_see_it(engine, made):
    elsewhere = opened(made)
    elsewhere.button(key="generate").click().run()
    assert not elsewhere.exception
    assert not engine.submitted


def test_whoever_asked_for_a_result_goes_on_seeing_it_when_the_upload_was_displaced(made):
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in link(made.request).items():
        app.query_params[name] = value
    app.session_state["_requested"] = {made.request.key}
    assert VERDICT in says(app.run())
