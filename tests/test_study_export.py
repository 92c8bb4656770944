"""Judgements for others: a session's answers as a Psych-DS dataset."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest

from explorer import Request, cli
from explorer.study import psych_ds
from explorer.study.records import Answer, Design, Kind, StudyError, Task
from explorer.study.session_records import AnswerIn
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study
from explorer.study.summary import summarize

DESIGN = Design(main=8, practice=1, catch=2)
DEVICES = [("390x844 at 3", "Safari 18"), ("412x915 at 2.6", None), (None, None), ("", "other")]
DATA_FILE = re.compile(r"data/([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")
"""How Psych-DS names tables of data."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A session of two rounds, the first with a second vote; and the trials that each was shown."""
    study = Study(f"sqlite:///{tmp_path_factory.mktemp('study') / 'study.sqlite3'}")
    opened = study.open_session("Whose eyes?", default_set(), DESIGN)
    tokens = [
        study.join(opened.code, f"10.0.0.{number}", *DEVICES[number]).token for number in range(4)
    ]
    shown = {}
    rng = Random(27)

    def chosen(trial, attentive):
        """At random; of catch trials the right option or a wrong one."""
        if trial.kind is not Kind.CATCH:
            return rng.randrange(len(trial.options))
        values = [option.value for option in trial.options]
        return values.index(trial.correct) if attentive else 1 - values.index(trial.correct)

    def vote():
        for token in tokens:
            state = study.state(token)
            trials = study.trials(token)
            shown.update(
                {(state.participant, state.round, state.vote, each.number): each for each in trials}
            )
            attentive = tokens.index(token) < 2
            study.record(
                token,
                [
                    AnswerIn(
                        *(state.round, state.vote, each.number, chosen(each, attentive)),
                        *(512.34, 500.0),
                    )
                    for each in trials
                ],
            )

    vote()
    study.second_vote(opened.code, opened.secret)
    vote()
    study.next_round(
        opened.code, opened.secret, design=replace(DESIGN, task=Task.CLUSTERING, choices=2)
    )
    vote()
    yield study, opened, shown
    study.disconnect()


@pytest.fixture(scope="module")
def dataset(asked):
    study, opened, _ = asked
    return zipfile.ZipFile(io.BytesIO(psych_ds.export(study, opened.code)))


@pytest.fixture(scope="module")
def rows(dataset):
    (name,) = (each for each in dataset.namelist() if each.startswith("data/"))
    return list(csv.DictReader(io.StringIO(dataset.read(name).decode())))


def test_a_dataset_has_one_row_per_answer_with_what_was_answered(asked, rows):
    study, opened, shown = asked
    answers = [each for number in (1, 2) for each in study.answers(opened.code, number)]
    assert len(rows) == len(answers) == len(shown)
    of_place = {
        (row["participant"], int(row["round"]), int(row["vote"]), int(row["trial"])): row
        for row in rows
    }
    for each in answers:
        row = of_place[each.participant, each.round, each.vote, each.trial]
        assert row["value"] == each.value
        assert row["kind"] == each.kind.value
        assert row["correct"] == {None: "", True: "true", False: "false"}[each.correct]
        assert float(row["response_ms"]) == 512.3
        trial = shown[each.participant, each.round, each.vote, each.trial]
        assert row["options"].split("|") == [option.value for option in trial.options]
        assert row["options"].split("|")[int(row["position"])] == row["value"]
        assert row["image"] == trial.image
    said = [
        dict.fromkeys((row["screen"], row["browser"]) for row in rows if row["participant"] == each)
        for each in study.rng_seeds(opened.code)
    ]
    assert said == [{tuple(word or "" for word in device): None} for device in DEVICES]


def test_a_dataset_keeps_the_rules_of_psych_ds(dataset, rows):
    tables = [name for name in dataset.namelist() if name.endswith(".csv")]
    assert tables
    assert all(DATA_FILE.fullmatch(name) for name in tables)
    described = json.loads(dataset.read("dataset_description.json"))
    assert {"@context", "@type", "name", "description", "variableMeasured"} <= described.keys()
    assert described["@type"] == "Dataset"
    assert described["name"] == "Whose eyes?"
    variables = described["variableMeasured"]
    assert [each["name"] for each in variables] == list(rows[0])
    assert all(each["@type"] == "PropertyValue" and each["description"] for each in variables)
    for each in variables:
        if values := each.get("valueReference"):
            assert {row[each["name"]] for row in rows} <= set(values), each["name"]


