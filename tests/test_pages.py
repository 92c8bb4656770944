"""The pages, run by Streamlit's own test harness: what a visitor reads in each state."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import tomllib
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import validation
from explorer.analysis.examples import EXAMPLES, SHIPPED
from explorer.analysis.network_comparison import NetworkComparison
from explorer.app import components, naming, session
from explorer.app.links import link
from explorer.app.panels import network_picker, progress_view
from explorer.app.panels.sidebar import DEFAULTS
from explorer.errors import RequestError
from explorer.hosting.settings import DEMO
from explorer.images.encoding import to_png
from explorer.jobs import work
from explorer.jobs.job import CANCELLED, DONE, FAILED, RUNNING, Job
from explorer.jobs.queue import QueueFull
from explorer.live.tokens import watched_by
from explorer.metrics.first_look import FirstLook
from explorer.metrics.match import MatchState
from explorer.metrics.null import Distribution
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.store import starter
from explorer.validation import NEAREST_STAGE, validate

ROOT = Path(__file__).parent.parent
APP = str(ROOT / "explorer/app/script/main.py")
SMALL = {"model": DEFAULTS.model}
"""The address of a finished example of a small network."""


class IdleEngine:
    """The store of the real engine, with jobs that a test sets and no worker."""

    def __init__(self, real) -> None:
        self.result = real.result
        self.store = real.store
        self.jobs: dict[str, Job] = {}
        self.submitted: list = []
        self.under_way = 1
        self.asked: list = []
        self.answer: Future = Future()

    def job(self, key: str) -> Job | None:
        return self.jobs.get(key)

    def submit(self, request, pictures, **who) -> None:
        self.submitted.append(request)

    def call(self, function, *arguments, **who) -> Future:
        self.asked.append((function, *arguments))
        return self.answer

    def start(self) -> None: ...

    def touch(self, keys) -> None: ...

    def cancel(self, key: str, subscriber: str) -> None: ...


@pytest.fixture
def engine(monkeypatch):
    from explorer.jobs.engine import Engine
    from explorer.store.store import Store

    idle = IdleEngine(Engine(Store()))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def text(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.markdown, *app.caption, *app.error])


def test_first_paint_shows_a_finished_example_with_both_verdicts(engine):
    app = opened()
    assert not app.exception
    assert "To the network: the same?" in text(app)
    assert "one of its 10 classes, whatever is shown: “tench” for both" in text(app)
    assert "To a person: the same?" in text(app)
    assert not engine.submitted


def test_an_empty_address_stands_for_the_first_example_which_needs_no_worker(engine):
    app = opened()
    assert not app.exception
    assert dict(app.query_params) == link(EXAMPLES[0][1])
    assert app.selectbox(key="layer").value == EXAMPLES[0][1].layer
    assert not engine.asked, "its layers are known without asking for them"
    assert "Not generated yet" not in text(app)


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ({"seed": "noise"}, Request(DEFAULTS.model, seed="noise")),
        ({"layer": "logits"}, Request(DEFAULTS.model, layer="logits")),
        ({"rng": "3"}, Request(DEFAULTS.model, rng_seed=3)),
        ({"loss": "freq", "effort": "quick"}, Request(DEFAULTS.model, loss="freq", steps=100)),
        (
            {"model": "embedded:residual-multi-standard"},
            Request("embedded:residual-multi-standard"),
        ),
    ],
)
def test_links_that_leave_values_out_mean_what_they_meant(engine, address, asked):
    assert validate(Request("embedded:residual-multi-adv2")) == DEFAULTS
    looked_up = []
    engine.result = lambda key: looked_up.append(key)
    opened(**address)
    assert validate(asked).key in looked_up


def test_the_plots_wait_until_the_browser_has_painted_the_pictures(engine):
    app = opened(**SMALL)
    assert not app.get("plotly_chart")
    app.session_state["_painted"] = DEFAULTS.key
    app.button(key="opinion_skipped").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 4
    assert "| measure | to target |" in text(app)
    app.selectbox(key="model").select("embedded:residual-multi-standard").run()
    assert "To a person: the same?" in text(app)
    assert not app.get("plotly_chart")


@pytest.mark.usefixtures("engine")
def test_a_result_opens_with_the_counterpart_of_its_network():
    app = opened(**SMALL)
    app.button(key="counterpart").click().run()
    assert not app.exception
    assert app.selectbox(key="model").value == "embedded:residual-multi-standard"
    assert "To a person: the same?" in text(app)


def test_a_counterpart_without_a_result_is_generated_at_a_click(engine):
    result = engine.result(DEFAULTS.key)
    request = validate(replace(result.request, target="cat"))
    engine.store.put(request.key, replace(result, request=request).to_bytes())
    app = opened(**link(request))
    app.button(key="counterpart").click().run()
    assert not app.exception
    assert [each.model for each in engine.submitted] == ["embedded:residual-multi-standard"]
    assert engine.submitted[0].target == "cat"


def painted(**address: str) -> AppTest:
    """The app with its plots."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in (address or SMALL).items():
        app.query_params[name] = value
    app.session_state["_painted"] = DEFAULTS.key
    return app.run()


