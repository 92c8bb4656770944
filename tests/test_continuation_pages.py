"""Going on from a result on the page: the button, the address, and what names the earlier one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.analysis.continuation import continuation
from explorer.analysis.network_comparison import NetworkComparison
from explorer.app import session, sharing
from explorer.app.links import DEFAULTS, EFFORTS, link
from explorer.app.panels.copy_view import where_it_works
from explorer.app.panels.network_plots import _verdict_differs
from explorer.app.panels.result_view import _rise
from explorer.app.panels.verdicts import smaller_goal
from explorer.cli import compare, generate
from explorer.jobs.engine import Engine
from explorer.jobs.job import RUNNING, Job
from explorer.live.tokens import watched_by
from explorer.metrics.representation_measures import pair_measures
from explorer.network_reference import NetworkReference
from explorer.plots.match import falling_curve
from explorer.result import Result
from explorer.result.provenance import Curves
from explorer.store.store import Store
from explorer.validation import validate

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")
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

    def submit(self, request, pictures, **who) -> None:
        self.submitted.append(request)

    def start(self) -> None: ...

    def touch(self, keys) -> None: ...

    def cancel(self, key: str, subscriber: str) -> None: ...

    def add_second(self) -> Result:
        """The result that goes on from the first."""
        provenance = replace(
            self.first.provenance,
            steps=120,
            steps_before=500,
            seconds_before=9.0,
            keys_before=(DEFAULTS.key,),
        )
        request = validate(continuation(self.first, 500))
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
    ("stopped", "relative_l2", "state"),
    [
        ("goal", 0.01, "Converged"),
        ("plateau", 0.05, "Matched"),
        ("budget", 0.01, "Converged"),
    ],
)
def test_there_is_no_button_where_the_search_came_to_its_end(engine, stopped, relative_l2, state):
    first = engine.first
    values = {**first.match.values, "relative_l2": relative_l2}
    engine.results[DEFAULTS.key] = replace(
        first,
        match=replace(first.match, values=values, beyond_null=True),
        provenance=replace(first.provenance, stopped=stopped),
    )
    app = opened()
    assert f":] {state}" in text(app)
    assert not has_button(app)


def no_match_by_spearman(first: Result, stopped: str, goal: float = 0.02) -> Result:
    """What is near by the distance and fails by a correlation, after a search that stopped so."""
    largest = first.null.distributions["spearman"].max
    match = replace(
        first.match,
        values={**first.match.values, "spearman": largest - 0.0001},
        beyond_null=False,
    )
    provenance = replace(first.provenance, stopped=stopped)
    request = replace(first.request, goal=goal)
    return replace(first, request=request, match=match, match_8bit=match, provenance=provenance)


def test_a_goal_that_came_before_a_match_is_said_and_continue_has_a_smaller_one(engine):
    engine.results[DEFAULTS.key] = no_match_by_spearman(engine.first, "goal")
    app = opened()
    said = text(app)
    assert "No match by Spearman correlation: it is 0." in said
    assert "Some unrelated images" not in said
    assert "stopped at its goal of 0.02, and that is no match yet" in said
    assert "more effort" not in said
    reached = min(0.02, engine.first.match.relative_l2) / 4
    smaller = float(f"{reached:.1g}")
    assert f"to a goal of {smaller:g}" in said
    app.button(key="continue").click().run()
    assert not app.exception
    assert engine.submitted == [replace(DEFAULTS, continues=DEFAULTS.key, goal=smaller)]
    assert app.number_input(key="goal").value == smaller


def test_null_plot_and_command_line_say_what_the_verdict_says(engine, capsys):
    result = no_match_by_spearman(engine.first, "goal")
    measures = pair_measures()
    said = _verdict_differs(result, measures["relative_l2"])
    assert said == " That is not enough for the verdict above: no match by Spearman correlation."
    assert _verdict_differs(result, measures["spearman"]) == ""
    matched = replace(result, match=replace(result.match, beyond_null=True))
    assert "decided by other tests" in _verdict_differs(matched, measures["spearman"])
    generate._print_result(result)
    out = capsys.readouterr().out
    assert "  No match by Spearman correlation: it is 0." in out
    assert "To a person the same? not answered: there is no match\n" in out
    assert "kinds of measures" not in out
    assert "wrong targets" not in out
    made = (result.request.key, result.request.model, result.request.layer)
    network = NetworkReference("embedded:residual-multi-standard")
    seen = (network, "penultimate", (64, 64), result.match, result.null, result.layers, 1.0)
    own = (result.state, result.match.relative_l2)
    compare._print(NetworkComparison(*made, *seen, *own))
    out = capsys.readouterr().out
    assert "  No match by Spearman correlation: it is 0." in out
    assert "  In the network it was made for: not matched, relative distance 0.0" in out
    assert "nothing follows from what another network sees" in out


@pytest.mark.parametrize(
    ("stopped", "advice"),
    [
        ("budget", "Its steps ran out: press Continue"),
        ("plateau", "more steps will not help: try another seed"),
    ],
)
def test_the_advice_fits_why_the_search_stopped(engine, stopped, advice):
    result = no_match_by_spearman(engine.first, stopped)
    values = {**result.match.values, "relative_l2": 0.3}
    engine.results[DEFAULTS.key] = replace(result, match=replace(result.match, values=values))
    app = opened()
    assert advice in text(app)
    assert has_button(app) is (stopped == "budget")


def test_where_nothing_can_be_pressed_there_is_no_advice_to_press_it(engine):
    engine.results[DEFAULTS.key] = no_match_by_spearman(engine.first, "budget")

    def page(key):
        from explorer.app import session
        from explorer.app.panels.result_view import show_stored

        show_stored(session.engine().result(key))

    app = AppTest.from_function(page, default_timeout=60, args=(DEFAULTS.key,)).run()
    assert not app.exception
    assert "shows where the search stopped" in text(app)
    assert "Continue" not in text(app)


def test_a_goal_so_small_that_none_is_smaller_gives_way_to_all_steps(engine):
    assert smaller_goal(no_match_by_spearman(engine.first, "goal", goal=0.002)) == 0
    assert smaller_goal(no_match_by_spearman(engine.first, "goal", goal=0)) is None
    first = engine.first
    snr = {**first.null.distributions["snr_db"].quantiles, "max": 60.0}
    spread = replace(first.null.distributions["snr_db"], quantiles=snr)
    distributions = {**first.null.distributions, "snr_db": spread}
    loud = replace(
        no_match_by_spearman(first, "goal", goal=0.9),
        null=replace(first.null, distributions=distributions),
    )
    assert smaller_goal(loud) == 0, "60 dB are a distance of 0.001, and less is 0"


def test_while_it_continues_steps_count_on(engine):
    engine.first = replace(engine.first, curves=Curves((0, 500), (1.0, 0.1), (1.0, 0.1)))
    engine.results[DEFAULTS.key] = engine.first
    request = replace(DEFAULTS, continues=DEFAULTS.key, steps=500)
    job = Job(request.key, RUNNING, "generating the image", 40, 500, ((0, 0.1), (40, 0.08)))
    engine.job = lambda key: job if key == request.key else None
    app = opened(**link(request))
    assert not app.exception
    shown = [json.loads(each.proto.json) for each in app.get("bidi_component")]
    plain = [json.loads(each["json"]) for each in shown if "json" in each]
    (curve,) = [each for each in plain if "budget" in each]
    assert (curve["budget"], curve["steps_before"]) == (1000, 500)
    assert curve["before"] == [[0, 1.0], [500, 0.1]]
    (progress,) = [each for each in plain if "token" in each]
    assert "step 540 of 1,000" in progress["now"]["status"]
    assert watched_by(progress["token"]).steps_before == 500
    assert "goes on from an earlier result" in text(app)


def test_a_rise_after_it_was_continued_is_said_and_what_the_command_needs(engine):
    second = engine.add_second()
    curves = Curves((0, 500, 550, 620), (1.0,) * 4, (1.0, 0.1, 0.25, 0.08))
    for key, shown in ((0.25, True), (0.15, False)):
        distances = (1.0, 0.1, key, 0.08)
        curves = replace(curves, relative_l2=distances)
        result = replace(second, curves=curves)
        assert ("At step 550 the distance rises to 0.25" in _rise(result)) is shown
    assert "where the earlier result is in the cache" in where_it_works([second.request])
    assert "`models.toml`" in where_it_works([replace(DEFAULTS, model="own:lab", weights="1" * 64)])
    assert where_it_works([DEFAULTS]) == ""


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
    app.switch_page("../pages/how_to_read.py").run()
    app.query_params.clear()
    app.switch_page("../pages/explore.py").run()
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
