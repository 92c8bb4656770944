"""The same trials in jsPsych: what is exported, and the answers that come back."""

from __future__ import annotations

import csv
import html
import json
import re
import zipfile
from dataclasses import replace
from itertools import chain

import pytest

from explorer import cli
from explorer.study.design import trials_of
from explorer.study.jspsych import read_experiment, write_experiment
from explorer.study.jspsych_answers import read_answers
from explorer.study.records import Design, Kind, StudyError, Timing
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study
from explorer.study.summary import summarize

DESIGN = Design(main=8, practice=1, catch=2)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jspsych") / "exported"
    design = replace(DESIGN, timing=Timing())
    written = write_experiment(
        folder, default_set(), design, title="Which?", lists=6, first_rng_seed=3
    )
    return folder, written


def test_an_exported_experiment_asks_the_trials_of_the_design(experiment):
    folder, written = experiment
    for number in range(6):
        drawn = trials_of(written.design, default_set(), 3 + number)
        shown = json.loads((folder / "web" / "lists" / f"{number}.json").read_text())
        assert len(shown) == len(drawn)
        for trial, page in zip(drawn, shown, strict=True):
            assert page["image"] == f"pictures/{trial.image}.png"
            pictures = [f"pictures/{option.picture}.png" for option in trial.options]
            assert [option["picture"] for option in page["options"]] == pictures
    settings = json.loads((folder / "web" / "experiment.json").read_text())
    assert settings["timing"] == {"fixation_ms": 300, "image_ms": 300, "mask_ms": 300}


def test_participants_are_sent_no_right_answer_but_those_of_practice(experiment):
    folder, written = experiment
    for path in (folder / "web" / "lists").iterdir():
        for page in json.loads(path.read_text()):
            is_practice = page["number"] < written.design.practice
            assert ("correct" in page) == is_practice
            assert "value" not in json.dumps(page)
    names = {path.name for path in (folder / "web").rglob("*")}
    assert not names & {"trials.jsonl", "stimulus_set.zip"}


def test_the_exported_page_takes_nothing_from_other_servers(experiment):
    web = experiment[0] / "web"
    for path in (web / "index.html", web / "jatos.html", web / "experiment.css"):
        assert "//" not in path.read_text(encoding="utf-8").replace("/*", "").replace("*/", "")
    named = re.findall(r'(?:src|href)="([^"]+)"', (web / "index.html").read_text())
    assert all((web / name).is_file() for name in named if not name.startswith("data:"))
    licence = (web / "jspsych" / "LICENSE.txt").read_text()
    assert "Permission is hereby granted" in licence


def test_the_file_for_jatos_names_a_page_that_is_in_it(experiment):
    with zipfile.ZipFile(experiment[0] / "jatos.jzip") as archive:
        (described,) = (name for name in archive.namelist() if name.endswith(".jas"))
        study = json.loads(archive.read(described))["data"]
        (component,) = study["componentList"]
        page = f"{study['dirName']}/{component['htmlFilePath']}"
        assert 'src="jatos.js"' in archive.read(page).decode()


def test_an_exported_experiment_reads_back_as_it_was_written(experiment):
    folder, written = experiment
    read = read_experiment(folder)
    assert read.trials == written.trials
    assert read.design == written.design
    assert read.stimulus_set.id == default_set().id


def test_an_experiment_is_not_written_over_something(experiment):
    with pytest.raises(StudyError, match="not an empty folder"):
        write_experiment(experiment[0], default_set(), DESIGN, title="Again")


def test_an_experiment_whose_right_answers_were_changed_is_refused(tmp_path):
    write_experiment(tmp_path / "e", default_set(), DESIGN, title="Which?", lists=1)
    trials = tmp_path / "e" / "trials.jsonl"
    trials.write_text(trials.read_text().replace('"correct":"target"', '"correct":"seed"'))
    with pytest.raises(StudyError, match="changed since it was exported"):
        read_experiment(tmp_path / "e")


def page_rows(written, participant: str, number: int, choose) -> list[dict]:
    """The rows of a participant as the page writes them."""
    trials = written.list_of(number)
    return [
        {
            "experiment": written.id,
            "participant": participant,
            "list": number,
            "trial": trial.number,
            "position": choose(trial),
            "rt": 640.2,
            "shown_ms": 300.1,
            "answered_at": "2026-01-02T03:04:05.678Z",
            "trial_type": "iri-forced-choice",
            "trial_index": trial.number + 2,
        }
        for trial in trials
    ]


def the_target(trial) -> int:
    return [option.value for option in trial.options].index(trial.correct or "target")