def axis_titles(app: AppTest) -> list[str]:
    """Of both axes of every plot."""
    layouts = [json.loads(one.proto.spec)["layout"] for one in app.get("plotly_chart")]
    return [
        layout.get(axis, {}).get("title", {}).get("text", "")
        for layout in layouts
        for axis in ("xaxis", "yaxis")
    ]


def renewed(result):
    """A result as it is made now, out of one that may be older."""
    quantiles = {"min": 0.1, "q05": 0.2, "q50": 0.3, "q95": 0.5, "max": 0.6}
    spread = Distribution(2, quantiles, (2,), (0.1, 0.6))
    more = {"cosine": 0.98, "spearman": 0.9, "snr_db": 12.5, "pearson": None}
    distributions = {**result.null.distributions, "cosine": spread}
    return replace(
        result,
        match=replace(result.match, values={**result.match.values, "cosine": 0.98}),
        null=replace(result.null, distributions=distributions, source="12 photos"),
        layers=tuple(replace(each, values={**each.values, **more}) for each in result.layers),
    )


def test_older_results_show_what_they_hold(engine):
    found = engine.result(DEFAULTS.key)
    layers = tuple(
        replace(each, values={"relative_l2": each.values["relative_l2"]}) for each in found.layers
    )
    distributions = {k: v for k, v in found.null.distributions.items() if k != "cosine"}
    null = replace(found.null, distributions=distributions, source="")
    engine.result = lambda key: replace(found, layers=layers, null=null)
    app = painted()
    assert not app.exception
    assert app.selectbox(key="layers_by").options == ["relative distance"]
    assert "cosine" not in app.selectbox(key="null_by").options
    assert axis_titles(app).count("relative distance") == 3


def test_null_and_layers_can_be_read_by_another_measure(engine):
    found = renewed(engine.result(DEFAULTS.key))
    engine.result = lambda key: found
    app = painted()
    assert "12 photos" in text(app)
    app.selectbox(key="null_by").select("cosine").run()
    assert "more alike than any of" in text(app)
    assert "reach 0.600" in text(app)
    assert "Half of the pairs are below 0.3; 5 % below 0.2, 5 % above 0.5." in text(app)
    app.selectbox(key="layers_by").select("snr_db").run()
    assert not app.exception
    assert {"cosine", "signal to noise (dB)"} <= set(axis_titles(app))
    app.selectbox(key="null_by").select("pearson").run()
    assert "Pearson correlation, squared" in axis_titles(app)


def test_the_likeliest_classes_of_both_pictures_are_named(engine):
    match = engine.result(DEFAULTS.key).match
    app = painted()
    for one in (*match.target_top, *match.iri_top):
        assert f"{one.name} {one.probability:.0%}" in text(app)


def test_another_network_can_be_asked_how_it_sees_the_picture(engine, monkeypatch):
    found = engine.result(DEFAULTS.key)
    app = painted()
    assert not engine.asked
    assert "Any name of timm's" in app.selectbox(key="other_network").help
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(network_picker, "hosting", lambda: DEMO)
        assert "offers those of the list" in app.run().selectbox(key="other_network").help
    other = "embedded:residual-multi-standard"
    app.selectbox(key="other_network").select(other).run()
    ((function, data, observer),) = engine.asked
    assert (function, observer["model"]) == (work.compare, other)
    assert data == found.to_bytes()
    assert "The other network is looking" in text(app)
    assert app.button(key="cancel_other")
    match = replace(found.match, beyond_null=False, values={"relative_l2": 0.77})
    engine.answer.set_result(
        NetworkComparison(
            key=found.request.key,
            made_for=found.request.model,
            made_at=found.request.layer,
            network=NetworkReference(other),
            layer="penultimate",
            input_size=(64, 64),
            match=match,
            null=found.null,
            layers=found.layers,
            seconds=1.0,
            own_state=MatchState.MATCHED,
            own_distance=0.13,
        )
    )
    app.run()
    assert not app.exception
    assert "the same? Not matched.** Relative distance 0.770" in text(app)
    assert text(app).count("have no common scale, so that these two cannot be compared") == 1
    assert "not at equal match" not in text(app)
    specs = [one.proto.spec for one in app.get("plotly_chart")]
    assert [sum(mark in spec for spec in specs) for mark in ("matched here", "compared here")] == [
        1,
        1,
    ]
    assert len(engine.asked) == 1


