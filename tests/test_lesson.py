"""The lesson: what its steps show, ask and state, and what a lecturer takes from it."""

from __future__ import annotations

import base64
import json
import re
import zipfile
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest
from test_pages import APP, IdleEngine, text

from explorer.app import session
from explorer.app.lesson import address, figures, handout, results
from explorer.app.lesson.figures import EFFECTS, PAPER, effects_of
from explorer.app.lesson.steps import STEPS, every_request
from explorer.app.pages import PAGES
from explorer.jobs.engine import Engine
from explorer.losses.variants import LOSSES
from explorer.research.documents import lesson_effects
from explorer.store.store import Store

ROOT = Path(__file__).parents[1]
REPORT = (ROOT / "docs" / "reproduction" / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def engine(monkeypatch, tmp_path):
    idle = IdleEngine(Engine(Store(tmp_path)))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page(str(PAGES["lesson"].script))
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def stored(request) -> dict:
    """The result.json that ships for a request, read without this program."""
    with zipfile.ZipFile(ROOT / "cache" / "starter" / f"{request.key}.zip") as archive:
        return json.loads(archive.read("result.json"))


def answered(number: int) -> str:
    """The option that the lesson calls right."""
    question = STEPS[number - 1].question
    return question.options[question.right(results.results_of(question.about))]


def test_everything_that_the_lesson_shows_ships_and_matched():
    requests = every_request()
    assert len(requests) == len({request.key for request in requests}) > 20
    assert all(results.result_of(request).matched for request in requests)
    assert [step.number for step in STEPS] == list(range(1, 8))


def test_the_right_answers_follow_from_the_shipped_numbers():
    (robust,) = (stored(request) for request in STEPS[0].question.about)
    nearest_pair = robust["match"]["null"]["relative_l2"]["quantiles"]["min"]
    assert nearest_pair > robust["match"]["relative_l2"]
    assert answered(1) == "None of them"

    (standard,) = (stored(request) for request in STEPS[1].question.about)
    target, iri = (standard["match"][name][0] for name in ("target_top", "iri_top"))
    assert target["name"] == iri["name"] == "golf ball"
    assert abs(target["probability"] - iri["probability"]) < 0.05
    assert answered(2) == "Golf ball, about as surely"

    assert [stored(each)["converged"] for each in STEPS[2].question.about] == [True, True]
    assert answered(3) == "Both"

    late = stored(STEPS[3].question.about[-1])
    far = {each["name"]: each["relative_l2"] for each in late["layers"]}
    assert far["features.12"] < 0.1501
    assert far["features.3"] > 2 * 0.15
    assert answered(4) == "More than twice as far"

    yes = {each.loss: stored(each)["verdicts"]["person"] for each in STEPS[4].question.about}
    shares = {loss: each["nearer_target"] / each["judges"] for loss, each in yes.items()}
    assert max(shares, key=shares.get) == "freq"
    assert answered(5) == "And a smooth image"

    haarpsi = next(each for each in standard["perceptual"] if each["measure"] == "haarpsi")
    assert haarpsi["nearer_target"]
    assert haarpsi["wrong_nearer"] == 1
    assert answered(6) == "All of them are, too"

    asked = (figures.ADVERSARIAL, figures.SKIPS, figures.CONTRASTIVE)
    imagenette = re.findall(r"\*\*Imagenette: .*?(?=\*\*CIFAR-10: )", REPORT, re.DOTALL)
    verdicts = [
        found[1]
        for block in imagenette
        for name in asked
        if (found := re.search(rf"- {re.escape(name)}.*? targets: ([\w' ]+)", block))
    ]
    assert len(verdicts) == 3
    said = ("None of the three", "One of the three", "Two of the three", "All three")
    assert answered(7) == said[verdicts.count("holds")]


def test_the_effects_are_those_of_the_report():
    """If not: run `python -m explorer.research.documents.lesson_effects`."""
    assert lesson_effects.OUT.read_text(encoding="utf-8") == lesson_effects.text(REPORT)
    bullets = re.findall(r"^- .+ points \(.+", REPORT, re.MULTILINE)
    assert len(EFFECTS) == len(bullets) > 5
    for effect, bullet in zip(EFFECTS, bullets, strict=True):
        assert bullet.startswith(f"- {effect.text}")
        numbers = f"{effect.points:+d} points ({effect.low:+d} to {effect.high:+d})"
        assert numbers.replace("+0", "0") in re.sub(r"[+-]0\b", "0", bullet)
        assert f"over up to {effect.targets} targets: {effect.verdict}" in bullet


def test_the_claim_of_step_7_holds_in_the_report():
    """If not: say in the claim what the report supports."""
    assert "Architecture and adversarial training matter" in STEPS[6].claim
    assert figures.imagenette(figures.SKIPS).holds
    assert figures.imagenette(figures.ADVERSARIAL).holds


@pytest.mark.parametrize("factor", ["architecture", "training", "augmentation"])
def test_an_effect_is_shown_with_what_is_to_be_read_with_it(engine, factor):
    app = opened(step="7", factor=factor)
    said = " ".join(each.value for each in app.caption)
    measured = effects_of(factor)
    for effect in measured:
        assert f"- {effect.title}: **{effect.verdict}**; up to {effect.targets} photographs" in said
        assert all(each in said for each in effect.reservations)
    assert len(app.get("plotly_chart")) == (1 if measured else 0)
    assert ("nothing is measured" in text(app)) == (not measured)
    trained = figures.imagenette(figures.ADVERSARIAL)
    assert (f"trained for {trained.budgets}" in said) == (factor == "training")


def test_a_report_of_other_targets_and_verdicts_is_read_as_it_is():
    report = (
        "`iri reproduce`: 28 networks\n\n**CIFAR-10: does not hold.** Measured …\n\n"
        "- a minus b (1,200 against 800 updates, 10 against 5 updates): -2 points (-12 to +3), "
        "2 comparisons over up to 97 targets: does not hold; as searched +0 points (-5 to +6); "
        "alignment alone -0 points (-1 to +0) (not at equal match in 1 of 2 comparisons, …)\n"
        "- c minus d: can't tell, nothing to compare (missing or not matched)\n"
    )
    found = lesson_effects.effects(report)
    assert found["command"] == "iri reproduce"
    (effect,) = found["effects"]
    assert effect["text"] == "a minus b"
    assert (effect["points"], effect["low"], effect["high"], effect["targets"]) == (-2, -12, 3, 97)
    assert effect["verdict"] == "does not hold"
    assert effect["searched"] == [0, -5, 6]
    assert effect["budgets"] == "1,200 against 800 updates, 10 against 5 updates"
    assert not effect["equal_match"]


@pytest.mark.parametrize("network", PAPER)
def test_the_papers_figures_are_those_of_the_report(network):
    assert re.search(rf"\| {re.escape(PAPER[network])} \| `{network}` \|", REPORT)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_case_of_a_step_has_an_address_that_leads_to_it(step):
    for case in step.cases:
        values = dict(zip((each.name for each in step.controls), case, strict=True))
        for left in (*values, None):
            wanted = address.with_one_left(step, values, left)
            found = address.read(wanted.parameters)
            assert found == wanted
            assert found.values == values
            assert set(values) - set(found.fixed) == ({left} if left else set())


def test_a_control_offers_only_what_is_there():
    step = STEPS[2]
    data, start = step.controls
    assert step.options(data, ()) == ("photographs", "cifar10", "drawn")
    assert step.options(start, ("photographs",)) == ("light-noise", "cat")
    assert step.options(start, ("drawn",)) == ("grey-noise",)
    assert step.resolved({"data": "drawn", "start": "cat"})["start"] == "grey-noise"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"step": "8"}, "There is no step '8' in the lesson; choose one of 1 to 7."),
        (
            {"step": "3", "start": "white"},
            "“Seed” cannot be 'white' here; choose “Faint noise” (sta",
        ),
        (
            {"step": "3", "data": "drawn", "start": "cat"},
            "cannot be “A photograph of a cat” here; choose “Grey noise” (start=grey-noise).",
        ),
        ({"step": "3", "fixed": "layer"}, "no control 'layer' to fix; choose among data, start"),
        ({"step": "3", "colour": "red"}, "no parameter 'colour'; use step, fixed or one of data"),
    ],
)
def test_what_is_wrong_in_an_address_is_said_in_a_sentence(engine, query, said):
    app = opened(**query)
    assert not app.exception
    assert said in " ".join(html(each.value) for each in app.warning)
    assert STEPS[0 if query["step"] == "8" else 2].title in app.title[0].value