@pytest.fixture(scope="module")
def people(experiment):
    """Three who see the target and one who presses 1 all the time."""
    _, written = experiment
    return [
        *(page_rows(written, f"person{number}", number, the_target) for number in range(3)),
        page_rows(written, "person3", 5, lambda trial: 0),
    ]


def as_json(folder, people):
    (folder / "a.json").write_text(
        json.dumps([{"trial_type": "html-button-response", "response": 0}, *chain(*people)])
    )
    return [folder / "a.json"]


def as_lines(folder, people):
    """As JATOS joins results: of each component a line, here some with all rows, some by row."""
    (folder / "a.txt").write_text(
        "\n".join([json.dumps(people[0]), *(json.dumps(each) for each in chain(*people[1:]))])
        + "\n"
    )
    return [folder / "a.txt"]


def as_csv(folder, people):
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(people[0][0]))
        writer.writeheader()
        writer.writerows(chain(*people))
    return [folder / "a.csv"]


def as_jatos_zip(folder, people):
    with zipfile.ZipFile(folder / "a.jrzip", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"data": [{"studyId": 1}], "apiVersion": "1"}))
        for number, each in enumerate(people):
            place = f"study_result_{number}/comp-result_{number}/data.txt"
            archive.writestr(place, "".join(json.dumps(row) + "\n" for row in each))
    return [folder / "a.jrzip"]


def as_downloads(folder, people):
    paths = [folder / f"answers-{number}.jsonl" for number in range(len(people))]
    for path, each in zip(paths, people, strict=True):
        path.write_text("".join(json.dumps(row) + "\n" for row in each))
    return paths


@pytest.mark.parametrize("write", [as_json, as_lines, as_csv, as_jatos_zip, as_downloads])
def test_answers_come_back_from_every_kind_of_file(experiment, people, tmp_path, write):
    folder, written = experiment
    read = read_answers(folder, write(tmp_path, people))
    assert read.refused == ()
    assert read.duplicates == 0
    assert read.rng_seeds == {"person0": 3, "person1": 4, "person2": 5, "person3": 8}
    assert len(read.answers) == 4 * len(written.list_of(0))
    for each in read.answers:
        trial = written.trials[read.rng_seeds[each.participant]][each.trial]
        if each.participant != "person3":
            assert each.value == (trial.correct or "target")
            assert each.correct in (None, True)
        assert each.stimulus == trial.stimulus
        assert each.kind is trial.kind
        assert (each.response_ms, each.shown_ms) == (640.2, 300.1)
        assert each.answered_at == "2026-01-02T03:04:05.678+00:00"
    counted = [each for each in read.answers if each.kind is Kind.MAIN]
    summary = summarize(default_set(), read.answers)
    assert summary.excluded <= {"person3"}
    assert summary.answers == len([e for e in counted if e.participant not in summary.excluded])


def test_answers_that_come_back_give_the_statistics_that_the_app_gives(
    experiment, people, tmp_path
):
    """The same choices, answered by phone in a session, trial by trial."""
    folder, written = experiment
    read = read_answers(folder, as_json(tmp_path, people))
    study = Study(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    opened = study.open_session("Elsewhere", written.stimulus_set, written.design)
    assert study.add_answers(opened.code, opened.secret, read.answers, read.rng_seeds) == len(
        read.answers
    )
    stored = study.answers(opened.code, 1)
    assert {replace(each, answered_at="") for each in stored} == {
        replace(each, answered_at="") for each in read.answers
    }
    assert summarize(default_set(), stored) == summarize(default_set(), read.answers)
    assert study.rng_seeds(opened.code) == read.rng_seeds
    assert study.add_answers(opened.code, opened.secret, read.answers, read.rng_seeds) == 0
    study.disconnect()


def refusals(experiment, tmp_path, rows: list[dict]) -> list[str]:
    folder, _ = experiment
    (tmp_path / "a.json").write_text(json.dumps(rows))
    return list(read_answers(folder, [tmp_path / "a.json"]).refused)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"experiment": "another"}, "'another'"),
        ({"list": 6}, "there is no list 6"),
        ({"list": "two"}, "list is 'two'"),
        ({"trial": 99}, "there is no trial 99"),
        ({"position": 2}, "has 2 options, not 3"),
        ({"position": -1}, "position is '-1'"),
        ({"position": None}, "position is 'None'"),
        ({"participant": "a b"}, "no participant"),
        ({"list": 4}, "two lists"),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused_with_the_reason(
    experiment, people, tmp_path, change, reason
):
    wrong = people[0][-1] | change
    (refused,) = refusals(experiment, tmp_path, [*people[0][:-1], wrong])
    assert reason in refused
    assert refused.startswith("a.json, row ")