def test_a_question_that_fails_says_why_and_can_be_asked_again(engine):
    engine.answer.set_exception(RuntimeError("the hub does not answer"))
    app = painted()
    app.selectbox(key="other_network").select("embedded:residual-multi-standard").run()
    assert "The hub does not answer" in app.error[0].value
    app.button(key="ask_other_again").click().run()
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    ("stopped", "relative_l2", "state", "said"),
    [
        ("goal", 0.01, "green[:material/check_circle:] Converged", "stopped at its goal of 0.02."),
        ("budget", 0.01, "green[:material/check_circle:] Converged", "and used all its steps."),
        ("plateau", 0.18, "orange[:material/incomplete_circle:] Matched", "came no nearer, above"),
        ("budget", 0.05, "orange[:material/incomplete_circle:] Matched", "steps ran out, above"),
        ("budget", None, "red[:material/cancel:] Not matched", "steps ran out, above its goal"),
    ],
)
def test_the_first_verdict_has_three_answers_and_says_how_the_search_ended(
    engine, stopped, relative_l2, state, said
):
    found = engine.result(DEFAULTS.key)
    values = {**found.match.values, "relative_l2": relative_l2}
    match = replace(found.match, values=values, beyond_null=relative_l2 is not None)
    made = replace(found.provenance, stopped=stopped)
    engine.result = lambda key: replace(found, match=match, provenance=made)
    app = opened(**SMALL)
    assert f"### :{state}" in [each.value for each in app.markdown]
    assert said in text(app)


def test_the_examples_say_how_many_converged_and_whether_they_match_equally_well(engine):
    results = [engine.result(request.key) for _, request in EXAMPLES]
    app = opened()
    app.switch_page("../pages/examples.py").run()
    matched = [one for one in results if one.matched]
    converged = sum(one.converged for one in results)
    assert f"Of these {len(EXAMPLES)}, {len(matched)} match the target, and {converged}" in text(
        app
    )
    distances = [one.match.relative_l2 for one in matched]
    assert ("not at equal match" in text(app)) is (max(distances) > 1.5 * min(distances))
    assert sum(f":] {one.state.capitalize()} (" in text(app) for one in results) == len(results)


def test_an_operators_null_is_asked_for_and_hides_no_finished_example(
    engine, monkeypatch, tmp_path
):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        (tmp_path / f"{number}.png").write_bytes(to_png(pixels))
    monkeypatch.setenv("IRI_NULL_FOLDER", str(tmp_path))
    app = opened()
    assert "To the network: the same?" in text(app)
    app.button(key="generate").click().run()
    (request,) = engine.submitted
    assert request.null.startswith("folder:")
    assert request.null_folder == str(tmp_path)
    monkeypatch.setenv("IRI_NULL_FOLDER", str(tmp_path / "gone"))
    assert "there is no folder" in opened().error[0].value


def test_the_address_fills_the_panel_and_keeps_stable_words(engine):
    app = opened(model="embedded:residual-multi-standard", layer="stage1.0", rng="7")
    assert app.selectbox(key="model").value == "embedded:residual-multi-standard"
    assert app.selectbox(key="layer").value == "stage1.0"
    assert app.number_input(key="rng").value == 7
    assert "Not generated yet" in text(app)
    app.selectbox(key="target").select("cat").run()
    assert app.query_params["target"] == "cat"
    assert app.query_params["layer"] == "stage1.0"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("loss", "freq-tvv", "did you mean 'freq-tv'"),
        ("target", "astronot", "astronaut"),
        ("layer", "stage9", "is not a layer of"),
        ("model", "embedded:resnet", "such as 'embedded:imagenette-residual-adv1'"),
        ("model", "file:/etc/passwd", "on the command line only"),
        ("model", "nowhere:net", "unknown source in"),
        ("seed", "astronaut", "the same image"),
    ],
)
def test_a_link_that_cannot_be_right_is_answered_in_a_sentence(engine, name, value, said):
    app = opened(**{name: value})
    assert not app.exception
    assert said in html.unescape(app.error[0].value)


