"""Mistakes at the command line: each is one sentence, before anything is started or written."""

import argparse
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from explorer import cli
from explorer.analysis import examples, generation
from explorer.cli.program import COMMANDS, run
from explorer.cli.running import EngineRunner
from explorer.images.encoding import to_png
from explorer.jobs import engine as engines
from explorer.jobs import worker, worker_processes
from explorer.models.checkpoints import reading
from explorer.request import Request
from explorer.result import Result, ResultError
from explorer.store import Store, starter

ROOT = Path(__file__).parents[1]
MODEL = "embedded:residual-multi-adv2"
GENERATE = ["generate", "--model", MODEL, "--target", "astronaut", "--steps", "3"]


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch, tmp_path):
    """Starting a worker is an error, and the cache is empty."""

    def refuse(*arguments, **options):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(worker_processes.WorkerProcesses, "_start", refuse)
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def mistake(capsys):
    """Run a command that fails: (exit code, the last line of stderr)."""

    def mistake(*words: object) -> tuple[int, str]:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:  # argparse prints the usage before the sentence
            code = end.code
            lines = capsys.readouterr().err.splitlines()
        else:
            printed = capsys.readouterr()
            lines = printed.err.splitlines()
            assert (len(lines), printed.out) == (1, ""), printed
        assert not any("Traceback" in line for line in lines)
        return code, lines[-1]

    return mistake


# The results that ship


def test_the_shipped_results_are_overwritten_only_when_that_is_confirmed(
    mistake, capsys, monkeypatch, tmp_path
):
    written = []
    monkeypatch.setattr(starter, "write", lambda entries: written.extend(entries) or entries)
    monkeypatch.setattr(starter, "DIRECTORY", tmp_path)
    code, line = mistake("cache", "starter")
    assert (code, written) == (2, [])
    assert f"overwrites the .zip files and manifest.json in {tmp_path}; add --yes" in line
    assert mistake("cache", "stats", "--yes")[0] == 2

    made = next(iter(starter.entries(ROOT / "cache" / "starter")))
    result = Result.from_bytes(starter.load(made.key, ROOT / "cache" / "starter"))
    monkeypatch.setattr(examples, "SHIPPED", (("a title", Request(model=MODEL, steps=7)),))
    monkeypatch.setattr(generation, "generate", lambda request: result)
    assert cli.main(["cache", "starter", "--yes"]) == 0
    assert capsys.readouterr().out == "made: 1\n"
    assert [(key, title) for key, title, _ in written] == [(result.request.key, "a title")]