def test_of_two_answers_to_a_trial_the_first_counts(experiment, people, tmp_path):
    folder, _ = experiment
    again = [row | {"position": 1 - row["position"]} for row in people[0]]
    (tmp_path / "a.json").write_text(json.dumps(people[0] + again))
    read = read_answers(folder, [tmp_path / "a.json"])
    assert read.duplicates == len(again)
    assert [each.position for each in read.answers] == [row["position"] for row in people[0]]


def test_a_clock_that_is_off_costs_the_time_not_the_answer(experiment, people, tmp_path):
    folder, _ = experiment
    odd = people[0][0] | {"rt": "NaN", "shown_ms": -3, "answered_at": "yesterday"}
    (tmp_path / "a.json").write_text(json.dumps([odd]))
    (answer,) = read_answers(folder, [tmp_path / "a.json"]).answers
    assert (answer.response_ms, answer.shown_ms, answer.answered_at) == (None, None, "")


LONGER_THAN_A_FIELD = "x" * 200_000


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"position": 1, "tri', "line {n}, is no JSON that can be read"),
        ("[" * 100_000 + "]" * 100_000, "line {n}, is no JSON that can be read"),
        ('{"position": ' + "7" * 6_000 + "}", "line {n}, is no JSON that can be read"),
        ('{"a": 1,\n"b": \n', "line {n} and 1 other, is no JSON"),
        ('{"position": 1, "rt": ' + "7" * 4_000 + "}", "'None', not to"),
        ('{"position": 1, "experiment": ' + "[" * 900 + "]" * 900 + "}", "'a list', not to"),
        ("[" * 900 + '{"position": 1}' + "]" * 900, "'None', not to"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_read(
    experiment, people, tmp_path, content, named
):
    lines = [json.dumps(row) for row in people[0]]
    lines[0] = lines[0].replace('{"', '{"note": "a\u2028b", "', 1)  # no end of a line in JSON
    (tmp_path / "a.txt").write_text("\n".join([*lines, content]), encoding="utf-8")
    read = read_answers(experiment[0], [tmp_path / "a.txt"])
    assert len(read.answers) == len(people[0])
    (refused,) = read.refused
    assert refused.startswith("a.txt, ")
    assert named.format(n=len(lines) + 1) in refused


@pytest.mark.parametrize(
    "change",
    [{"list": [[[]]]}, {"trial": True}, {"position": 10**400}, {"participant": {"a": 1}}],
)
def test_a_value_of_another_kind_is_refused(experiment, people, tmp_path, change):
    (refused,) = refusals(experiment, tmp_path, [*people[0][:-1], people[0][-1] | change])
    assert len(refused) < 200


def test_a_time_without_bound_is_no_time(experiment, people, tmp_path):
    odd = people[0][0] | {"rt": 10**400, "shown_ms": [1], "answered_at": [[]]}
    (tmp_path / "a.json").write_text(json.dumps([odd]))
    (answer,) = read_answers(experiment[0], [tmp_path / "a.json"]).answers
    assert (answer.response_ms, answer.shown_ms, answer.answered_at) == (None, None, "")


def test_a_field_of_a_table_without_end_costs_its_row(experiment, people, tmp_path):
    (path,) = as_csv(tmp_path, people[:1])
    first, *others = path.read_text().splitlines()
    odd = others[-1].replace(people[0][-1]["experiment"], LONGER_THAN_A_FIELD)
    path.write_text("\n".join([first, odd, *others]))
    read = read_answers(experiment[0], [path])
    assert len(read.answers) == len(people[0])
    (refused,) = read.refused
    assert refused.startswith("a.csv, line 2, is no row of CSV: field larger than")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(experiment, people, tmp_path):
    (good,) = as_jatos_zip(tmp_path, people)
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr("study_result_0/comp-result_0/files/a.png", b"\x89PNG\r\n\x1a\n\xff")
    inner = good.read_bytes()
    for number in range(5):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr("inner.zip", inner)
        inner = (tmp_path / f"{number}.zip").read_bytes()
    (tmp_path / "b.csv").write_text(f"{LONGER_THAN_A_FIELD},y\n")
    paths = [tmp_path / "b.csv", tmp_path / "4.zip", good]
    read = read_answers(experiment[0], paths)
    assert len(read.answers) == len(list(chain(*people)))
    table, nested, picture = read.refused
    assert "b.csv has no answers" in table
    assert nested == "4.zip/inner.zip/inner.zip/inner.zip is a zip file in 3 others; unpack it"
    assert picture.startswith("a.jrzip/study_result_0/comp-result_0/files/a.png is no text")


def test_a_table_that_pandas_saved_again_is_read(experiment, people, tmp_path):
    """With a row of another trial among them, whole numbers become floats."""
    asked = [
        row | {name: str(float(row[name])) for name in ("list", "trial", "position", "trial_index")}
        for row in people[0]
    ]
    consent = dict.fromkeys(asked[0], "") | {"trial_type": "html-button-response"}
    read = read_answers(experiment[0], as_csv(tmp_path, [[*asked, consent]]))
    assert read.refused == ()
    assert [each.position for each in read.answers] == [row["position"] for row in people[0]]
    half = people[0][0] | {"position": "0.5"}
    assert "position is '0.5'" in refusals(experiment, tmp_path, [*people[0][1:], half])[0]


def test_the_pages_title_is_the_experiments(tmp_path):
    title = "Cats & <b>dogs</b>: $title?"
    write_experiment(tmp_path / "e", default_set(), DESIGN, title=title, lists=1)
    for name in ("index.html", "jatos.html"):
        page = (tmp_path / "e" / "web" / name).read_text(encoding="utf-8")
        (written,) = re.findall("<title>(.*)</title>", page)
        assert "<b>" not in written
        assert html.unescape(written) == title


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("https://example.org/save.php?x=1", True),
        ("http://127.0.0.1:8000", True),
        ("/save", True),
        ("notaurl", False),
        ("example.org/save", False),
        ("ftp://example.org/", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("https://[::1/", False),
        ("http://example.org:port/", False),
        ("//example.org/save", False),
        ("https://example.org/a b", False),
        ("", False),
    ],
)
def test_answers_are_sent_to_an_address_only(tmp_path, address, fits):
    def write():
        write_experiment(
            *(tmp_path / "e", default_set(), DESIGN), title="Which?", lists=1, send_to=address
        )

    if fits:
        write()
        settings = json.loads((tmp_path / "e" / "web" / "experiment.json").read_text())
        assert settings["send_to"] == address
        return
    with pytest.raises(StudyError, match="is no address; give one that begins with https"):
        write()
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"x,y\n1,2\n", "neither JSON nor a CSV table"),
        ("a.txt", b'{"position": 1}\n{"posi', "line 2, is no JSON"),
        ("a.png", b"\x89PNG\r\n\x1a\n\xff", "no text in UTF-8"),
        ("a.zip", b"PK\x03\x04 no more", "cannot be read"),
        ("a.json", b"[]", "there is no answer to 'Which?'"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_a_sentence(
    experiment, tmp_path, name, content, reason
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=re.escape(reason)):
        read_answers(experiment[0], [tmp_path / name])


def test_the_command_exports_imports_and_writes_a_dataset(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "exported"
    options = ["--main", "6", "--catch", "2", "--lists", "3", "--title", "Which?"]
    assert cli.main(["experiment", "export", str(folder), *options]) == 0
    written = read_experiment(folder)
    assert written.design.main == 6
    assert written.title == "Which?"
    files = as_downloads(tmp_path, [page_rows(written, "anna", 2, the_target)])
    command = ["experiment", "import", str(files[0]), "--from", str(folder)]
    capsys.readouterr()
    assert cli.main([*command, "--json", "--out", str(tmp_path / "dataset")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answers"] == len(written.list_of(0))
    assert told["summary"]["people"]["k"] == told["summary"]["people"]["n"] == 6
    table = tmp_path / "dataset" / "data" / f"session-{written.id}_data.csv"
    assert len(table.read_text().splitlines()) == 1 + told["answers"]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert "100.0%" in out
    predictions = told["summary"]["predictions"]
    assert {each["held_out"] == each["images"] for each in predictions} == {True, False}
    for each in predictions:
        (line,) = (line for line in out.splitlines() if line.startswith(f"{each['measure']} "))
        if each["held_out"] == each["images"]:
            assert line.endswith(f" {each['best']:.1%}")
        else:
            assert f"not counted: held out for {each['held_out']} of" in line


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["export", "DIR", "--main", "999"], 2, "main: 999 does not fit"),
        (["export", "DIR", "--out", "x"], 2, "out: export takes the folder as its name"),
        (["export", "DIR", "--send-to", "notaurl"], 2, "send_to: 'notaurl' is no address"),
        (["export", "DIR", "--session", "x"], 2, "session: only import takes it"),
        (["export", "DIR", "--result", "0123456789ab"], 2, "result: "),
        (["import", "x.json"], 2, "from: say which experiment"),
        (["import", "x.json", "--from", "DIR"], 1, "no folder that `iri experiment export` wrote"),
        (["answers", "ABCDEF"], 2, "out: say where"),
        (["answers", "ABCDEF", "GHJKLM"], 2, "names: answers takes one"),
    ],
)
def test_mistakes_on_the_command_line_are_told_in_a_sentence(
    tmp_path, capsys, words, code, message
):
    words = [str(tmp_path / word) if word == "DIR" else word for word in words]
    assert cli.main(["experiment", *words]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