def test_the_loss_goes_family_variant_weights_and_all_of_it_is_in_the_address(engine):
    app = opened(target="coffee", seed="white")
    assert app.selectbox(key="loss").value == "regularizer-free"
    family(app).set_value("human-leaning").run()
    assert app.selectbox(key="loss").value == "regularizer-free+transforms"
    app.toggle(key="_fourier").set_value(True).run()
    app.selectbox(key="loss").select("freq-tv+transforms+fourier").run()
    app.number_input(key="w-tv").set_value(0.25).run()
    app.number_input(key="w-l6").set_value(2.0).run()
    assert "0.25 · TV(x) + 2 · ‖x‖₆, x = image(z)" in text(app)
    assert app.query_params["loss"] == "freq-tv+transforms+fourier"
    assert (app.query_params["w-tv"], app.query_params["w-l6"]) == ("0.25", "2")
    app.button(key="generate").click().run()
    (request,) = engine.submitted
    assert request.loss == "freq-tv+transforms+fourier"
    assert dict(request.term_weights) == {"tv": 0.25, "l6": 2.0}

    again = opened(**app.query_params)
    again.button(key="generate").click().run()
    assert engine.submitted[1] == request
    again.selectbox(key="loss").select("freq-blur+transforms+fourier").run()
    assert "w-tv" not in again.query_params, "weights belong to the variant that they changed"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ({"loss": "freq"}, "asks for more than the match"),
        ({"goal": "0"}, "a goal of 0"),
        ({"relu": "identity"}, "passes the layer"),
        ({"optimiser": "paper"}, "does what was published"),
    ],
)
def test_the_nearest_image_gives_way_to_settings_that_have_none(engine, address, reason):
    app = opened(target="coffee", seed="white", nearest="yes", **address)
    assert not app.error
    assert reason in html.unescape(text(app))
    app.button(key="generate").click().run()
    assert engine.submitted[0].nearest is None
    assert app.selectbox(key="nearest").value == "yes", "what was chosen comes back with the loss"


def test_a_weight_of_0_removes_a_term_and_all_0_is_refused(engine):
    app = opened(loss="freq-tv", target="coffee")
    app.number_input(key="w-tv").set_value(0.0).run()
    assert "TV(x)" not in "".join(one.value for one in app.sidebar.markdown)
    assert not app.error
    app.number_input(key="w-representation").set_value(0.0).run()
    assert "all weights are 0" in app.error[0].value


def test_an_adversary_can_be_chosen_among_those_that_see_pictures_so_small(engine):
    app = opened(loss="adversarial", target="coffee")
    assert app.selectbox(key="adversary").value == "structure"
    assert "ms-ssim" not in app.selectbox(key="adversary").options
    app.number_input(key="w-to-target").set_value(0.5).run()
    app.toggle(key="relu").set_value(True).run()
    app.selectbox(key="adversary").select("psnr").run()
    app.button(key="generate").click().run()
    (request,) = engine.submitted
    assert (request.adversary, dict(request.term_weights)) == ("psnr", {"to-target": 0.5})
    assert request.relu_gradient == "identity"
    assert app.query_params["relu"] == "identity"


def family(app: AppTest):
    return next(one for one in app.button_group if one.key == "_family")


def test_numbers_out_of_range_in_a_link_are_brought_into_range(engine):
    app = opened(goal="7", rng="-3", effort="endless")
    assert not app.exception
    assert app.number_input(key="goal").value == 1.0
    assert app.number_input(key="rng").value == 0
    assert app.select_slider(key="effort").value == "normal"


def test_generate_submits_the_request_that_the_panel_shows(engine):
    app = opened(target="coffee", seed="white")
    app.button(key="generate_here").click().run()
    (request,) = engine.submitted
    assert (request.target, request.seed) == ("coffee", "white")


def test_generate_on_a_finished_one_says_so_and_makes_nothing(engine):
    app = opened(**SMALL)
    app.button(key="generate").click().run()
    assert "Already generated" in app.toast[0].value
    assert not engine.submitted


def test_a_page_that_runs_again_of_itself_sets_the_panel_anew(engine, monkeypatch):
    """Else a browser that has not drawn the panel yet would draw it with its defaults."""
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, RUNNING)

    def ended_at_once(job, steps_before, on_end) -> None:  # as live.js has the page run
        engine.jobs[key] = Job(key, FAILED, error="it broke")
        on_end()
        st.rerun()

    monkeypatch.setattr(progress_view, "show_progress", ended_at_once)
    app = opened(target="coffee", seed="white")
    assert "It broke." in app.error[0].value
    panel = [app.selectbox(key="target"), app.selectbox(key="seed"), app.number_input(key="rng")]
    assert [one.value for one in panel] == ["coffee", "white", 0]
    assert all(one.proto.set_value for one in panel)


def test_again_asks_for_the_next_random_number(engine):
    app = opened(**SMALL)
    app.button(key="again").click().run()
    assert [request.rng_seed for request in engine.submitted] == [1]
    assert app.query_params["rng"] == "1"


