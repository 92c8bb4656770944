"""What phones are served, asked of the routes over a real store."""

from __future__ import annotations

import hashlib
import json
import re
import threading

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from statsmodels.stats.proportion import proportion_confint

from explorer.phones import pages
from explorer.phones.routes import routes, vote_path
from explorer.study.design import suited
from explorer.study.records import Design, Kind, StudyError, Task, Unavailable
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study

STIMULI = default_set()
DESIGN = suited(Design(main=6, practice=1, catch=2), STIMULI)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    opened = Study(f"sqlite:///{tmp_path_factory.mktemp('study') / 'study.sqlite3'}")
    yield opened
    opened.disconnect()


@pytest.fixture(scope="module")
def client(study):
    with TestClient(Starlette(routes=routes(lambda: study))) as opened:
        yield opened


@pytest.fixture
def session(study):
    return study.open_session("Perception", STIMULI, DESIGN)


class Phone:
    """A phone that has joined."""

    def __init__(
        self, client: TestClient, code: str, base: str = "", earlier: tuple = (), **more: object
    ) -> None:
        self.client, self.base = client, f"{base}/vote/api"
        headers = {"X-Earlier": ",".join(earlier)}
        joined = client.post(f"{self.base}/join", headers=headers, json={"code": code, **more})
        assert joined.status_code == 200, joined.text
        self.headers = {"X-Token": joined.json()["token"]}

    @property
    def token(self) -> str:
        return self.headers["X-Token"]

    def get(self, name: str) -> dict:
        answer = self.client.get(f"{self.base}/{name}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answer(self, *answers: dict) -> list[dict]:
        sent = self.client.post(
            f"{self.base}/answers", headers=self.headers, json={"answers": answers}
        )
        assert sent.status_code == 200, sent.text
        return sent.json()["receipts"]


def given(trial: int, position: int = 0, **more: object) -> dict:
    return {"round": 1, "vote": 1, "trial": trial, "position": position} | more


# The page


def test_the_page_and_its_files_name_no_foreign_address():
    for path in pages.FRONT.iterdir():
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"\w+://[^\s\"'>]+", text)) <= {"http://www.w3.org/2000/svg"}, path


def test_the_page_may_load_and_send_nothing_elsewhere(client):
    policy = client.get("/vote").headers["Content-Security-Policy"]
    rules = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == "'none'"
    assert set(rules.values()) == {"'self'"}
    assert "inline" not in policy


@pytest.mark.parametrize("base", ["", "/lab", "/a/b"])
@pytest.mark.parametrize("path", ["/vote", "/vote/", "/vote/ABC234", "/vote/alone"])
def test_the_pages_relative_addresses_lead_to_its_files_below_any_base_path(client, base, path):
    shown = client.get(base + path)
    assert shown.status_code == 200
    folder = (base + path).rpartition("/")[0]
    for name in re.findall(r"(?:src|href)=\"([^\"]+front/[^\"]+)\"", shown.text):
        file = client.get(f"{folder}/{name}")
        assert file.status_code == 200, name
        assert "immutable" in file.headers["Cache-Control"]
    (root,) = re.findall(r"data-root=\"(.*?)\"", shown.text)
    assert client.get(f"{folder}/{root}api/session/QQQQQQ").status_code == 404


def test_a_typed_code_leads_to_its_session_without_a_script(client):
    for start in ("/lab/vote", "/lab/vote/"):
        sent = client.get(f"{start}?code= abc234 ", follow_redirects=True)
        assert sent.url.path == "/lab/vote/ABC234"
        assert 'data-code="ABC234"' in sent.text
    assert client.get("/vote/ABC234/").url.path == "/" + vote_path("ABC234")


