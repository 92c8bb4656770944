"""The command line: files, JSON, exit codes and messages that scripts rely on."""

import hashlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from explorer import cli
from explorer.analysis import warm_up
from explorer.cli.command import CommandFailed
from explorer.cli.running import EngineRunner
from explorer.jobs import engine as engines
from explorer.jobs import worker, worker_processes
from explorer.losses.variants import LOSSES
from explorer.models import catalogue
from explorer.models.sources import embedded
from explorer.models.sources.embedded import names as embedded_names
from explorer.request import Request
from explorer.result import Result
from explorer.store import Store, starter
from explorer.zoo.architectures import build

ROOT = Path(__file__).parents[1]
NAME = "residual-multi-standard"
WORDS = [
    "generate",
    *("--model", f"embedded:{NAME}"),
    *("--layer", "stage1.0"),
    *("--target", "coffee"),
    *("--seed", "white"),
    *("--loss", "regularizer-free"),
    *("--steps", "20"),
    *("--rng", "77"),
]
REFUSED = ["generate", "--model", f"embedded:{NAME}", "--target", "cat"]


def explorer(*words: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "explorer", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def no_worker(monkeypatch):
    """Starting a worker is an error."""

    def refuse(*arguments, **options):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(engines.Engine, "start", refuse)
    monkeypatch.setattr(worker_processes.subprocess, "Popen", refuse)


@pytest.fixture
def run(capsys):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def shared_engine():
    """One engine for several commands, so that its worker starts once."""
    engine = engines.Engine(Store())
    close, engine.close = engine.close, lambda: None
    yield engine
    close()


@pytest.fixture(scope="module")
def generated(tmp_path_factory, shared_engine) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("made") / "by" / "generate"
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(engines, "Engine", lambda store, **_: shared_engine)
        code = cli.main([*WORDS, "--out", str(folder), "--json"])
    assert (code, err.getvalue()) == (0, "")
    return folder, json.loads(out.getvalue())


# generate


@pytest.mark.slow
def test_generate_writes_the_files_and_prints_the_json(generated):
    folder, said = generated
    pictures = {"iri.png", "searched.png", "target.png", "seed.png"}
    names = {path.name for path in folder.iterdir()}
    assert names == {*pictures, "iri.npy", "result.json", "frames"}
    assert json.loads((folder / "result.json").read_text()) == said
    for name in pictures:
        with Image.open(folder / name) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 64))
    assert (np.asarray(Image.open(folder / "seed.png")) == 255).all()
    iri = np.load(folder / "iri.npy")
    assert (iri.dtype, iri.shape) == (np.float32, (3, 64, 64))
    assert 0 <= iri.min() <= iri.max() <= 1


def test_the_json_holds_what_was_promised(generated):
    _, said = generated
    request = Request.from_dict(said["request"])
    assert said["key"] == request.key
    assert (request.layer, request.target, request.seed) == ("stage1.0", "coffee", "white")
    assert (request.steps, request.rng_seed) == (20, 77)
    match = said["match"]
    for name in ("relative_l2", "pearson", "spearman", "snr_db", "same_class", "after_8bit"):
        assert name in match
    assert {"min", "q50", "max"} <= set(match["null"]["relative_l2"]["quantiles"])
    assert match["null"]["n_pairs"] > 1000
    assert {"name", "relative_l2"} <= set(said["layers"][0])
    assert {"measure", "to_target", "to_seed", "to_mismatched", "used_in_loss"} <= set(
        said["perceptual"][0]
    )
    assert set(said["curves"]) == {"step", "loss", "relative_l2"}
    assert len(said["curves"]["step"]) == 21
    assert said["steps"] == 20
    assert said["seconds"] > 0
    assert said["versions"]["torch"] == torch.__version__.split("+")[0] or said["versions"]
    assert said["device"]