def test_what_several_random_numbers_gave_is_counted_until_another_thing_is_asked(engine):
    def from_other_noise(key: str):
        first = engine.stored(DEFAULTS.key)
        others = [
            replace(first, request=replace(first.request, rng_seed=number)) for number in (1, 2)
        ]
        return next((one for one in others if one.request.key == key), engine.stored(key))

    engine.stored, engine.result = engine.result, from_other_noise
    app = opened(**SMALL)
    assert "random seeds:" not in text(app)
    for number, count in ((1, 2), (2, 3), (1, 3)):
        app.number_input(key="rng").set_value(number).run()
        assert f"From {count} random seeds:** {count} match, " in text(app)
        assert "not at equal match" not in text(app)
    app.selectbox(key="seed").select("noise").run()
    assert "random seeds:" not in text(app)


def test_what_the_queue_has_no_room_for_is_said_and_can_be_asked_for_again(engine, monkeypatch):
    def full(*_, **who):
        assert who["party"]
        assert who["subscriber"]
        assert who["abandonable"] is True
        raise QueueFull("you have 2 jobs in line already; wait until one has begun")

    monkeypatch.setattr(engine, "submit", full)
    app = opened(target="coffee", seed="white")
    app.button(key="generate_here").click().run()
    assert not app.exception
    assert app.warning[0].value == "You have 2 jobs in line already; wait until one has begun."
    assert "Not generated yet." in text(app)
    assert app.selectbox(key="target").value == "coffee"
    monkeypatch.undo()
    monkeypatch.setattr(session, "engine", lambda: engine)
    app.button(key="generate_here").click().run()
    assert len(engine.submitted) == 1
    assert not app.warning


def test_a_question_for_which_the_queue_has_no_room_can_be_asked_again(engine, monkeypatch):
    def full(*_, **who):
        raise QueueFull("you have asked 3 questions already")

    monkeypatch.setattr(engine, "call", full)
    app = painted()
    app.selectbox(key="other_network").select("embedded:residual-multi-standard").run()
    assert "You have asked 3 questions already." in app.error[0].value
    monkeypatch.undo()
    monkeypatch.setattr(session, "engine", lambda: engine)
    app.button(key="ask_other_again").click().run()
    assert "The other network is looking" in text(app)


def test_a_result_that_could_not_be_stored_is_shown_and_says_so(engine):
    engine.jobs[DEFAULTS.key] = Job(
        DEFAULTS.key, DONE, note="the disk is full, so download this result: it is not kept"
    )
    app = opened(**SMALL)
    (warning,) = app.warning
    assert warning.value == "The disk is full, so download this result: it is not kept."
    assert "To the network: the same?" in text(app)


def test_a_job_that_was_given_up_for_want_of_watchers_says_so(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, CANCELLED, error="cancelled because nobody watched it")
    app = opened(target="coffee", seed="white")
    assert "Cancelled because nobody watched it. **" in text(app)


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(
        key, RUNNING, "generating the image", 40, 500, ((40, 0.25),), eta_seconds=9
    )
    app = opened(target="coffee", seed="white")
    assert not app.exception
    assert not [each for each in app.button if each.key == "cancel"], "somebody else's"
    assert "can be cancelled only there" in text(app)
    asked = frozenset({app.session_state["_visitor"]})
    engine.jobs[key] = replace(engine.jobs[key], subscribers=asked)
    assert app.run().button(key="cancel")
    assert "can be cancelled only there" not in text(app)
    now = live(app)["now"]
    assert now["status"] == (
        "Generating the image: step 40 of 500, relative distance 0.250, at most 9 s left"
    )
    assert (now["share"], now["look"], now["points"]) == (0.08, "", [[40, 0.25]])
    watched = watched_by(live(app)["token"])
    assert watched.keys == (key,)
    assert app.session_state["_visitor"] not in watched.visitor, "an address may be logged"
    assert not app.get("plotly_chart")


def test_an_image_that_is_made_is_shown_with_its_match_while_the_rest_is_measured(engine):
    key = submitted_key(engine)
    preview = to_png(np.zeros((64, 64, 3), np.uint8))
    look = FirstLook(0.01987, 0.02114, "mug", "tabby_cat", same_class=False)
    engine.jobs[key] = Job(
        key, RUNNING, "measuring every layer", 0, 500, ((40, 0.25),), preview, look=look
    )
    app = opened(target="coffee", seed="white")
    assert not app.exception
    now = live(app)["now"]
    assert now["headline"] == "Generated"
    assert "Relative distance 0.0199 (0.0211 after rounding to 8 bits)" in now["look"]
    assert "the target is “mug”, the IRI “tabby_cat”" in now["look"]
    assert now["status"] == "Verdicts and plots follow. Measuring every layer …"
    assert top_pictures(app)[1]["caption"] == "generated"
    engine.jobs[key] = replace(engine.jobs[key], stage=NEAREST_STAGE, step=94)
    app.run()
    now = live(app)["now"]
    assert now["status"] == "Now taking back what the match did not need: pass 94 …"
    assert now["headline"] == "Search finished"
    assert top_pictures(app)[1]["caption"] == "coming nearer to its seed"