@pytest.mark.parametrize("typed", ["abc%20234", "ABC-234", "%20abc234", "aBc234"])
def test_a_session_has_one_address_however_its_code_is_typed(client, typed):
    """A phone keeps its place in a session under the address's code."""
    for address in (f"/lab/vote/{typed}", f"/lab/vote?code={typed}"):
        sent = client.get(address)
        assert sent.url.path == "/lab/vote/ABC234", address
        assert 'data-code="ABC234"' in sent.text
    assert client.get("/vote/Alone").url.path == "/vote/alone"
    assert client.get("/vote/%20").url.path == "/vote/"


def test_what_is_typed_as_a_code_cannot_become_part_of_the_page(client):
    shown = client.get('/vote/"><script>alert(1)<%2fscript>')
    assert "<script>alert" not in shown.text


def test_a_session_says_what_it_asks_before_anybody_joins(client, session):
    told = client.get(f"/vote/api/session/{session.code.lower()}").json()
    assert (told["title"], told["closed"]) == ("Perception", False)
    assert told["images"] == 8


# What is asked


@pytest.mark.parametrize("task", [Task.TWO_ALTERNATIVES, Task.CLUSTERING, Task.RECOGNITION])
def test_a_phone_is_told_the_trials_but_neither_what_is_right_nor_which_are_catch(
    client, study, task
):
    design = suited(Design(task=task, main=4, practice=1, catch=1, choices=3), STIMULI)
    phone = Phone(client, study.open_session("Tasks", STIMULI, design).code)
    told = phone.get("trials")
    drawn = study.trials(phone.token)
    assert {each.kind for each in drawn} == set(Kind)
    for trial, shown in zip(drawn, told["trials"], strict=True):
        assert shown == {
            "number": trial.number,
            "practice": trial.kind is Kind.PRACTICE,
            "task": trial.task,
            "image": trial.image,
            "options": [{"picture": each.picture, "label": each.label} for each in trial.options],
        }
    assert told["timing"] is None


