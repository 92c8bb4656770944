"""Uploads are for the session that made them until their result is shared."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.analysis.diverse import DEFAULT_COUNT, members
from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.links import link
from explorer.app.pages import PAGES
from explorer.app.panels import image_picker
from explorer.app.panels.counterpart_view import counterpart_of
from explorer.archive.listing import listing_of
from explorer.hosting import hosting
from explorer.result import Result
from explorer.result.difference import DifferenceMade
from explorer.store import CacheError, Store, starter
from explorer.validation import read_upload

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")
VERDICT = "To the network: the same?"


class IdleEngine:
    """The store of the real engine, without a worker; it notes what it was asked to make."""

    def __init__(self, real) -> None:
        self.result, self.store, self.job = real.result, real.store, lambda key: None
        self.submitted: list = []

    def submit(self, request, pictures, **who) -> None:
        self.submitted.append(request)

    def start(self) -> None: ...

    def touch(self, keys) -> None: ...


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
    app.session_state["_painted"] = result.request.key
    app.run()
    assert not app.exception
    return app


def says(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.info])


def test_a_link_to_a_result_from_an_upload_opens_elsewhere_only_once_it_is_shared(made, upload):
    elsewhere = opened(made)
    assert VERDICT not in says(elsewhere)
    assert "uploaded picture that this session does not hold" in says(elsewhere)

    assert "upload it again" in says(elsewhere)  # as its uploader sees it after a reload

    own = opened(made, {upload.name: upload.png})
    assert VERDICT in says(own)
    assert "is a link to this result, which others see only once you share it" in says(own)
    own.toggle(key=f"share_{made.request.key}").set_value(True).run()
    assert VERDICT in says(opened(made))
    assert "is a link to this result." in says(own)
    assert "everybody who has the link sees the uploaded picture" in says(own)
    stranger = opened(made)
    assert "shared by whoever made it" in says(stranger)
    assert f"share_{made.request.key}" not in [each.key for each in stranger.toggle]
    assert "again" not in [each.key for each in stranger.button]  # it would end at the lock
    assert "again" in [each.key for each in own.button]

    def no_room(*_):
        raise CacheError("The disk is full.", "The disk is full (/srv/cache).")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(session.engine().store), "delete", no_room)
        own.toggle(key=f"share_{made.request.key}").set_value(False).run()
    assert "Who sees it has not changed. The disk is full." in [each.value for each in own.toast]
    assert own.toggle(key=f"share_{made.request.key}").value
    assert not own.exception

    own.toggle(key=f"share_{made.request.key}").set_value(False).run()
    assert "everybody who has the link" not in says(own)
    assert VERDICT not in says(opened(made))


def test_a_shared_result_does_not_show_its_counterpart_that_is_not_shared(engine, made, upload):
    request = counterpart_of(made.request)
    engine.store.put(request.key, replace(made, request=request).to_bytes())
    engine.store.put(f"shared:{made.request.key}", b"1")
    own, stranger = opened(made, {upload.name: upload.png}), opened(made)
    assert "counterpart" in [each.key for each in own.button]
    assert VERDICT in says(stranger)
    assert "Does the training decide?" in [each.value for each in own.subheader]
    assert "Does the training decide?" not in [each.value for each in stranger.subheader]
    engine.store.put(f"shared:{request.key}", b"1")
    assert "counterpart" in [each.key for each in opened(made).button]


def test_a_shared_result_does_not_show_the_rest_of_its_diverse_set(engine, made, upload):
    base = replace(made.request, loss="regularizer-free", nearest=None)
    requests = members(base, DEFAULT_COUNT)
    keys = [each.key for each in requests]
    for number, each in enumerate(requests):
        away = tuple((key, 0.5) for key in sorted(keys[:number]))
        difference = DifferenceMade(0.02, 120, "stalled", 1.0, (0.2, 0.5), 0.019, away_from=away)
        result = replace(made, request=each)
        if number:
            searched = {"searched_png": made.iri_png, "tightening": None}
            result = replace(result, difference=difference, **searched)
        engine.store.put(each.key, result.to_bytes())
    first = replace(made, request=requests[0])
    engine.store.put(f"shared:{keys[0]}", b"1")
    own, stranger = opened(first, {upload.name: upload.png}), opened(first)
    assert "Pairs are **" in says(own)
    heading = "What else does the network accept?"
    assert VERDICT in says(stranger)
    assert heading not in [each.value for each in stranger.subheader]
    engine.store.put(f"shared:{keys[2]}", b"1")
    stranger = opened(first)
    assert heading in [each.value for each in stranger.subheader]
    assert f" 2 of {DEFAULT_COUNT} so far." in says(stranger)
    opens = [each.key for each in stranger.button if str(each.key).startswith("diverse_")]
    assert opens == ["diverse_open_2"]


def test_nothing_is_started_for_who_may_not_see_it(engine, made):
    elsewhere = opened(made)
    elsewhere.button(key="generate").click().run()
    assert not elsewhere.exception
    assert not engine.submitted


def test_a_link_to_what_somebody_else_uploaded_says_who_can_share_it(made):
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page(str(PAGES["compare"].script))
    for name, value in link(made.request).items():
        app.query_params[name] = value
    said = says(app.run())
    assert "which others see only once whoever uploaded it shares it" in said
    assert "goes on from" not in said


def test_whoever_asked_for_a_result_goes_on_seeing_it_when_the_upload_was_displaced(made):
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in link(made.request).items():
        app.query_params[name] = value
    app.session_state["_requested"] = {made.request.key}
    assert VERDICT in says(app.run())
    assert f"share_{made.request.key}" in [each.key for each in app.toggle]


def test_a_continuation_is_not_said_to_be_shared_by_somebody_else(engine, made):
    engine.store.put(f"shared:{made.request.key}", b"1")
    continued = replace(made, request=replace(made.request, continues=made.request.key))
    engine.store.put(continued.request.key, continued.to_bytes())
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in link(continued.request).items():
        app.query_params[name] = value
    app.session_state["_requested"] = {continued.request.key}
    app.session_state["_painted"] = continued.request.key
    said = says(app.run())
    assert VERDICT in said
    assert "Generated by this session" in said
    assert "shared by whoever made it" not in said
    assert not app.toggle or f"share_{continued.request.key}" not in [x.key for x in app.toggle]
    assert "Goes on from a result" in says(opened(continued))

    engine.store.delete(f"shared:{made.request.key}")
    assert "which others cannot see" in says(app.run())
    assert VERDICT not in says(opened(continued))


def test_the_gallery_counts_others_uploads_at_home_only(engine, made, tmp_path, monkeypatch):
    engine.store = Store(tmp_path)
    engine.store.put(made.request.key, made.to_bytes())
    listing_of(engine.store).summarise(60)  # the page takes a moment only in each run

    def of_gallery() -> str:
        app = AppTest.from_file(APP, default_timeout=60)
        app.switch_page(str(PAGES["gallery"].script)).run()
        assert not app.exception
        return "\n".join(each.value for each in [*app.caption, *app.markdown, *app.title])

    at_home = of_gallery()
    assert "1 more, made from an uploaded picture, is listed only in the session" in at_home
    monkeypatch.setenv("IRI_HOSTED", "1")
    hosting.cache_clear()
    try:
        shown = of_gallery()
    finally:
        monkeypatch.undo()
        hosting.cache_clear()
    assert "Gallery" in shown
    assert "upload" not in shown


def test_the_panel_says_who_sees_an_upload_and_which_formats_are_read(made, upload):
    said = says(opened(made, {upload.name: upload.png}))
    assert "Only this session sees it" in said
    assert "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF" in said
    assert "at most 25 MB" in said


def test_an_upload_that_the_address_names_as_the_seed_stays_the_seed(monkeypatch, upload):
    state = {"_upload_file0": io.BytesIO(upload.png), "seed": upload.name, "target": "cat"}
    monkeypatch.setattr(image_picker.st, "session_state", state)
    image_picker._take_upload()
    assert (state["seed"], state["target"]) == (upload.name, "cat")
    assert list(state["_uploads"]) == [upload.name]
    state |= {"_upload_file1": io.BytesIO(upload.png), "seed": "noise"}
    image_picker._take_upload()
    assert state["target"] == upload.name