def live(app: AppTest) -> dict:
    """What the browser is told of the running job: how it is now, and by what token it watches."""
    progress = next(each.proto for each in app.get("bidi_component") if '"token' in each.proto.json)
    return json.loads(json.loads(progress.json)["json"])


def top_pictures(app: AppTest) -> list[dict[str, str]]:
    """The pictures at the top of the page, as the browser gets them."""
    pictures = next(each.proto for each in app.get("bidi_component") if "pictures" in each.proto.id)
    return json.loads(json.loads(pictures.json)["json"])["pictures"]


def test_a_failed_job_says_why_and_offers_another_try(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, FAILED, error="the worker stopped while it made this")
    app = opened(target="coffee", seed="white")
    assert "The worker stopped while it made this." in app.error[0].value
    assert app.button(key="generate_here").label == "Try again"


def submitted_key(engine) -> str:
    opened(target="coffee", seed="white").button(key="generate_here").click().run()
    return engine.submitted[0].key


def test_every_example_of_the_pack_is_what_the_code_would_ask_for(engine):
    assert [entry.key for entry in starter.entries()] == [one.key for _, one in SHIPPED]
    assert not starter.damaged()
    for _, request in SHIPPED:
        assert engine.result(request.key) is not None


@pytest.mark.parametrize("page", ["examples", "how_to_read"])
def test_the_other_pages_open(engine, page):
    app = opened()
    app.switch_page(f"../pages/{page}.py").run()
    assert not app.exception
    assert app.title


# The network and its layer


def options(app: AppTest, key: str) -> list[str]:
    return app.selectbox(key=key).options


def test_networks_go_by_their_titles_and_the_panel_says_the_reference(engine):
    app = opened(**SMALL)
    assert "Drawn pictures, residual, adversarially trained" in options(app, "model")
    assert "`embedded:residual-multi-adv2`" in text(app)
    app.selectbox(key="model").select("robust:resnet50_l2_eps3").run()
    assert "ResNet-50, ℓ₂ ε 3" in options(app, "model")
    assert "`robust:resnet50_l2_eps3`" in text(app)


def test_the_shelf_is_offered_by_group_and_the_rest_is_found_by_typing(engine):
    app = opened(**SMALL)
    every = options(app, "model")
    assert 30 < len(every) < 120
    app.selectbox(key="_group").select("self-supervised").run()
    some = options(app, "model")
    assert len(some) < len(every)
    assert any("MoCo v2" in name for name in some)
    assert app.selectbox(key="model").value == DEFAULTS.model
    app.text_input(key="_search").input("beit base 224").run()
    found = "timm:beit_base_patch16_224.in22k_ft_in22k"
    app.button(key=f"_found_{found}").click().run()
    assert not app.exception
    assert app.query_params["model"] == found
    assert "(timm:beit" not in text(app)
    assert "86.5 M parameters" in text(app)
    assert "downloads" in text(app)


def test_the_layers_have_plain_names_and_say_where_they_are(engine):
    app = opened(layer="stage1.1")
    assert "stage 1, block 2, after addition · stage1.1" in options(app, "layer")
    assert "stem › **stage 1** › stage 2 › head" in text(app)
    assert "of 48, 32×16×16 = 8,192 numbers" in text(app)
    assert not any("conv1" in name for name in options(app, "layer"))
    app.toggle(key="_every_layer").set_value(True).run()
    assert any("stage 1, block 1, convolution 1" in name for name in options(app, "layer"))
    assert "stage2.0.skip.1" in options(app, "layer")  # in words it is too long for the panel
    assert app.selectbox(key="layer").value == "stage1.1"


def test_layers_that_the_store_knows_are_not_asked_for_again(engine):
    model = "torchvision:resnet18/IMAGENET1K_V1"
    app = opened(model=model)
    assert "Reading the layers" in text(app)
    assert engine.asked == [(work.layers, NetworkReference(model))]
    rows = [["layer1", "Sequential", [64, 56, 56]], ["penultimate", "input", [512]]]
    engine.store.put(work.layers_key(NetworkReference(model)), json.dumps(rows).encode())
    app = opened(model=model)
    assert "stage 1 · layer1" in options(app, "layer")
    assert len(engine.asked) == 1