def test_pictures_are_those_of_their_hash_and_are_asked_for_once(client, session):
    phone = Phone(client, session.code)
    named = {trial["image"] for trial in phone.get("trials")["trials"]}
    for sha256 in named:
        served = client.get(f"/vote/pictures/{sha256}.png")
        assert served.headers["Content-Type"] == "image/png"
        assert hashlib.sha256(served.content).hexdigest() == sha256
        assert served.content == STIMULI.pictures[sha256]
        assert "immutable" in served.headers["Cache-Control"]
    again = client.get(
        f"/vote/pictures/{sha256}.png", headers={"If-None-Match": served.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["f" * 64 + ".png", "f" * 63 + ".png", "x.png", "..%2f..%2fapp.py"]
)
def test_a_picture_of_no_session_is_not_served(client, name):
    assert client.get(f"/vote/pictures/{name}").status_code == 404


# Answers


def test_every_answer_is_a_row_with_what_was_chosen_and_measured(client, study, session):
    phone = Phone(client, session.code, screen="390x844 at 3", browser="Firefox 140")
    trials = study.trials(phone.token)
    sent = [
        given(each.number, each.number % 2, response_ms=700.5 + each.number, shown_ms=650.0)
        for each in trials
    ]
    receipts = phone.answer(*sent[:3]) + phone.answer(*sent[3:])
    assert [each["status"] for each in receipts] == ["accepted"] * len(trials)
    rows = {each.trial: each for each in study.answers(session.code, 1)}
    for trial in trials:
        row = rows.pop(trial.number)
        assert row.value == trial.options[trial.number % 2].value
        assert (row.kind, row.stimulus) == (trial.kind, trial.stimulus)
        assert (row.response_ms, row.shown_ms) == (700.5 + trial.number, 650.0)
    assert not rows
    assert phone.get("state")["answered"] == [each.number for each in trials]


def test_an_answer_sent_again_is_known_and_the_first_counts(client, study, session):
    phone = Phone(client, session.code)
    assert phone.answer(given(3, 1))[0]["status"] == "accepted"
    assert phone.answer(given(3, 0), given(3, 1))[1]["status"] == "duplicate"
    (row,) = study.answers(session.code, 1)
    assert row.position == 1


def test_only_practice_is_told_what_was_right_also_after_a_reload(client, study, session):
    phone = Phone(client, session.code)
    trials = study.trials(phone.token)
    right = [option.value for option in trials[0].options].index(trials[0].correct)
    assert phone.answer(given(0, 1 - right))[0]["correct"] == right
    assert phone.answer(given(0, 1 - right))[0]["correct"] == right
    receipts = phone.answer(*(given(each.number) for each in trials[1:]))
    assert {each["correct"] for each in receipts} == {None}


def test_an_answer_of_a_paused_round_is_kept_by_the_phone_and_counts_afterwards(
    client, study, session
):
    phone = Phone(client, session.code)
    study.pause(session.code, session.secret)
    assert phone.get("state")["state"] == "paused"
    (refused,) = phone.answer(given(1))
    assert (refused["status"], refused["later"]) == ("refused", True)
    study.resume(session.code, session.secret)
    assert phone.answer(given(1))[0]["status"] == "accepted"


def test_an_answer_that_comes_too_late_or_to_nothing_is_refused_with_the_reason(
    client, study, session
):
    phone = Phone(client, session.code)
    refused = phone.answer(given(99), given(1, 7), given(1, vote=2), given(1, round=5))
    study.next_round(session.code, session.secret)
    refused += phone.answer(given(1))
    study.close(session.code, session.secret)
    refused += phone.answer(given(1, round=2))
    for each in refused:
        assert (each["status"], each["later"]) == ("refused", False)
        assert each["reason"].endswith(".")
    assert phone.get("state")["closed"] is True
    assert study.answers(session.code, 1) == study.answers(session.code, 2) == []


def test_a_second_vote_asks_for_the_same_images_again(client, study, session):
    phone = Phone(client, session.code)
    first = phone.get("trials")
    phone.answer(given(4))
    study.second_vote(session.code, session.secret)
    second = phone.get("trials")
    assert (second["vote"], second["answered"]) == (2, [])
    assert all(not each["practice"] for each in second["trials"])
    assert sorted(each["image"] for each in second["trials"]) == sorted(
        each["image"] for each in first["trials"] if not each["practice"]
    )


@pytest.mark.parametrize("clock", ["NaN", "Infinity", "-5", "1e300", '"noon"', "null", "true"])
def test_a_clock_that_is_off_loses_no_answer(client, study, session, clock):
    phone = Phone(client, session.code)
    text = (
        '{"answers": [{"round": 1, "vote": 1, "trial": 2, "position": 0, '
        f'"response_ms": {clock}, "shown_ms": {clock}, "clock": {clock}}}]}}'
    )
    sent = client.post(
        "/vote/api/answers",
        headers=phone.headers | {"Content-Type": "application/json"},
        content=text,
    )
    assert sent.json()["receipts"][0]["status"] == "accepted"
    (row,) = study.answers(session.code, 1)
    assert row.response_ms is row.shown_ms is None


# Alone


def test_whoever_takes_the_test_alone_sees_how_it_compares(client, study):
    phone = Phone(client, "Alone")
    trials = study.trials(phone.token)
    for each in trials:
        phone.answer(given(each.number, 0))
    compared = phone.get("personal")
    main = [each for each in trials if each.kind is Kind.MAIN]
    to_target = sum(each.options[0].value == "target" for each in main)
    assert compared["answered"] == len(main)
    assert compared["share"] == pytest.approx(to_target / len(main))
    for measure in compared["measures"]:
        margins = {each.stimulus: STIMULI.by_name[each.stimulus].margins for each in main}
        says = [
            (margins[each.stimulus][measure["measure"]] > 0) == (each.options[0].value == "target")
            for each in main
            if margins[each.stimulus].get(measure["measure"])
        ]
        if len(says) == measure["images"]:
            assert measure["agreement"] == pytest.approx(sum(says) / len(says))
    assert sum(each["n"] for each in compared["networks"]) == len(main)
    for network in compared["networks"]:
        known = proportion_confint(
            round(network["share"] * network["n"]), network["n"], method="wilson"
        )
        assert (network["low"], network["high"]) == pytest.approx(known)


def test_the_comparison_reads_nobody_elses_answers_but_of_those_who_agreed(
    client, study, monkeypatch
):
    phone = Phone(client, "alone")
    for each in study.trials(phone.token):
        phone.answer(given(each.number))

    def all_answers(*_):
        raise AssertionError("of a session that may be large")

    monkeypatch.setattr(study, "answers", all_answers)
    assert phone.get("personal")["answered"] > 0


def test_alone_people_are_compared_only_with_those_who_agreed(client, study):
    others = [Phone(client, "alone", pooled=agreed) for agreed in (True, False, "true")]
    for other in others:
        for each in study.trials(other.token):
            # Catch trials right, so that nobody is excluded.
            values = [option.value for option in each.options]
            other.answer(given(each.number, values.index(each.correct or "target")))
    phone = Phone(client, "alone")
    own = study.trials(phone.token)
    for each in own:
        phone.answer(given(each.number))
    asked = {each.stimulus for each in own if each.kind is Kind.MAIN}
    of_agreed = study.trials(others[0].token)
    same = [each for each in of_agreed if each.kind is Kind.MAIN and each.stimulus in asked]
    compared = phone.get("personal")
    assert compared["others"] == (1 if same else 0)
    assert compared["others_share"] == (1 if same else None)
    assert sum(each["others_n"] for each in compared["networks"]) == len(same)
    phone.headers["X-Earlier"] = f"nobody's,{others[0].token}"
    assert phone.get("personal")["others"] == 0, "who took it before is no other taker"


def test_who_takes_the_test_again_is_asked_about_other_images(client, study):
    """By chance 3.6 of 16 images of a set of 72 are the same."""

    def images(phone):
        return {each.stimulus for each in study.trials(phone.token) if each.kind is Kind.MAIN}

    first = Phone(client, "alone")
    again = Phone(client, "alone", earlier=[first.token])
    third = Phone(client, "alone", earlier=["nobody's", first.token, again.token])
    assert len(images(first) & images(again)) <= 2
    assert len(images(third) & (images(first) | images(again))) <= 6


def test_in_a_class_no_phone_sees_results(client, session):
    phone = Phone(client, session.code)
    phone.answer(given(1))
    answer = client.get("/vote/api/personal", headers=phone.headers)
    assert answer.status_code == 409
    assert "lecturer" in answer.json()["error"]


# Bad input


def sentence(answer) -> str:
    text = answer.json()["error"]
    assert text[0].isupper() or text.startswith(("answers", "round", "trial", "position")), text
    assert text.endswith("."), text
    assert "Traceback" not in text
    return text


def test_a_wrong_token_or_none_is_told_so(client):
    assert client.get("/vote/api/state").status_code == 401
    for token in ("x" * 32, "x" * 5000):
        answer = client.get("/vote/api/state", headers={"X-Token": token})
        assert answer.status_code == 401
        sentence(answer)


def test_a_wrong_or_closed_code_is_told_so(client, study, session):
    for code in ("QQQQQQ", "", None, 7, "x" * 10_000, "'; --", "\ud800", "A\x00BCDE", "ÄÖÜ123"):
        answer = client.post(
            "/vote/api/join",
            content=json.dumps({"code": code}),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 404
        sentence(answer)
    study.close(session.code, session.secret)
    answer = client.post("/vote/api/join", json={"code": session.code})
    assert answer.status_code == 409
    assert "ended" in sentence(answer)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b"{}", 400),
        (b'{"answers": []}', 400),
        (b'{"answers": [3]}', 400),
        (b'{"answers": [{"round": 1, "vote": 1, "trial": 1}]}', 400),
        (b'{"answers": [{"round": 1, "vote": 1, "trial": 1.5, "position": 0}]}', 400),
        (b'{"answers": [{"round": 1, "vote": 1, "trial": true, "position": 0}]}', 400),
        (b'{"answers": [{"round": 1, "vote": 1, "trial": -1, "position": 0}]}', 400),
        (
            b'{"answers": [{"round": 1, "vote": 1, "trial": 1'
            + b"0" * 4000
            + b', "position": 0}]}',
            400,
        ),
        (json.dumps({"answers": [given(1)] * 201}).encode(), 400),
        (b" " * 70_000, 413),
        (b"\xff\xfe{}", 400),
    ],
)
def test_a_message_that_is_no_list_of_answers_is_refused_in_a_sentence(
    client, study, session, content, status
):
    phone = Phone(client, session.code)
    headers = phone.headers | {"Content-Type": "application/json"}
    answer = client.post("/vote/api/answers", headers=headers, content=content)
    assert answer.status_code == status, answer.text
    sentence(answer)
    assert study.answers(session.code, 1) == []


