"""Going on from a result on the page: the button, the address, and what names the earlier one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.analysis.continuation import continuation
from explorer.app import session, sharing
from explorer.app.links import DEFAULTS, EFFORTS, link
from explorer.jobs.engine import Engine
from explorer.plots.match import falling_curve
from explorer.result import Result
from explorer.store.store import Store

APP = str(Path(__file__).parent.parent / "app.py")
SMALL = {"model": DEFAULTS.model}


class StoppedEngine:
    """Results by key, and what was submitted; there is no worker."""

    under_way = 0

    def __init__(self) -> None:
        real = Engine(Store())
        self.store = real.store
        shipped = real.result(DEFAULTS.key)
        unfinished = replace(shipped.match, beyond_null=False)
        self.first: Result = replace(
            shipped,
            match=unfinished,
            provenance=replace(shipped.provenance, stopped="budget", steps=500),
        )
        self.results = {DEFAULTS.key: self.first}
        self.submitted: list = []

    def result(self, key: str) -> Result | None:
        return self.results.get(key)

    def job(self, key: str) -> None:
        return None

    def submit(self, request, pictures, subscriber) -> None:
        self.submitted.append(request)

    def start(self) -> None: ...

    def add_second(self) -> Result:
        """The result that goes on from the first."""
        provenance = replace(
            self.first.provenance,
            steps=120,
            steps_before=500,
            seconds_before=9.0,
            keys_before=(DEFAULTS.key,),
        )
        request = continuation(self.first, 500)
        second = replace(self.first, request=request, provenance=provenance)
        self.results[request.key] = second
        return second


@pytest.fixture
def engine(monkeypatch) -> StoppedEngine:
    engine = StoppedEngine()
    monkeypatch.setattr(session, "engine", lambda: engine)
    return engine


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in (address or SMALL).items():
        app.query_params[name] = value
    return app.run()


def text(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.error])


def has_button(app: AppTest) -> bool:
    return any(button.key == "continue" for button in app.button)


def test_the_button_submits_the_request_that_goes_on_from_this_result(engine):
    app = opened()
    assert app.button(key="continue").help == "Go on from this image for another 500 steps."
    app.button(key="continue").click().run()
    assert not app.exception
    assert engine.submitted == [replace(DEFAULTS, continues=DEFAULTS.key, steps=500)]
    assert app.query_params["continues"] in (DEFAULTS.key, [DEFAULTS.key])


@pytest.mark.parametrize(
    ("stopped", "relative_l2"), [("goal", 0.01), ("plateau", 0.05), ("budget", 0.01)]
)
def test_there_is_no_button_where_the_search_came_to_its_end(engine, stopped, relative_l2):
    first = engine.first
    values = {**first.match.values, "relative_l2": relative_l2}
    engine.results[DEFAULTS.key] = replace(
        first,
        match=replace(first.match, values=values, beyond_null=True),
        provenance=replace(first.provenance, stopped=stopped),
    )
    app = opened()
    assert "Converged" in text(app)
    assert not has_button(app)


def test_the_address_holds_it_until_a_control_is_changed(engine):
    second = engine.add_second()
    address = link(second.request)
    assert address == SMALL | {"continues": DEFAULTS.key}
    app = opened(**address)
    assert "in 500 steps" in text(app)
    assert app.query_params["continues"] in (DEFAULTS.key, [DEFAULTS.key])
    app.run()
    assert "in 500 steps" in text(app)
    app.selectbox(key="target").select("cat").run()
    assert "continues" not in app.query_params
    assert "Not generated yet" in text(app)
    app.selectbox(key="target").select(DEFAULTS.target).run()
    assert "continues" not in app.query_params
    assert "in 500 steps" not in text(app)


def test_another_effort_starts_anew(engine):
    app = opened(**link(engine.add_second().request))
    app.select_slider(key="effort").set_value("quick").run()
    assert "continues" not in app.query_params


def test_another_page_and_back_finds_it_as_it_was(engine):
    second = engine.add_second()
    app = opened(**link(second.request))
    app.switch_page("explorer/app/pages/how_to_read.py").run()
    app.query_params.clear()
    app.switch_page("explorer/app/pages/explore.py").run()
    assert "in 500 steps" in text(app)


def test_a_continued_result_can_be_continued(engine):
    second = engine.add_second()
    app = opened(**link(second.request))
    app.button(key="continue").click().run()
    assert engine.submitted == [replace(DEFAULTS, continues=second.request.key)]


def test_a_continued_result_leads_to_the_earlier_one(engine):
    quick = replace(DEFAULTS, steps=100, goal=0.01)
    engine.results[quick.key] = replace(engine.first, request=quick)
    request = replace(DEFAULTS, continues=quick.key)
    engine.results[request.key] = replace(engine.first, request=request)
    app = opened(**link(request))
    assert "earlier search" in text(app)
    app.button(key="earlier").click().run()
    assert not app.exception
    assert "earlier search" not in text(app)
    assert app.select_slider(key="effort").value == "quick"
    assert app.number_input(key="goal").value == 0.01
    assert "continues" not in app.query_params
    assert has_button(app)


def test_an_earlier_result_that_is_gone_has_no_button(engine):
    second = engine.add_second()
    del engine.results[DEFAULTS.key]
    app = opened(**link(second.request))
    assert "in 500 steps" in text(app)
    assert not any(button.key == "earlier" for button in app.button)


def test_a_key_that_is_none_is_answered_in_a_sentence(engine):
    app = opened(**SMALL, continues="nonsense")
    assert not app.exception
    assert "64 hexadecimal digits" in app.error[0].value


def test_the_curve_has_a_mark_where_it_was_continued():
    chart = falling_curve(range(4), [1.0, 0.5, 0.4, 0.3], 0.02, continued_at=2)
    assert [shape.x0 for shape in chart.layout.shapes if shape.x0 == shape.x1] == [2]
    assert "continued" in [each.text for each in chart.layout.annotations]


@pytest.mark.parametrize("shared", [True, False])
def test_what_goes_on_from_an_upload_is_seen_by_whoever_may_see_that(engine, monkeypatch, shared):
    upload = replace(DEFAULTS, target=f"picture:{64 * '1'}")
    engine.results[upload.key] = replace(engine.first, request=upload)
    monkeypatch.setattr(session, "uploads", dict)
    monkeypatch.setattr(session, "requested", set)
    monkeypatch.setattr(sharing, "is_shared", lambda request: shared and request == upload)
    assert sharing.may_be_seen(replace(upload, continues=upload.key)) is shared
    assert not sharing.may_be_seen(replace(upload, continues="2" * 64))


def test_all_efforts_can_be_continued_by_link(engine):
    for steps in EFFORTS.values():
        request = replace(DEFAULTS, steps=steps, continues=DEFAULTS.key)
        assert link(request)["continues"] == DEFAULTS.key