def test_the_help_of_cache_explains_each_action(capsys):
    with pytest.raises(SystemExit):
        cli.main(["cache", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for words in ("stats: how full", "verify: check", "export PACK: write", "import PACK: add"):
        assert words in text
    assert "clear: delete every" in text
    assert "starter: compute the results that ship with the app again and overwrite" in text


# Settings in the environment


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IRI_CACHE_LIMIT", "x", "at least 1 MB, such as 500MB"),
        ("IRI_CACHE_DIR", "/dev/null/x", "cannot be used (Not a directory); set IRI_CACHE_DIR"),
        ("IRI_NETWORKS_MEMORY", "x", "'x' is not a size; write it like 4GB"),
        ("IRI_NETWORKS_MEMORY", "1.2.3GB", "is not a size"),
        ("DASK_SCHEDULER_ADDRESS", "nonsense", "is not a scheduler's address; write it like"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [GENERATE, ["align", "--model", MODEL], ["layers", MODEL, "--size", "64"], ["app"]],
    ids=lambda words: words[0],
)
def test_a_wrong_setting_is_named_before_anything_starts(
    mistake, monkeypatch, variable, value, said, words
):
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("explorer.app.launch.launch", lambda **options: pytest.fail("started"))
    code, line = mistake(*words)
    assert code == 2
    assert f": {variable}: " in line
    assert said in line


def test_a_network_given_twice_is_named(mistake):
    code, said = mistake("eyes", MODEL, MODEL)
    assert (code, said.partition("eyes: ")[2]) == (
        2,
        f"models: {MODEL} is given twice; give each network once",
    )


def test_a_search_of_the_cache_without_a_hit_says_so(capsys):
    assert cli.main(["cache", "list", "--search", "zzz qqq"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "no result has all of these words: zzz qqq\n")


@pytest.mark.parametrize("variable", ["IRI_CACHE_LIMIT", "IRI_CACHE_DIR"])
def test_the_cache_commands_name_the_setting_not_the_pack(mistake, monkeypatch, variable):
    monkeypatch.setenv(variable, "/dev/null/x")
    code, line = mistake("cache", "stats")
    assert (code, f"cache: {variable}: " in line) == (2, True)


def test_a_worker_refuses_a_wrong_setting_before_it_imports_torch(mistake, monkeypatch):
    monkeypatch.setenv("IRI_NETWORKS_MEMORY", "much")
    monkeypatch.setattr(worker, "listening_host", lambda *words: pytest.fail("went on"))
    assert mistake("worker", "tcp://127.0.0.1:9")[0] == 2


def test_an_engine_with_a_wrong_setting_fails_its_jobs_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_NETWORKS_MEMORY", "much")
    engine = engines.Engine(Store(tmp_path / "data"))
    try:
        request = Request(model=MODEL, steps=3)
        engine.submit(request)
        assert engine._ready.wait(20)
        job = engine.job(request.key)
        assert job is not None
        assert "IRI_NETWORKS_MEMORY: 'much' is not a size" in (job.error or "")
    finally:
        engine.close()


def test_a_scheduler_that_does_not_answer_is_a_sentence_soon(mistake, monkeypatch):
    monkeypatch.setattr("explorer.cli.running.CONNECT_SECONDS", 0.5)
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        code, line = mistake(*GENERATE)
    assert code == 1
    assert f"no scheduler answers at {address}" in line


@pytest.mark.parametrize("port", ["0", "99999999", "x", "-1", ""])
def test_a_port_is_1_to_65535(mistake, port):
    code, line = mistake("app", "--port", port)
    assert code == 2
    assert "it must be 1 to 65535" in line or "is not a whole number" in line


def test_the_app_listens_only_at_an_address_of_this_machine(mistake):
    for address in ("203.0.113.9", "no such host"):
        code, line = mistake("app", "--address", address)
        assert (code, "is not an address of this machine" in line) == (2, True)


# Where to write


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ([*GENERATE, "--out", "FILE"], "out"),
        ([*GENERATE, "--out", "/dev/null/x"], "out"),
        (["bench", "--quick", "--out", "FILE"], "out"),
        (["bench", "--quick", "--out", "NEW", "--into", "/nonexistent/x.md"], "into"),
        (["bench", "--quick", "--out", "NEW", "--into", "FOLDER"], "into"),
        (["reproduce", "--quick", "--out", "FILE"], "out"),
        (["zoo", "train", "vgg-multi-adv2", "--out", "FILE"], "out"),
        (["zoo", "evaluate", "vgg-multi-adv2", "--out", "FILE/x"], "out"),
        (["check-networks", "timm:resnet18", "--out", "/nonexistent/x.jsonl"], "out"),
        (["cache", "export", "/nonexistent/x.zip"], "pack"),
        (["cache", "export", "FOLDER"], "pack"),
    ],
)
def test_where_to_write_is_checked_before_anything_is_computed(mistake, tmp_path, words, field):
    (tmp_path / "FILE").write_text("in the way")
    (tmp_path / "FOLDER").mkdir()
    places = {"FILE", "FOLDER", "NEW", "FILE/x"}
    code, line = mistake(*(tmp_path / word if word in places else word for word in words))
    assert code == 2
    assert f"{words[0]}: {field}: " in line
    assert ".partial" not in line
    assert "Errno" not in line
    assert not (tmp_path / "NEW").exists()


def test_a_folder_without_permission_is_refused(mistake, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # tests may run as root
    code, line = mistake(*GENERATE, "--out", tmp_path / "new" / "folder")
    assert code == 2
    assert f"the folder {str(tmp_path)!r} may not be written to" in line


# What would be ignored


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["layers", MODEL, "--arch", "timm:resnet18"], "architecture: "),
        (["zoo", "list", "nope"], "list takes no names or options; leave out nope"),
        (["zoo", "table", "--all", "--out", "x"], "leave out --all --out"),
        (["zoo", "train", "vgg-multi-adv2", "--all"], "not both"),
        (["zoo", "train", "--all", "vgg-multi-adv2"], "not both"),
        (["zoo", "train", "--data", "nowhere", "nope"], "unknown network 'nope'"),
        (["cache", "delete", "--result", "abcdefabcd", "pack.zip"], "the others take none"),
        (["people", "--json", "nosuch"], "use 'embedded:NAME'"),
        ([*GENERATE, "--out", ""], "argument --out: it is empty"),
        ([*GENERATE, "--null-folder", ""], "argument --null-folder: it is empty"),
        (["align", "--model", MODEL, "--targets", ""], "argument --targets: it is empty"),
        (["check-networks", "nope"], "'nope'"),
        (["check-networks", "timm:resnet18x"], "did you mean"),
        (["check-networks", MODEL], "without its weights"),
        (["check-networks", "--random", "-1"], "-1 is out of range; it must be at least 0"),
        (["check-networks", "--markdown", "timm:resnet18"], "leave the networks out"),
    ],
)
def test_nothing_is_ignored_without_a_word(mistake, words, said):
    code, line = mistake(*words)
    assert code == 2
    assert said in line