def html(text: str) -> str:
    """Markdown with its escaped characters as people read them."""
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_shows_its_comparison_and_checks_its_question(engine, step):
    app = opened(step=str(step.number))
    assert not app.exception
    assert not app.warning
    assert app.title[0].value == f"{step.number}. {step.title}"
    assert step.claim in text(app)
    assert app.get("bidi_component")  # pictures or tiles
    assert not engine.submitted

    question = step.question
    right = question.right(results.results_of(question.about))
    wrong = (right + 1) % len(question.options)
    check = next(each for each in app.button if each.label == "Check")
    check.click().run()
    assert [each.value for each in app.info] == ["Choose an answer first."]
    radio = app.radio(key=f"lesson_answer_{step.number}")
    radio.set_value(wrong)
    next(each for each in app.button if each.label == "Check").click().run()
    assert app.warning[0].value.startswith(f"No: {question.options[right][:1].lower()}")
    app.radio(key=f"lesson_answer_{step.number}").set_value(right)
    next(each for each in app.button if each.label == "Check").click().run()
    assert app.success[0].value.startswith("Right. ")
    assert not app.exception


def test_a_lesson_link_leaves_one_control_and_no_other_step(engine):
    app = opened(step="3", data="photographs", start="cat", fixed="data")
    assert [each.key for each in app.get("button_group")] == ["start", "lesson_left"]
    assert app.session_state["start"] == "cat"
    assert "The networks learned from: Photographs" in [each.value for each in app.caption]
    asked = {"step": "3", "data": "photographs", "start": "cat", "fixed": "data"}
    assert dict(app.query_params) == asked