def test_a_dataset_holds_every_picture_under_its_hash(dataset, rows):
    pictures = [name for name in dataset.namelist() if name.startswith("materials/pictures/")]
    for name in pictures:
        digest = hashlib.sha256(dataset.read(name)).hexdigest()
        assert name == f"materials/pictures/{digest}.png"
    assert {f"materials/pictures/{row['image']}.png" for row in rows} <= set(pictures)


def test_a_dataset_holds_the_requests_that_generate_its_images_again(dataset, rows):
    lines = dataset.read("materials/requests.jsonl").decode().splitlines()
    keys = {Request.from_dict(json.loads(line)).key for line in lines}
    assert {row["result_key"] for row in rows} <= keys
    assert len(keys) == len(lines) == len(default_set().stimuli)


def test_shares_that_are_counted_from_the_table_are_those_of_the_summary(asked, rows):
    study, opened, _ = asked
    first = study.answers(opened.code, 1, vote=1)
    said, of = Counter(), Counter()
    for row in rows:
        counts = (row["round"], row["vote"], row["kind"]) == ("1", "1", "main")
        if counts and row["excluded"] == "false":
            of[row["model"], row["loss"]] += 1
            said[row["model"], row["loss"]] += row["value"] == "target"
    conditions = summarize(default_set(), first).conditions
    assert {(each.model, each.loss): (each.people.k, each.people.n) for each in conditions} == {
        place: (said[place], of[place]) for place in of
    }


def test_who_misses_catch_trials_is_marked_in_that_vote_alone(rows):
    right = defaultdict(list)
    for row in rows:
        if row["kind"] == "catch":
            right[row["round"], row["vote"], row["participant"]].append(row["correct"] == "true")
    expected = {place: sum(each) < 0.75 * len(each) for place, each in right.items()}
    assert len(set(expected.values())) == 2, "some are excluded, some are not"
    for row in rows:
        place = row["round"], row["vote"], row["participant"]
        assert (row["excluded"] == "true") == expected[place]


def test_the_same_answers_give_the_same_bytes(asked):
    study, opened, _ = asked
    assert psych_ds.export(study, opened.code) == psych_ds.export(study, opened.code.lower())


def test_a_dataset_of_an_unknown_code_is_refused(asked):
    with pytest.raises(StudyError, match="code"):
        psych_ds.export(asked[0], "ZZZZZZ")


def test_the_command_writes_a_sessions_answers(asked, tmp_path, capsys, monkeypatch):
    study, opened, shown = asked
    monkeypatch.setattr("explorer.study.shared.study_of_this_process", lambda: study)
    out = tmp_path / "dataset"
    assert cli.main(["experiment", "answers", opened.code, "--out", str(out)]) == 0
    assert len((out / "data" / f"session-{opened.code}_data.csv").read_text().splitlines()) == (
        1 + len(shown)
    )
    assert cli.main(["experiment", "answers", "ZZZZZZ", "--out", str(tmp_path / "none")]) == 1
    assert "ZZZZZZ" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_answers_of_a_part_may_be_stored_without_their_random_seeds():
    """What is not known is left empty in the table."""
    stimulus = default_set().stimuli[0]
    answer = Answer(
        *("=someone()", 1, 1, 0, Kind.MAIN, Task.TWO_ALTERNATIVES, stimulus.name, "target", 1),
        *(None, None, None, "2026-01-02T03:04:05.000+00:00"),
    )
    part = psych_ds.Part(1, default_set(), DESIGN, [answer])
    with zipfile.ZipFile(io.BytesIO(psych_ds.dataset("A1", "One", [part]))) as archive:
        (row,) = csv.DictReader(io.StringIO(archive.read("data/session-A1_data.csv").decode()))
    assert (row["options"], row["image"], row["response_ms"]) == ("", "", "")
    assert row["participant"] == "'=someone()", "a spreadsheet shows it, and runs nothing"
    assert (row["value"], row["model"]) == ("target", stimulus.model)