def test_the_array_gives_the_reported_distance_in_an_independent_pass(generated):
    folder, said = generated
    card = json.loads((embedded.CARDS / f"{NAME}.json").read_text())
    network = build(card["architecture"]).eval()
    state = load_file(embedded.CARDS / f"{NAME}.safetensors")
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    )

    def seen(image: np.ndarray) -> np.ndarray:
        mean, std = (np.reshape(card[name], (3, 1, 1)) for name in ("mean", "std"))
        x = torch.from_numpy((image - mean) / std).float()[None]
        with torch.no_grad():
            return network.stage1[0](network.stem(x)).double().numpy().ravel()

    def pixels(name: str) -> np.ndarray:
        return np.asarray(Image.open(folder / name)).transpose(2, 0, 1) / 255

    target = seen(pixels("target.png"))
    for image, reported in (
        (np.load(folder / "iri.npy"), said["match"]["relative_l2"]),
        (pixels("iri.png"), said["match"]["after_8bit"]["relative_l2"]),
    ):
        distance = np.linalg.norm(seen(image) - target) / np.linalg.norm(target)
        assert reported == pytest.approx(distance, rel=0.01)


def test_the_second_call_answers_from_the_cache_without_a_worker(
    generated, no_worker, run, tmp_path
):
    folder, said = generated
    begun = time.monotonic()
    code, out, err = run(*WORDS, "--json", "--out", tmp_path / "again")
    assert time.monotonic() - begun < 2
    assert (code, err) == (0, "")
    assert json.loads(out) == said
    for path in folder.rglob("*.*"):
        again = tmp_path / "again" / path.relative_to(folder)
        assert again.read_bytes() == path.read_bytes()


def test_without_json_the_two_questions_are_answered_in_words(generated, no_worker, run, tmp_path):
    _, said = generated
    code, out, _ = run(*WORDS, "--out", tmp_path)
    assert code == 0
    person = said["verdicts"]["person"]
    assert f"To the network the same? {said['match']['state']}\n" in out
    assert f"relative distance {said['match']['relative_l2']:.4f}" in out
    assert f"{person['nearer_target']} of {person['judges']}" in out
    assert f"steps, stopped by {said['stopped']}, " in out
    assert "Its budget of steps ran out, above its goal of 0.02." in out
    assert f"Written to {tmp_path}" in out


def test_words_about_the_loss_become_the_request(no_worker, run, monkeypatch):
    asked = []

    def refuse(runner, requests, pictures):
        asked.extend(requests)
        raise CommandFailed("enough")

    monkeypatch.setattr(EngineRunner, "generate", refuse)
    words = ["--loss", "freq+transforms+fourier", "--weight", "tv=1e-3", "--weight", "blur=0"]
    words += ["--representation", "cosine", "--relu-gradient", "identity", "--rng", "3,1,3"]
    assert run(*WORDS[:-4], *words)[0] == 1
    assert [request.rng_seed for request in asked] == [3, 1]
    assert asked[0].loss == "freq+transforms+fourier"
    assert dict(asked[0].term_weights) == {"tv": 1e-3, "blur": 0}
    assert (asked[0].representation, asked[0].relu_gradient) == ("cosine", "identity")
    assert len({request.batch_key for request in asked}) == 1


@pytest.mark.slow
def test_several_random_seeds_are_several_results_and_one_answer(
    run, tmp_path, shared_engine, monkeypatch
):
    monkeypatch.setattr(engines, "Engine", lambda store, **_: shared_engine)
    words = ["generate", "--model", f"embedded:{NAME}", "--layer", "stage1.0", "--target", "noise"]
    words += ["--seed", "noise", "--steps", "8", "--rng", "0,5", "--nearest", "no"]
    code, out, err = run(*words, "--json", "--out", tmp_path)
    assert code == 0, err
    said = json.loads(out)
    assert [one["request"]["rng_seed"] for one in said["results"]] == [0, 5]
    assert said["matched"] == sum(one["verdicts"]["network"]["same"] for one in said["results"])
    for one in said["results"]:
        folder = tmp_path / f"rng-{one['request']['rng_seed']}"
        assert json.loads((folder / "result.json").read_text()) == one
    targets, seeds = (
        {(tmp_path / f"rng-{number}" / f"{name}.png").read_bytes() for number in (0, 5)}
        for name in ("target", "seed")
    )
    assert (len(targets), len(seeds)) == (1, 2)
    converged = sum(one["converged"] for one in said["results"])
    text = run(*words)[1]
    assert f"{said['matched']} of 2 match, {converged} of these converged" in text
    assert ("not at equal match" in text) is not said["match_range"]["equal"]