def test_text_that_is_none_in_other_fields_joins_nevertheless(client, study, session):
    sent = json.dumps({"code": session.code, "screen": "390\ud800", "browser": "\udfff\x00"})
    headers = {"Content-Type": "application/json"}
    answer = client.post("/vote/api/join", content=sent, headers=headers)
    assert answer.status_code == 200
    assert [each.screen for each in study.devices(session.code).values()] == ["390"]


def test_a_database_that_cannot_be_used_now_is_worth_asking_again():
    """To a phone, 503 is as a lost connection: it keeps its answers and sends them again."""

    def locked() -> Study:
        raise Unavailable("Later.")

    with TestClient(Starlette(routes=routes(locked))) as client:
        for path in ("api/session/ABC234", "api/state", f"pictures/{'0' * 64}.png"):
            answer = client.get(f"/vote/{path}", headers={"X-Token": "x"})
            assert (answer.status_code, answer.json()) == (503, {"error": "Later."}), path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "api/join", "POST"),
        ("GET", "api/answers", "POST"),
        ("POST", "api/state", "GET, HEAD"),
        ("DELETE", "ABC234", "GET, HEAD"),
        ("PUT", "pictures/x.png", "GET, HEAD"),
    ],
)
def test_another_method_is_refused_before_the_apps_own_routes(study, method, path, allowed):
    async def app_page(request):
        return HTMLResponse("the app")

    every = Route("/{path:path}", app_page, methods=["GET", "POST", "PUT", "DELETE"])
    with TestClient(Starlette(routes=[*routes(lambda: study), every])) as client:
        for base in ("", "/lab"):
            answer = client.request(method, f"{base}/vote/{path}")
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
            sentence(answer)


def test_a_form_of_another_site_is_refused(client, session):
    text = json.dumps({"code": session.code})
    answer = client.post("/vote/api/join", content=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


# The app goes on meanwhile


def test_a_store_that_waits_for_its_disk_stops_nobody_else():
    import httpx2

    waiting = threading.Event()
    asked = threading.Event()
    woken = []

    class Slow:
        def session(self, code: str):
            asked.set()
            woken.append(waiting.wait(5))
            raise StudyError("This store is too slow.")

    app = Starlette(routes=routes(Slow))
    shown = []

    async def both() -> None:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            httpx2.AsyncClient(transport=transport, base_url="http://test") as browser,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(browser.get, "/vote/api/session/ABC234")
            while not asked.is_set():
                await anyio.sleep(0.01)
            shown.append((await browser.get("/vote")).status_code)
            waiting.set()

    anyio.run(both)
    assert shown == [200]
    assert woken == [True]