def test_a_search_without_a_match_says_so(capsys):
    assert cli.main(["models", "--search", "zzzz"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "No network matches 'zzzz'.\n")
    assert cli.main(["models", "--search", "zzzz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


# Plain words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rng", "words"], "'words' is not a random seed; write a whole number, or several"),
        (["--rng", "1,,2"], "is not a random seed"),
        (["--rng", "0-3"], "is not a random seed"),
        (["--steps", "many"], "argument --steps: 'many' is not a whole number"),
        (["--goal", "near"], "argument --goal: 'near' is not a number"),
        (["--size", "big"], "argument --size: 'big' is not a whole number"),
    ],
)
def test_a_word_that_is_no_value_gets_a_sentence(mistake, words, said):
    code, line = mistake(*GENERATE, *words)
    assert code == 2
    assert said in line


def test_every_number_on_the_command_line_is_read_by_a_type_that_speaks_plainly():
    for command in COMMANDS.values():
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        for action in parser._actions:
            assert action.type not in (int, float, Path), (command.name, action.dest)


def test_what_is_no_result_is_refused_in_plain_words(mistake, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"not a zip")
    (tmp_path / "folder").mkdir()
    for name in ("iri.npy", "iri.png", "target.png", "seed.png", "result.json"):
        (tmp_path / "folder" / name).write_text("[1]")
    (tmp_path / "empty").mkdir()
    for path, said in (
        ("a.zip", "it is not a zip file that can be read"),
        ("folder", "its result.json is damaged"),
        ("empty", "there is no result.json"),
    ):
        code, line = mistake("compare", tmp_path / path, "--model", MODEL)
        assert (code, said in line) == (2, True), line
        assert "Error" not in line
    with pytest.raises(ResultError, match=r"no seed\.png"):
        Result.from_files({"result.json": b"", "iri.npy": b"", "iri.png": b"", "target.png": b""})


def test_a_picture_of_a_result_that_is_damaged_is_named(mistake, tmp_path):
    path = min((ROOT / "cache" / "starter").glob("*.zip"))
    files = Result.from_bytes(path.read_bytes()).files()
    other_size = to_png(np.zeros((16, 24, 3), np.uint8))
    for number, (name, data, said) in enumerate(
        (
            ("iri.png", b"junk", "it is no PNG file"),
            ("target.png", files["target.png"][:99], "it is no PNG file"),
            ("seed.png", other_size, "24×16 px, but the IRI is 64×64 px"),
            ("searched.png", b"", "it is no PNG file"),
        )
    ):
        folder = tmp_path / str(number)
        for each, content in (files | {name: data}).items():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_bytes(content)
        code, line = mistake("compare", folder, "--model", MODEL)
        assert (code, f"result: {folder}: its {name} " in line, said in line) == (2, True, True)


def test_a_folder_whose_name_could_be_a_key_is_the_folder(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "0123456789"):
        Path(name).mkdir()
        code, line = mistake("generate", "--continue", name)
        assert (code, f"continues: {name}: there is no result.json" in line) == (2, True), line
    assert "'b' is too short" in mistake("generate", "--continue", "b")[1]


def test_a_random_seed_given_again_is_made_once_and_stderr_says_so(capsys, monkeypatch):
    made = []
    monkeypatch.setattr(
        EngineRunner, "generate", lambda runner, requests, pictures: made.extend(requests) or []
    )
    assert cli.main([*GENERATE, "--rng", "0,5,0"]) == 0
    assert [request.rng_seed for request in made] == [0, 5]
    assert capsys.readouterr().err == "A random seed that is given again is made once\n"
    assert cli.main([*GENERATE, "--rng", "0,5"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("error")
def test_a_checkpoint_that_is_pickled_code_is_refused_without_a_warning(tmp_path):
    path = tmp_path / "own.pth"
    path.write_bytes(pickle.dumps({"weights": Path("x")}))
    with pytest.raises(Exception, match="save model") as caught:
        reading.read(path, path.name)
    assert "Error" not in str(caught.value)


def test_a_size_that_a_network_cannot_take_is_refused_without_the_library_s_words():
    import torch
    from torch import nn

    from explorer.errors import RequestError
    from explorer.models.loading import _try_size

    class Stub:
        reference, device = "file:x", "cpu"
        __call__ = staticmethod(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).forward)

    with pytest.raises(RequestError, match="cannot take images of 32×32 px; leave"):
        _try_size(Stub(), 32)
    assert torch.is_grad_enabled()


# The reader of a pipe


@pytest.mark.parametrize("words", [["losses"], ["models", "--json"], ["generate", "--help"]])
def test_a_reader_that_has_enough_is_no_failure(words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "explorer", *words],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


# Help


@pytest.mark.parametrize("command", ["generate", "align", "stir"])
def test_the_help_gives_the_defaults(capsys, command):
    with pytest.raises(SystemExit):
        run([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    defaults = Request.defaults()
    assert f"forward and backward passes (default: {defaults['steps']})" in text
    assert f"at which to stop (default: {defaults['goal']})" in text
    assert "measure d (default: structure, for these losses)" in text
    of_rng = text.rpartition("--rng RNG ")[2].partition(" --")[0]
    assert of_rng.endswith(f"(default: {defaults['rng_seed']})")
    assert ("several, such as 0,1,2" in of_rng) == (command == "generate")
    assert ("next number" in of_rng) == (command != "generate")