def test_a_lesson_link_asks_for_nothing_that_it_fixes(engine):
    app = opened(step="3", data="photographs", start="cat", fixed="data")
    assert "Compare how far each image had to move" in text(app)
    assert "change what the networks learned from" not in text(app).lower()
    assert "change what the networks learned from" in text(opened(step="3"))
    drawn = opened(step="2", data="drawn")  # starts from grey noise alone
    assert "start from the cat" not in text(drawn)


@pytest.mark.parametrize(
    ("number", "given_away"), [(2, "and the IRI “golf ball”"), (6, "100% of five wrong targets")]
)
def test_an_answer_is_not_given_away_before_it_is_asked_for(engine, number, given_away):
    app = opened(step=str(number))
    assert given_away not in text(app)
    assert "is asked for." in text(app)
    app.radio(key=f"lesson_answer_{number}").set_value(0)
    next(each for each in app.button if each.label == "Check").click().run()
    assert given_away in text(app)
    assert "is asked for." not in text(app)


def test_a_search_that_stopped_short_is_said_to(engine):
    (request,) = STEPS[1].cases["cifar10", "light-noise"]
    assert not stored(request)["converged"]
    app = opened(step="2", data="cifar10")
    assert "stopped at 0.028, short of its goal of 0.020" in text(app)
    assert "To 1 of 2 kinds of measures it is nearer the target" in text(app)
    assert "This search stopped" not in text(opened(step="2"))


def test_the_ladder_says_that_its_goals_differ(engine):
    goals = [stored(each)["request"]["goal"] for each in STEPS[3].question.about]
    assert goals == [0.02, 0.1, 0.15]
    assert "goals of the searches differ (0.02, 0.1, 0.15)" in text(opened(step="4"))


def test_a_slide_is_without_navigation_and_question(monkeypatch, engine):
    embedded = property(lambda context: True)
    monkeypatch.setattr(type(streamlit.context), "is_embedded", embedded)
    asked = []
    monkeypatch.setattr(streamlit, "navigation", spy(streamlit.navigation, asked))
    app = opened(step="6", embed="true")
    assert not app.exception
    assert [each["position"] for each in asked] == ["hidden"]
    assert not app.get("form")
    assert "100% of five wrong targets" in text(app)
    losses = opened(step="5", embed="true")
    images, others = losses.columns  # next to each other: a slide is low
    assert "To the network: **converged**" in images.markdown[0].value
    assert others.markdown[0].value == "**The same network, 3 losses**"


def spy(function, calls):
    """The function, which notes the keywords that it is called with."""

    def called(*args, **kwargs):
        calls.append(kwargs)
        return function(*args, **kwargs)

    return called


def test_an_installation_without_the_results_says_so(engine, monkeypatch):
    monkeypatch.setattr(results, "_read", lambda key: None)
    app = opened(step="2")
    assert not app.exception
    assert "lacks the results that ship with the app" in app.error[0].value


@pytest.mark.parametrize("notes", [False, True])
def test_the_handout_needs_nothing_else_and_holds_every_step(notes):
    page = handout.document(notes=notes).decode()
    assert not re.search(r"https?://|src=\"(?!data:)|<script|<link", page)
    for step in STEPS:
        assert handout._inline(step.claim) in page
        assert handout._inline(step.question.text) in page
    captions = re.findall(r"<img [^>]+>([^<]+)</span>", page)
    assert {"First block", "Last block", "Standard training", "VGG"} < set(captions)
    names = [*(f"adv1 vgg-adv1 {' '.join(LOSSES)}".split()), "features.3"]
    assert not set(names) & set(captions), "names of code are no captions"
    assert "this page" not in page
    shown = [base64.b64decode(each) for each in re.findall(r"base64,([^\"]+)", page)]
    request = next(iter(STEPS[1].cases.values()))[0]
    with zipfile.ZipFile(ROOT / "cache" / "starter" / f"{request.key}.zip") as archive:
        assert archive.read("iri.png") in shown
        assert archive.read("target.png") in shown
    assert all(each.startswith(b"\x89PNG") for each in shown)


def test_the_document_states_each_claim():
    document = (ROOT / "docs" / "lesson.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| (.+?) \|", document, re.MULTILINE)
    assert rows == [(str(step.number), step.claim) for step in STEPS]