def test_a_folder_that_cannot_be_written_is_a_failure(generated, no_worker, run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, err = run(*WORDS, "--out", tmp_path / "file")
    assert code == 2
    assert str(tmp_path / "file") in err
    assert "Traceback" not in err


def _listen() -> None:
    """Hear SIGINT, also where the tests themselves were started in the background and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupting_ends_the_command_and_its_worker():
    process = explorer(*WORDS[:-4], "--steps", "50000", start_new_session=True, preexec_fn=_listen)
    while not (workers := psutil.Process(process.pid).children()):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "python -m explorer generate: interrupted" in stderr
    assert "Traceback" not in stderr
    assert not any(each.is_running() for each in workers)


# What cannot be right: exit code 2


@pytest.mark.parametrize(
    ("words", "field", "said"),
    [
        (["--seed", "whit"], "seed", "'white'"),
        (["--seed", "cat"], "seed", "the same image"),
        (["--layer", "stage9"], "layer", "'stage1'"),
        (["--loss", "frek"], "loss", "'freq'"),
        (["--steps", "0"], "steps", "1 to 50,000"),
        (["--goal", "2"], "goal", "0 to 1"),
        (["--goal", "nan"], "goal", "0 to 1"),
        (["--rng", "-1"], "rng_seed", "0 to 4,294,967,295"),
        (["--size", "8"], "size", "16 to 1,024"),
        (["--model", "robust:resnet50_l2_eps4"], "model", "'robust:resnet50_l2_eps"),
        (["--optimiser", "adamw"], "optimiser", "momentum"),
        (["--adversary", "ssim"], "adversary", "leave it out"),
        (["--loss", "adversarial", "--adversary", "ms-ssim"], "adversary", "161×161"),
        (["--loss", "adversarial+fourier"], "loss", "all but the adversarial"),
        (["--weight", "tv"], "term_weights", "like tv=1e-3"),
        (["--weight", "tv=1", "--weight", "tv=2"], "term_weights", "once"),
        (["--weight", "tv=-1"], "term_weights", "0 to 1e+06"),
        (["--weight", "tvv=1"], "term_weights", "did you mean 'tv'"),
        (["--weight", "representation=0"], "term_weights", "all weights are 0"),
        (["--representation", "euclid"], "representation", "cosine, gram"),
        (["--relu-gradient", "zero"], "relu_gradient", "identity"),
        (["--loss", "freq+transforms", "--optimiser", "lbfgs"], "optimiser", "momentum"),
        (["--model", "embedded:nobody"], "model", "'embedded:imagenette-residual-adv1'"),
        (["--model", "nobody:x"], "model", "'timm:NAME'"),
        (["--model", "file:/no/such/file"], "model", "no file"),
        (["--arch", "timm:resnet18"], "architecture", "file: models"),
        (["--target", "missing.png"], "target", "coffee"),
        (["--null-folder", "/no/such/folder"], "null_folder", "no folder"),
    ],
)
def test_a_request_that_cannot_be_right_names_the_field_and_what_would_be(
    no_worker, run, words, field, said
):
    code, out, err = run(*REFUSED, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"python -m explorer generate: {field}: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [[], ["nothing"], [*REFUSED, "--steps", "many"], ["cache", "burn"], ["layers"]],
)
def test_words_that_are_no_command_print_the_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_hub_out_of_reach_is_a_failure_while_running(no_worker, run):
    begun = time.monotonic()
    code, out, err = run("generate", "--model", "timm:resnet18.a1_in1k", "--target", "cat")
    assert time.monotonic() - begun < 5
    assert (code, out) == (1, "")
    assert "such as embedded:imagenette-residual-adv1" in err


# What there is


def test_models_lists_the_embedded_networks_and_the_shelf(no_worker, run):
    code, out, _ = run("models", "--json")
    rows = json.loads(out)
    assert code == 0
    embedded = [f"embedded:{name}" for name in embedded_names()]
    assert [row["reference"] for row in rows] == [
        *embedded,
        *(entry.reference for entry in catalogue.curated()),
    ]
    assert {"title", "licence", "accuracy", "input_size", "mean", "paper"} <= set(rows[0])
    code, text, _ = run("models")
    assert code == 0
    assert all(row["reference"] in text for row in rows)
    code, out, _ = run("models", "--source", "embedded", "--json")
    assert [row["reference"] for row in json.loads(out)] == embedded
    code, _, err = run("models", "--source", "file")
    assert (code, "source" in err) == (2, True)
    assert run("models", "--source", "nowhere")[0] == 2


def test_models_of_a_source_are_searched_without_a_worker(no_worker, run):
    code, out, _ = run("models", "--source", "timm", "--search", "beit base 224", "--json")
    assert code == 0
    found = [row["reference"] for row in json.loads(out)]
    assert "timm:beit_base_patch16_224.in22k_ft_in22k" in found
    assert all("beit" in name and "224" in name for name in found)
    code, out, _ = run("models", "--source", "robust", "--json")
    assert "robust:resnet50_l2_eps3" in {row["reference"] for row in json.loads(out)}


def test_layers_of_an_embedded_network_need_no_worker(no_worker, run):
    code, out, _ = run("layers", f"embedded:{NAME}", "--json")
    listed = json.loads(out)
    rows = {row["name"]: row for row in listed}
    assert code == 0
    assert rows["stage2"] == {
        "order": 40,
        "name": "stage2",
        "friendly": "stage 2",
        "kind": "Sequential",
        "shape": [64, 8, 8],
        "elements": 64 * 8 * 8,
    }
    assert [row["order"] for row in listed] == list(range(1, len(listed) + 1))
    assert {"penultimate", "logits"} <= set(rows)
    text = run("layers", f"embedded:{NAME}")[1]
    assert "64×8×8" in text
    assert "stage 2, block 1, after addition" in text
    assert run("layers", "embedded:nobody")[0] == 2


def test_losses_and_gallery_list_what_there_is(no_worker, run):
    code, out, _ = run("losses", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, list(rows)) == (0, [*LOSSES, "diverse", "controversial"])
    for base in ("regularizer-free", "freq", "freq-tv", "freq-blur", "freq-lp", "freq-tv-l6"):
        for suffix in ("", "+transforms", "+centred-transforms", "+fourier", "+transforms+fourier"):
            formula = rows[base + suffix]["formula"]
            assert ("g(T(x))" in formula) == ("transforms" in suffix)
            assert ("image(z)" in formula) == ("fourier" in suffix)
    assert "TV(x)" in run("losses")[1]
    code, out, _ = run("gallery", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {"astronaut", "cat", "coffee"} <= {row["name"] for row in rows}
    assert all(row["credit"] and row["licence"] for row in rows)
    assert all(row["title"] in run("gallery")[1] for row in rows)


def test_measures_are_listed_with_all_that_a_script_needs(no_worker, run):
    code, out, _ = run("measures", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    wanted = {"name", "kind", "title", "says", "nearer", "range", "source", "needs_download"}
    assert all(wanted | {"differentiable"} <= set(row) for row in rows.values())
    assert {row["kind"] for row in rows.values()} == {
        "perceptual",
        "representation",
        "representations of a set",
    }
    assert {"lpips-vgg-baseline", "dists", "ciede2000", "cosine", "cka", "stir"} <= set(rows)
    assert rows["spearman"]["differentiable"] is False
    text = run("measures")[1]
    assert all(name in text for name in rows)


def test_what_cannot_be_measured_is_said(no_worker, run, tmp_path):
    other = ["--model", f"embedded:{NAME}"]
    for words, field in (
        (["compare", tmp_path / "nowhere", *other], "result: there is no folder or file"),
        (["compare", tmp_path, *other], "result.json"),
        (["align", *other, "--targets", "drawn:0"], "targets: 'drawn:0': N must be 1 to"),
        (["align", *other, "--targets", "galery"], "targets: 'galery' is not a set of targets"),
        (["align", *other, "--targets", tmp_path], "holds 0 pictures"),
        (["align", *other, "--layer", "stage9"], "layer: "),
        (["stir", f"embedded:{NAME}", "embedded:nobody"], "model: "),
        (["stir", *[f"embedded:{NAME}"] * 2, "--layer2", "stage9"], "layer: "),
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, ""), words
        assert field in err


def test_the_cache_is_managed(no_worker, run, tmp_path, monkeypatch):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))
    keys = [entry.key for entry in starter.entries()[-2:]]
    results = [Result.from_bytes(starter.load(key) or b"") for key in keys]
    results = [replace(each, request=replace(each.request, steps=9)) for each in results]
    keys = [each.request.key for each in results]
    store = Store()
    for result in results:
        store.put(result.request.key, result.to_bytes())
    store.put("null:" + "c" * 64, b"{}")
    store.close()
    said = json.loads(run("cache", "stats", "--json")[1])
    assert (said["entries"], said["directory"]) == (3, str(tmp_path / "cache"))
    listed = json.loads(run("cache", "list", "--json")[1])
    assert [row["key"] for row in listed][:2] == keys[::-1]
    assert listed[0]["relative_l2"] == results[1].match.relative_l2
    assert [row["key"] for row in listed if not row["shipped"]] == keys[::-1]
    words = f"{keys[0][:12]} {results[0].request.target}"
    found = run("cache", "list", "--search", words)[1].splitlines()
    assert len(found) == 1
    pack, one = tmp_path / "results.pack", tmp_path / "one.pack"
    assert json.loads(run("cache", "export", pack, "--json")[1]) == {"exported": 3}
    assert run("cache", "export", one, "--result", keys[1][:10])[0] == 0
    assert {keys[1], "index.html"} <= set(zipfile.ZipFile(one).namelist())
    assert json.loads(run("cache", "delete", "--result", keys[0], "--json")[1]) == {"removed": 1}
    assert json.loads(run("cache", "clear", "--json")[1]) == {"removed": 2}
    code, out, _ = run("cache", "import", pack, "--json")
    assert code == 0
    assert json.loads(out)["imported"] == keys
    assert [name for name, _ in json.loads(out)["refused"]] == ["null:" + "c" * 64]
    assert json.loads(run("cache", "import", pack, "--all", "--json")[1])["refused"] == []
    said = json.loads(run("cache", "verify", "--json")[1])
    assert said["damaged"] == []
    assert "entries: 3" in run("cache", "stats")[1]
    for mistake in (
        ["export"],
        ["stats", pack],
        ["delete"],
        ["delete", "--result", starter.entries()[0].key],
        ["clear", "--result", keys[0]],
        ["export", one, "--result", "abc"],
        ["import", tmp_path / "missing.pack"],
    ):
        assert run("cache", *mistake)[0] == 2, mistake
    rows = [
        {"key": f"null:{n}", "sha256": hashlib.sha256(b"x").hexdigest(), "size": 1}
        for n in range(23)
    ]
    with zipfile.ZipFile(tmp_path / "other.pack", "w") as other:
        for row in rows:
            other.writestr(row["key"], b"x")
        other.writestr(
            "manifest.json", json.dumps({"format": "iri-explorer-pack-1", "entries": rows})
        )
    code, out, err = run("cache", "import", tmp_path / "other.pack")
    assert (code, out.count("null:")) == (1, 20)
    assert "\n  … and 3 more\n" in out
    assert "nothing was imported; refused all 23 entries, first null:0: is not a result" in err
    assert run("cache", "import", tmp_path / "other.pack", "--all")[0] == 0
    (tmp_path / "no.pack").write_bytes(b"no pack")
    assert run("cache", "import", tmp_path / "no.pack")[0] == 2


# Own checkpoints, with a real worker


@pytest.mark.slow
def test_own_checkpoints_go_through_the_worker(run, tmp_path, shared_engine, monkeypatch):
    monkeypatch.setattr(engines, "Engine", lambda store, **_: shared_engine)
    torch.manual_seed(0)
    state = timm.create_model("resnet18", pretrained=False).state_dict()
    good, broken = tmp_path / "good.safetensors", tmp_path / "broken.safetensors"
    save_file(state, good)
    save_file(state | {"conv1.weight": torch.full_like(state["conv1.weight"], torch.nan)}, broken)
    model = ["--arch", "timm:resnet18"]

    code, out, err = run("layers", f"file:{good}", *model, "--json")
    assert code == 0, err
    shapes = {row["name"]: row["shape"] for row in json.loads(out)}
    assert shapes["layer2"] == [128, 28, 28]

    generate = ["generate", "--target", "astronaut", "--steps", "3", *model, "--json"]
    generate += ["--nearest", "no"]
    code, out, err = run(*generate, "--model", f"file:{good}", "--layer", "layer2")
    assert code == 0, err
    said = json.loads(out)
    assert said["curves"]["relative_l2"][-1] < said["curves"]["relative_l2"][0]
    assert said["request"]["architecture"] == "timm:resnet18"

    code, out, err = run(*generate, "--model", f"file:{good}", "--size", "64")
    assert code == 0, err
    assert np.shape(json.loads(out)["curves"]["step"]) == (4,)

    code, out, err = run("layers", "timm:resnet18", "--size", "64", "--json")
    assert code == 0, err
    rows = {row["name"]: row for row in json.loads(out)}
    assert (rows["layer2"]["shape"], rows["layer2"]["friendly"]) == ([128, 8, 8], "stage 2")
    code, _, err = run("layers", "timm:vit_tiny_patch16_224", "--size", "100")
    assert code == 2
    full = "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert f"size: {full} cannot take images of 100×100 px" in err

    code, out, err = run(*generate, "--model", f"file:{good}", "--layer", "layer5")
    assert (code, out) == (2, "")
    assert "layer: 'layer5' is not a layer" in err
    assert "'layer4'" in err

    code, out, err = run(*generate, "--model", f"file:{broken}", "--layer", "layer1")
    assert (code, out) == (2, "")
    assert "conv1.weight holds 9408 NaN" in err

    code, _, err = run("layers", f"file:{good}", "--arch", "timm:resnet34")
    assert code == 2
    assert "does not fit timm:resnet34" in err


@pytest.mark.slow
def test_another_network_looks_at_what_generate_wrote(
    generated, run, shared_engine, monkeypatch, tmp_path
):
    monkeypatch.setattr(engines, "Engine", lambda store, **_: shared_engine)
    folder, said = generated
    zipped = tmp_path / "result.zip"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file()
    }
    zipped.write_bytes(Result.from_files(files).to_bytes())
    other = ["--model", "embedded:residual-multi-adv2", "--layer", "stage2.0"]
    code, out, err = run("compare", folder, *other, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["key"] == said["key"]
    assert found["made_for"] == {
        "model": f"embedded:{NAME}",
        "layer": "stage1.0",
        "state": said["match"]["state"],
        "relative_l2": said["match"]["after_8bit"]["relative_l2"],
    }
    by_name = {row["name"]: row for row in found["layers"]}
    for name in ("relative_l2", "cosine", "pearson", "spearman", "snr_db"):
        assert by_name["stage2.0"][name] == pytest.approx(found["match"][name], rel=1e-4)
    again = json.loads(run("compare", zipped, *other, "--json")[1])
    assert again | {"seconds": 0} == found | {"seconds": 0}
    text = run("compare", folder, *other)[1]
    assert f"the same? {'' if found['match']['same'] else 'not '}matched\n" in text
    assert f"In the network it was made for: {said['match']['state']}" in text
    assert f"it calls the iri {found['match']['iri_top'][0]['name']}" in text


@pytest.mark.slow
def test_alignment_and_stir_over_a_set_of_targets(run, shared_engine, monkeypatch):
    monkeypatch.setattr(engines, "Engine", lambda store, **_: shared_engine)
    words = ["--targets", "drawn:4", "--steps", "12", "--rng", "3", "--layer", "stage2.0"]
    align = ["align", "--model", f"embedded:{NAME}", *words]
    code, out, err = run(*align, "--json")
    assert code == 0, err
    found = json.loads(out)
    iris = found["iris"]
    assert [one["rng_seed"] for one in iris] == [3, 4, 5, 6]
    assert len({one["target"] for one in iris}) == found["of"] == 4
    assert found["matched"] == sum(one["matched"] for one in iris)
    assert found["converged"] == sum(one["matched"] and one["converged"] for one in iris)
    assert sum(found["stopped"].values()) == 4
    matched = [one["perceptual"] for one in iris if one["matched"]]
    assert matched, "these steps must be enough for a match at this layer"
    rising = {"haarpsi", "ssim", "ssim-16px", "psnr", "structure", "ms-ssim"}
    shares = {}
    for name, share in found["alignment"]["measures"].items():
        pairs = [(one[name]["to_target"], one[name]["to_seed"]) for one in matched]
        nearer = [a >= b if name in rising else a <= b for a, b in pairs]
        shares[name] = np.mean(nearer)
        assert (share["value"], share["count"]) == (shares[name], len(matched)), name
    voting = {"structure", "edge-directions"}  # of drawn targets, from grey noise at 64 px
    assert set(found["alignment"]["judging"]) == voting
    judged = [shares[name] for name in voting]
    assert found["alignment"]["mean"] == pytest.approx(np.mean(judged))
    assert found["alignment"]["deviation"] == pytest.approx(np.std(judged))
    assert found["alignment_of_converged"]["count"] == found["converged"]
    assert found["alignment_as_searched"]["count"] == found["matched"]
    assert found["moved"]["rms"] < found["moved"]["searched"]
    assert "alexnet" in found["paper"]["reason"]
    text = run(*align)[1]
    assert f"{found['matched']} of 4 match, {found['converged']} of these converged" in text
    nearest, farthest = (
        pick(one["relative_l2"] for one in iris if one["matched"]) for pick in (min, max)
    )
    assert found["match_range"] == {
        "nearest": nearest,
        "farthest": farthest,
        "equal": farthest <= 1.5 * nearest,
    }
    assert ("not at equal match" in text) is (farthest > 1.5 * nearest)

    words = [word if word != "--layer" else "--layer1" for word in words]
    stir = ["stir", *[f"embedded:{NAME}"] * 2, *words, "--layer2", "stage2.0"]
    code, out, err = run(*stir, "--json")
    assert code == 0, err
    both = json.loads(out)
    assert both["similarity"] == pytest.approx(1)
    one, other = both["second_given_first"], both["first_given_second"]
    assert one == other
    distances = [each["relative_l2"] for each in iris]
    assert one["worst_match"] == pytest.approx(max(distances), rel=1e-3)
    assert one["median_match"] == pytest.approx(np.median(distances), rel=1e-3)
    assert [each["matched"] for each in both["made"]] == [found["matched"]] * 2
    assert f"{one['value']:.3f}" in run(*stir)[1]
    code, _, err = run(*stir, "--targets", "drawn:2")
    assert code == 2
    assert "targets: linear CKA needs at least 3, not 2; give more" in err


def test_a_worker_without_a_scheduler_says_so(run, monkeypatch):
    monkeypatch.setattr(worker, "NO_SCHEDULER_SECONDS", 0.5)
    monkeypatch.setattr(worker, "cores", torch.get_num_threads)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("warm_up", "warm_up_measures"):
        monkeypatch.setattr(warm_up, name, lambda: None)
    code, out, err = run("worker", "tcp://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert "python -m explorer worker: no scheduler answers at tcp://127.0.0.1:9" in err
    assert "Traceback" not in err


def test_a_scheduler_that_loses_its_workers_on_purpose_says_nothing(tmp_path, monkeypatch):
    logger, said = logging.getLogger("distributed.scheduler"), []
    handler = logging.Handler()
    handler.emit = said.append

    def close(engine):
        logger.critical("workers died")

    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("explorer.jobs.engine.Engine.close", close)
    logger.addHandler(handler)
    try:
        with EngineRunner.started():
            close(None)
        assert len(said) == 1
        close(None)
        assert len(said) == 2
    finally:
        logger.removeHandler(handler)