def png_sizes(app: AppTest) -> set[tuple[str, tuple[int, int]]]:
    """Mode (L: no pixel has a colour) and size of the pictures on the page."""
    found = set()
    for row in top_pictures(app):
        if row["src"]:
            image = Image.open(io.BytesIO(base64.b64decode(row["src"].partition(",")[2])))
            pixels = np.asarray(image.convert("RGB"))
            found.add(("L" if np.ptp(pixels, axis=2).max() == 0 else "RGB", image.size))
    return found


def test_the_input_of_a_checkpoint_is_known_once_it_was_loaded(engine, tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"weights")
    path = tmp_path / "models.toml"
    entry = "[networks.{}]\nfile = 'net.pt'\narchitecture = '{}'\n"
    path.write_text(entry.format("lab", "timm:resnet18") + entry.format("small", "cifar:resnet20"))
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    address = {"target": "cat", "seed": "noise"}
    assert png_sizes(opened(model="own:small", **address)) == {("RGB", (32, 32))}
    before = opened(model="own:lab", **address)
    assert not before.exception
    assert " px ·" not in text(before)  # nobody has said so yet

    rows = [("layer1", "Sequential", (64, 12, 12)), ("penultimate", "input", (512,))]
    engine.answer.set_result(work.NetworkLayers(rows, (48, 48), 1))
    after = opened(model="own:lab", **address)
    assert "48 px" in text(after)
    assert png_sizes(after) == {("L", (48, 48))}

    asked = len(engine.asked)
    reference = validation.network_reference("own:lab")
    engine.store.put(work.layers_key(reference), json.dumps(rows).encode())
    assert "48 px" in text(opened(model="own:lab", **address))
    assert len(engine.asked) == asked + 1  # layers that were stored without the input
    engine.store.put(work.input_key(reference), b"[[40, 40], 3]")
    stored = opened(model="own:lab", **address)
    assert "40 px" in text(stored)
    assert png_sizes(stored) == {("RGB", (40, 40))}
    assert len(engine.asked) == asked + 1


def test_a_size_of_ones_own_is_part_of_the_request_and_of_the_address(engine):
    app = opened(size="96", target="coffee", seed="white")
    app.button(key="generate_here").click().run()
    assert engine.submitted[-1].size == 96
    assert app.query_params["size"] == "96"
    assert engine.asked[-1][-1].size == 96


def test_the_operators_networks_are_offered_under_their_own_heading(engine, tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"weights")
    path = tmp_path / "models.toml"
    path.write_text(
        "".join(
            f"[networks.{name}]\nfile = 'net.pt'\n"
            f"architecture = 'timm:resnet18'\ntitle = '{title}'\n"
            for name, title in (("lab", "Ours"), ("home", "ResNet-18"))
        )
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    app = opened(model="own:lab", target="coffee")
    assert not app.exception
    assert "Ours" in options(app, "model")
    assert "ResNet-18 · own:home" in options(app, "model")  # there is another one called so
    app.button(key="generate_here").click().run()
    assert engine.submitted[-1].model == "own:lab"
    path.write_text("[networks")
    app = opened()
    assert not app.exception
    assert "cannot be read" in app.warning[0].value


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[index : index + 2], 16) for index in (1, 3, 5)]) / 255


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Of two sRGB colours in [0, 1], as WCAG 2 defines it."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (one, other)]
    dark, light = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in linear)
    return (light + 0.05) / (dark + 0.05)


def test_what_is_selected_can_be_read_in_both_themes():
    theme = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["theme"]
    css = (Path(components.__file__).parent / "front/page.css").read_text(encoding="utf-8")
    texts = re.search(r" color: light-dark\((#\w{6}), (#\w{6})\)", css)
    assert texts is not None
    for name, text in zip(("light", "dark"), texts.groups(), strict=True):
        primary = rgb(theme[name]["primaryColor"])
        for surface in (theme[name], theme[name]["sidebar"]):
            # Streamlit draws the selected pill with a tenth of the primary colour.
            pill = 0.1 * primary + 0.9 * rgb(surface["backgroundColor"])
            assert contrast(rgb(text), pill) >= 4.5
        assert contrast(np.ones(3), primary) >= 4.5  # the primary button's white


