"""The class page and Explore's question, in Streamlit's own harness, over a real store."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest
from test_pages import APP, IdleEngine, text

from explorer.analysis.examples import EXAMPLES
from explorer.app import class_address, session
from explorer.app.links import link
from explorer.app.pages import PAGES
from explorer.app.panels.class_join import qr_code
from explorer.app.panels.class_measures import short_titles
from explorer.app.panels.class_results import best_in_words
from explorer.jobs.engine import Engine
from explorer.phones.routes import routes
from explorer.plots.class_measures import PEOPLE, ConditionMeasures, measure_shares
from explorer.plots.class_shares import (
    ConditionShare,
    Estimate,
    Prediction,
    condition_shares,
    predictions,
)
from explorer.store.store import Store
from explorer.study.design import suited
from explorer.study.limits import Limits
from explorer.study.records import Design, Kind, RoundState, Task
from explorer.study.session_records import AnswerIn
from explorer.study.statistics import MeasurePrediction, wilson_interval
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study
from explorer.study.words import SIXTEEN, Words

STIMULI = default_set()
DESIGN = suited(Design(main=6, practice=1, catch=2), STIMULI)
CONVERGED = EXAMPLES[0][1]


@pytest.fixture
def engine(monkeypatch, tmp_path):
    idle = IdleEngine(Engine(Store(tmp_path / "cache")))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


@pytest.fixture
def study(monkeypatch, tmp_path):
    opened = Study(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    monkeypatch.setattr(session, "study", lambda: opened)
    yield opened
    opened.disconnect()


def opened(page: str = "class", **address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=90)
    if page != "explore":
        app.run()  # a page whose file has another name than its address is known from then on
        app.query_params.clear()
        app.switch_page(str(PAGES[page].script))
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


def answer_all(study: Study, token: str, say: str, *, attends: bool = True) -> None:
    """Somebody who says the same of every IRI, and knows all catch trials or (attends) none."""
    state = study.state(token)
    answers = []
    for trial in study.trials(token):
        value = say if trial.kind is Kind.MAIN else trial.correct
        place = [option.value for option in trial.options].index(value)
        if trial.kind is Kind.CATCH and not attends:
            place = 1 - place
        answers.append(AnswerIn(state.round, state.vote, trial.number, place))
    assert {receipt.status for receipt in study.record(token, answers)} == {"accepted"}


def test_a_session_is_opened_with_one_click_and_its_page_is_the_lecturers(engine, study):
    study._limits = Limits(1)
    app = opened()
    assert not app.exception
    app.text_input(key="class_title").set_value("What *is* an owl?").run()
    app.button(key="class_open").click().run()
    assert not app.exception
    code, secret = app.query_params["code"], app.query_params["secret"]
    assert study.is_lecturer(code, secret)
    assert study.session(code).title == "What *is* an owl?"
    assert app.title[0].value == "What &#42;is&#42; an owl?", "a title is no Markdown"
    assert {"Reveal results", "Pause", "Second vote", "Next round …"} <= labels(app)

    app.query_params.clear()
    app.run()
    app.button(key="class_open").click().run()
    assert "in a day here (1, with" in app.error[0].value


def test_without_the_secret_nothing_can_be_done_and_nothing_is_seen_before_the_reveal(
    engine, study
):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code = session_opened.code
    answer_all(study, study.join(code, "10.0.0.1").token, "target")
    for address in ({"code": code}, {"code": code.lower(), "secret": "guessed"}):
        app = opened(**address)
        assert not app.exception
        assert not labels(app), "no button at all"
        assert not app.get("plotly_chart")
        assert not app.get("download_button")
    assert "not this session's" in app.warning[0].value

    study.reveal(code, session_opened.secret)
    app = opened(code=code)
    assert not app.exception
    assert not labels(app)
    assert app.get("plotly_chart")


def test_what_is_revealed_is_what_people_said(engine, study):
    """A known answer: three of four say target of every image."""
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code, secret = session_opened.code, session_opened.secret
    tokens = [study.join(code, "10.0.0.1").token for _ in range(4)]
    for token, say in zip(tokens, ("target", "target", "target", "seed"), strict=True):
        answer_all(study, token, say)
    app = opened(code=code, secret=secret)
    app.button(key="class_reveal").click().run()
    assert not app.exception
    assert study.session(code).current.state is RoundState.REVEALED
    assert f"{4 * DESIGN.main} answers of 4 people" in text(app)
    assert "Nobody is left out" in text(app)

    app.button(key="class_second").click().run()
    assert not app.get("plotly_chart"), "the second vote is hidden again"
    for token in tokens:
        answer_all(study, token, "target")
    app.button(key="class_reveal").click().run()
    assert not app.exception
    n, k = 4 * DESIGN.main, 3 * DESIGN.main
    low, high = wilson_interval(k, n)
    assert f"75% ({low:.0%} to {high:.0%}, n = {n}) became 100%" in text(app)
    assert f"{DESIGN.main} changed to the target, 0 away from it" in text(app)
    assert "class_second" not in [button.key for button in app.button]


def test_a_second_vote_that_nobody_answers_hides_nothing_and_ends_no_vote_unasked(engine, study):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code, secret = session_opened.code, session_opened.secret
    answer_all(study, study.join(code, "10.0.0.1").token, "target")
    study.join(code, "10.0.0.1")  # is still at the first trial
    app = opened(code=code, secret=secret)
    app.button(key="class_second").click().run()
    assert "1 of 2 people have finished the first vote" in text(app)
    assert study.session(code).current.vote == 1
    app.button(key="class_second_confirmed").click().run()
    assert study.session(code).current.vote == 2
    app.button(key="class_reveal").click().run()
    assert not app.exception
    (told,) = app.info
    assert told.value.startswith("Nobody has answered in the second vote. These are the first")
    assert f"{DESIGN.main} answers of 1 person" in text(app)


def test_a_reveal_shows_the_round_that_it_revealed(engine, study):
    """Whatever round was looked at before; of this one all said seed, of the others target."""
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code, secret = session_opened.code, session_opened.secret
    token = study.join(code, "10.0.0.1").token
    for _ in range(2):
        answer_all(study, token, "target")
        study.reveal(code, secret)
        study.next_round(code, secret)
    answer_all(study, token, "target")
    app = opened(code=code, secret=secret)  # of round 3, with the results of 1 and 2
    app.button(key="class_reveal").click().run()
    study.next_round(code, secret)
    answer_all(study, token, "seed")
    app.run()
    app.button(key="class_reveal").click().run()
    assert not app.exception
    assert app.get("button_group")[0].value == 4
    assert "Round 4" in text(app)
    (shares,) = (each for each in app.get("plotly_chart") if "people" in each.proto.spec)
    assert "0% (0% to" in shares.proto.alt
    app.get("button_group")[0].set_value(2).run()
    (shares,) = (each for each in app.get("plotly_chart") if "people" in each.proto.spec)
    assert "100% (" in shares.proto.alt


def test_people_who_were_asked_another_question_are_not_predicted_by_measures(engine, study):
    design = suited(Design(task=Task.CLUSTERING, main=16, practice=0, catch=0), STIMULI)
    session_opened = study.open_session("Owls", STIMULI, design)
    for place in (0, 1, 0):
        token = study.join(session_opened.code, "10.0.0.1").token
        given = [AnswerIn(1, 1, trial.number, place) for trial in study.trials(token)]
        study.record(token, given)
    study.reveal(session_opened.code, session_opened.secret)
    app = opened(code=session_opened.code)
    assert not app.exception
    headings = [each.value for each in app.subheader]
    assert "What the measures say of the same images" in headings
    assert not any("predict" in each for each in [*headings, text(app)])
    assert "free-marginal κ = " in text(app)
    assert "at random among the answers that they were offered" in text(app)


def test_where_the_catch_trials_leave_nobody_the_page_says_so(engine, study):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code = session_opened.code
    for _ in range(3):
        answer_all(study, study.join(code, "10.0.0.1").token, "target", attends=False)
    study.reveal(code, session_opened.secret)
    app = opened(code=code)
    assert not app.exception
    (said,) = app.info
    assert "3 people are left out, with less than 75% of the catch trials right" in said.value


def test_only_measures_that_were_held_out_for_every_image_are_called_the_best():
    partly = MeasurePrediction("ssim", 0.9, 0.8, 1.0, 24, 12, 0.0, 0.5)
    counts = MeasurePrediction("psnr", 0.62, 0.5, 0.7, 24, 24, 0.83, 0.5)
    other = MeasurePrediction("haarpsi", 0.6, 0.5, 0.7, 24, 24, 0.17, 0.5)
    said = best_in_words([partly, counts, other], None)
    assert "predicts 62%" in said
    assert "best of those that count in 83%" in said
    assert "Hatched" in said
    alone = best_in_words([partly, counts], None)
    assert "resamples" not in alone, "nothing to be better than"
    nobody = best_in_words([partly], 0.8)
    assert "predicts" not in nobody
    assert "80% at most" in nobody
    assert "Hatched" not in best_in_words([counts, other], None)


def test_the_projectors_view_is_offered_first_and_has_no_secret(engine, study):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code, secret = session_opened.code, session_opened.secret
    app = opened(code=code, secret=secret)
    link_shown = app.get("link_button")[0].proto
    assert link_shown.label == "Open the projector's view"
    assert link_shown.url == f"./class?code={code}"
    assert link_shown.type == "primary"
    answer_all(study, study.join(code, "10.0.0.1").token, "target")
    app = opened(code=code, secret=secret)
    assert app.get("link_button")[0].proto.type == "secondary"
    assert app.button(key="class_reveal").proto.type == "primary"
    assert not opened(code=code).get("link_button"), "others are there already"


def test_a_title_that_is_too_long_is_refused_not_dropped(engine, study):
    app = opened()
    # A limit of the field itself drops what is longer without a word.
    assert not app.text_input(key="class_title").proto.max_chars
    app.text_input(key="class_title").set_value("w" * 81).run()
    assert "81 characters; it can have 80" in app.error[0].value
    assert app.button(key="class_open").disabled
    app.text_input(key="class_title").set_value("w" * 80).run()
    app.button(key="class_open").click().run()
    assert study.session(app.query_params["code"]).title == "w" * 80


def test_the_sixteen_categories_are_all_offered_at_first(engine, study):
    app = opened()
    app.radio(key="class_task").set_value(Task.RECOGNITION).run()
    assert app.slider(key="class_choices_recognition_labels").value == Design().choices
    app.selectbox(key="class_words").set_value(Words.SIXTEEN).run()
    app.button(key="class_open").click().run()
    assert not app.exception
    code = app.query_params["code"]
    assert study.session(code).current.design.choices == len(SIXTEEN)
    trial = study.trials(study.join(code, "10.0.0.1").token)[0]
    assert [option.value for option in trial.options] == sorted(SIXTEEN)


def test_lecturer_and_phones_are_told_the_same_duration(engine, study):
    app = opened()
    said = re.search(r"(\d+) trials per person.*About (\d+) min", text(app), re.DOTALL)
    app.button(key="class_open").click().run()
    design = study.session(app.query_params["code"]).current.design
    assert design.practice + design.main + design.catch == int(said[1])
    client = TestClient(Starlette(routes=routes(lambda: study)))
    told = client.get(f"/vote/api/session/{app.query_params['code']}").json()
    assert told["minutes"] == int(said[2])


def test_what_was_refused_is_told_as_of_the_whole_session(engine, study):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    code, secret = session_opened.code, session_opened.secret
    study.record(study.join(code, "10.0.0.1").token, [AnswerIn(1, 1, 999, 0)])
    study.next_round(code, secret)
    (told,) = (
        each.value for each in opened(code=code, secret=secret).caption if "Refused" in each.value
    )
    assert "Refused since the session was opened: 1 answers" in told


def test_a_round_is_paused_and_resumed(engine, study):
    session_opened = study.open_session("Owls", STIMULI, DESIGN)
    app = opened(code=session_opened.code, secret=session_opened.secret)
    app.button(key="class_pause").click().run()
    assert study.session(session_opened.code).current.state is RoundState.PAUSED
    app.button(key="class_resume").click().run()
    assert study.session(session_opened.code).current.state is RoundState.OPEN


def test_a_wrong_code_is_a_sentence_and_leads_back(engine, study):
    app = opened(code="XXXXXX")
    assert not app.exception
    assert "XXXXXX" in app.error[0].value
    app.button(key="class_start").click().run()
    assert "code" not in app.query_params
    assert "Open the session" in labels(app)


def test_results_of_the_cache_are_asked_about_if_they_match_and_others_refused(engine, study):
    every = [request.key for _, request in EXAMPLES]
    unmatched = [key for key in every if not engine.result(key).matched]
    missing = "0" * 64
    app = opened(keys=",".join([*every, missing]))
    assert not app.exception
    (warning,) = app.warning
    assert f"{len(unmatched) + 1} result" in warning.value
    assert missing[:10] in warning.value
    app.button(key="class_open").click().run()
    current = study.session(app.query_params["code"]).current
    keys = {each.key for each in study.stimulus_set(current.set_id).stimuli}
    assert keys == set(every) - set(unmatched)


# Explore


def test_explore_asks_first_and_keeps_the_answer(engine, study):
    address, key = link(CONVERGED), CONVERGED.key
    study.record_opinion("somebody", replace(STIMULI.stimuli[0], key=key), "seed")
    app = opened("explore", **address)
    assert not app.exception
    assert "What do *you* say?" in text(app)
    assert "perceptual measures say" not in text(app)
    assert "You said" not in text(app)
    app.button(key="opinion_target").click().run()
    assert not app.exception
    assert "What do *you* say?" not in text(app)
    assert "perceptual measures say" in text(app)
    assert "more like the **target**" in text(app)
    assert "1 of 2 who were asked here say *target*" in text(app)
    counts = study.opinions(key)
    assert (counts.target, counts.seed) == (1, 1)


def test_the_question_can_be_skipped_and_switched_off(engine, study):
    app = opened("explore", **link(CONVERGED))
    app.button(key="opinion_skipped").click().run()
    assert "perceptual measures say" in text(app)
    assert "You said" not in text(app)
    assert study.opinions(CONVERGED.key).target == 0

    app = opened("explore", **link(CONVERGED))
    app.checkbox(key="opinion_never").check().run()
    assert "perceptual measures say" in text(app)


# The address that phones use


def test_a_name_that_only_this_machine_understands_is_replaced(monkeypatch):
    monkeypatch.delenv(class_address.PUBLIC_URL, raising=False)
    monkeypatch.setattr(class_address, "network_addresses", lambda: ["10.1.2.3", "192.168.7.4"])
    for seen in ("http://localhost:8501", "http://127.0.0.1:8501/", "http://[::1]:8501", None):
        assert class_address.roots(seen, 8501) == [
            "http://10.1.2.3:8501",
            "http://192.168.7.4:8501",
        ]
    assert class_address.roots("https://iri.example.org/lab", 1) == ["https://iri.example.org/lab"]
    assert class_address.roots("http://localhost/lab", 1) == [
        "http://10.1.2.3/lab",
        "http://192.168.7.4/lab",
    ]
    monkeypatch.setenv(class_address.PUBLIC_URL, "https://vote.example.org/")
    assert class_address.roots("http://localhost:8501", 8501) == ["https://vote.example.org"]
    monkeypatch.setenv(class_address.PUBLIC_URL, "vote.example.org")
    with pytest.raises(ValueError, match="must be the address at which the app opens"):
        class_address.roots(None, 8501)


def test_the_addresses_of_this_machine_are_ones_at_which_it_can_listen():
    for address in class_address.network_addresses():
        assert not class_address.is_this_machine(address)
        with socket.socket() as listening:
            listening.bind((address, 0))
    assert class_address.listens_only_here("127.0.0.1")
    assert class_address.listens_only_here("localhost")
    assert not class_address.listens_only_here("0.0.0.0")
    assert not class_address.listens_only_here(None)
    assert not class_address.is_reachable("http://localhost:8501")
    assert urlsplit(class_address.roots(None, 8501, "lab")[0]).path == "/lab"


def test_a_qr_code_is_dark_on_white_with_its_quiet_zone():
    kind, _, svg = qr_code("http://192.168.7.4:8501/vote/ABC234").partition(",")
    assert kind.startswith("data:image/svg+xml")
    # The address needs version 3: 29 modules a side, and 4 of quiet zone at each end.
    assert "<path fill='#fff' d='M0 0h37v37h-37z'/>" in unquote(svg)
    assert " stroke='#000'" in unquote(svg)
    assert "d='M4 4.5h7" in unquote(svg), "the finder's upper edge"


# Figures


def test_shares_and_intervals_are_drawn_where_they_are():
    rows = [
        ConditionShare(
            "Robust",
            "Regularizer-free",
            Estimate(0.75, 0.6, 0.85, 40),
            Estimate(0.5, 0.4, 0.6, 40),
        ),
        ConditionShare("Standard", "Regularizer-free", Estimate(0.0, 0.0, 0.09, 40)),
    ]
    chart = condition_shares(rows, "answers", 0.5)
    traces = {trace.name: trace for trace in chart.data}
    people = traces["second vote"]
    assert list(people.x) == [0.75, 0.0]
    assert list(people.error_x.array) == pytest.approx([0.1, 0.09])
    assert list(people.error_x.arrayminus) == pytest.approx([0.15, 0.0])
    assert list(traces["first vote"].x) == [0.5]
    assert people.y[0] > people.y[1], "from top to bottom"
    (bars,) = predictions([Prediction("SSIM", Estimate(0.8, 0.7, 0.9, 24), False)]).data
    assert list(bars.x) == [0.8]
    assert bars.marker.pattern.shape == ("/",)


def test_on_a_phone_names_leave_the_width_to_the_figure():
    """They are written over their rows; next to them they took five sixths of 390 px."""
    name, estimate = "Photographs, residual, adversarially trained", Estimate(0.5, 0.4, 0.6, 40)
    charts = [
        condition_shares([ConditionShare(name, "Regularizer-free", estimate)], "answers", 0.5),
        predictions([Prediction(name, estimate, True)]),
        measure_shares([ConditionMeasures(name, {"SSIM": 1.0})]),
    ]
    for chart in charts:
        assert chart.layout.yaxis.showticklabels is False
        (label,) = (each for each in chart.layout.annotations if name in each.text)
        assert (label.xref, label.x, label.xanchor) == ("paper", 0, "left")
        assert label.y + 0.2 < chart.layout.yaxis.range[1], "and it is inside"
    assert short_titles([name, "Photographs, residual, standard training"]) == [
        "Adversarially trained",
        "Standard training",
    ]
    assert short_titles([name, name]) == [name, name]
    assert short_titles(["A, b", "A"]) == ["A, b", "A"]


def test_each_measure_has_a_column_with_its_name_and_its_numbers():
    rows = [
        ConditionMeasures("Robust", {"SSIM": 1.0, "DISTS": 0.256}, frozenset({"DISTS"}), 0.75),
        ConditionMeasures("Standard", {"SSIM": 0.0}, people=0.25),
    ]
    (table,) = measure_shares(rows).data
    assert list(table.x) == [PEOPLE, "SSIM", "DISTS"]
    assert [list(row) for row in table.text] == [["75", "100", "26*"], ["25", "0", ""]]
    assert table.y[0] > table.y[1], "from top to bottom"
    asked_otherwise = replace(rows[0], people=None)
    (table,) = measure_shares([asked_otherwise]).data
    assert list(table.x) == ["SSIM", "DISTS"], "people's share is not compared with theirs"