def test_a_network_that_there_is_not_is_said_once_and_offers_no_other_try(engine):
    engine.answer.set_exception(RequestError("model", "timm has no network 'resnetty18'"))
    app = opened(model="timm:resnetty18", target="coffee", seed="white")
    assert not app.exception
    (error,) = app.error
    assert html.unescape(error.value) == (
        "Invalid settings: model: timm has no network 'resnetty18'"
    )
    assert "Try again" not in [button.label for button in app.button]
    app.button(key="generate").click().run()
    assert not engine.submitted
    assert len(app.error) == 1


def test_an_absent_download_is_said_once_with_another_try(engine):
    engine.answer.set_exception(RuntimeError("timm is not on this machine"))
    address = {"model": "timm:resnet18", "target": "coffee", "seed": "white"}
    app = opened(**address)
    assert [error.value for error in app.error] == ["timm is not on this machine."]
    app.button(key="generate").click().run()
    (request,) = engine.submitted
    engine.jobs[request.key] = Job(request.key, FAILED, error="timm is not on this machine")
    app.run()
    (error,) = app.error
    assert error.value == "Generation failed. timm is not on this machine."
    engine.answer = Future()
    app.button(key="generate_here").click().run()
    assert len(engine.submitted) == 2


def test_a_job_whose_request_is_at_fault_offers_no_other_try(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, FAILED, field="layer", error="the target is 0 there")
    app = opened(target="coffee", seed="white")
    assert app.error[0].value == "Generation failed (layer). The target is 0 there."
    assert "Try again" not in [button.label for button in app.button]


HOSTILE = (
    "own:grey",
    "x:red[y]",
    ":material/home:",
    ":material_home:",
    "[a](https://evil.example)",
    "![a](https://evil.example/a.png)",
    "https://evil.example/a_b",
    "www.evil.example",
    "me@evil.example",
    "<b>bold</b> $x$ `code` ~~s~~ |",
    "- a -- b -> c",
    "1. one",
    "# a",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_foreign_text_is_shown_whole_and_is_no_markup(text):
    for shown in (naming.literal(text), naming.code(text)):
        codes = re.findall("`[^`]+`", shown)
        outside = re.sub("`[^`]+`", "", shown)
        assert html.unescape(shown.replace("`", "")) == text
        assert not re.search(r"[*_\[\]<>$|~]|:[a-z]|^[-+#]|^\d\.", outside)
        plain = html.unescape(outside)
        assert not re.search(r"https?://|www\.|@\w|:material_|(^|\s)(--|->)(\s|$)", plain)
        assert not any(":material/" in each for each in codes)


@pytest.mark.parametrize(
    "address",
    [
        {"model": "own:grey[x](https://evil.example)"},
        {"target": "![a](https://evil.example/a.png)"},
        {"seed": ":red[a]"},
        {"layer": "[x](https://evil.example):material/home:"},
        {"loss": "[x](https://evil.example)"},
    ],
)
def test_nothing_in_an_address_is_read_as_markdown(engine, address):
    app = opened(**address)
    assert not app.exception
    (value,) = address.values()
    assert value in html.unescape(app.error[0].value.replace("`", ""))
    shown = [*app.error, *app.warning, *app.info, *app.caption, *app.markdown]
    for each in shown:
        outside = re.sub("`[^`]+`", "", each.value)
        assert "https://evil" not in outside
        assert ":red[a]" not in outside
        assert ":material/home" not in each.value


@pytest.mark.parametrize(
    ("model", "said", "unsaid"),
    [
        ("foo:bar", "'own:NAME'", "timm:foo"),
        ("foo:bar", "'timm:NAME'", "file:"),
        ("python:net.py:build", "unknown source", "timm:python"),
        ("python:net.py:build", "unknown source", "module:"),
        ("resnet18", "write 'timm:resnet18'", "file:"),
    ],
)
def test_the_page_offers_only_sources_that_visitors_may_name(engine, model, said, unsaid):
    message = html.unescape(opened(model=model).error[0].value)
    assert said in message
    assert unsaid not in message


def test_a_sentence_leaves_the_case_of_a_name():
    assert naming.sentence("timm has none") == "timm has none."
    assert naming.sentence("own:lab has changed") == "own:lab has changed."
    assert naming.sentence("the hub is away") == "The hub is away."


def test_a_seed_that_is_within_the_goal_has_a_page_to_its_end(engine):
    result = engine.result(DEFAULTS.key)
    still = replace(result.tightening, rms=(0.0, 0.0), bound=0.0)
    engine.result = lambda key: replace(result, tightening=still)
    app = opened(**SMALL)
    app.session_state["_painted"] = DEFAULTS.key
    app.run()
    assert not app.exception
    assert "What did the match need?" not in [each.value for each in app.subheader]
    assert "How did it get there?" in [each.value for each in app.subheader]
