"""Going on from a result: where it starts, what it may change, and what is told of before."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import explorer
from explorer import cli, validation
from explorer.analysis.continuation import (
    check_agrees,
    continuation,
    continue_result,
    pictures_to_send,
    pictures_with,
)
from explorer.analysis.generation import generate, generate_batch
from explorer.cli.options import command_line
from explorer.cli.running import EngineRunner
from explorer.errors import RequestError
from explorer.models.sources import embedded
from explorer.request import Request
from explorer.result import Result
from explorer.result.consistency import checked_result
from explorer.result.provenance import Provenance
from explorer.store import Store
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.zoo.architectures import build

NAME = "residual-multi-adv2"
REQUEST = Request(
    model=f"embedded:{NAME}", layer="stage2.0", target="coffee", steps=6, goal=0.0, rng_seed=3
)


class Memory(dict):
    """A store in memory."""

    def put(self, key: str, data: bytes) -> None:
        self[key] = data


@pytest.fixture(scope="module")
def store() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def first(store) -> Result:
    return generate(REQUEST, store=store)


@pytest.fixture(scope="module")
def second(first, store) -> Result:
    return continue_result(first, steps=5, store=store)


@pytest.fixture(scope="module")
def stage2():
    """The representation at stage2.0 by plain torch, from the weights file."""
    card = json.loads((embedded.CARDS / f"{NAME}.json").read_text())
    module = build(card["architecture"]).eval()
    state = load_file(embedded.CARDS / f"{NAME}.safetensors")
    module.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    mean, std = (torch.tensor(card[key]).view(3, 1, 1) for key in ("mean", "std"))

    def representation(image: torch.Tensor) -> torch.Tensor:
        x = ((image - mean) / std)[None]
        return module.stage2[0](module.stage1(module.stem(x))).flatten()

    return representation


def distance(representation, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    goal = representation(target).detach()
    return (representation(image) - goal).norm() / goal.norm()


def of_png(png: bytes) -> torch.Tensor:
    """3×H×W in [0, 1]."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


# The search


def test_it_starts_from_the_float32_image_of_the_earlier_result(first, second, stage2):
    target = of_png(first.target_png)
    with torch.no_grad():
        start = float(distance(stage2, torch.from_numpy(first.iri), target))
        end = float(distance(stage2, torch.from_numpy(second.iri), target))
    assert second.match.relative_l2 == pytest.approx(end, rel=1e-4)
    assert end < start
    step, png = second.frames[0]
    assert step == 6
    assert png == first.iri_png


def test_gradient_steps_go_on_as_if_they_had_not_been_interrupted(first, store, stage2):
    # `paper` is x ← clip(x − ∇L/‖∇L‖): no state, so a step more is computed by hand.
    plain = replace(REQUEST, optimiser="paper", loss="regularizer-free", steps=4)
    whole = generate(replace(plain, steps=8), store=store)
    before = generate(plain, store=store)
    assert before.provenance.best_step == 4  # so that its image is the last iterate
    after = continue_result(before, steps=4, store=store)
    assert after.curves.step == whole.curves.step == tuple(range(9))
    assert after.curves.relative_l2 == pytest.approx(whole.curves.relative_l2, rel=1e-4)
    np.testing.assert_allclose(after.iri, whole.iri, atol=1e-5)

    one_more = continue_result(before, steps=1, store=store)
    image = torch.from_numpy(before.iri).requires_grad_(True)
    loss = distance(stage2, image, of_png(before.target_png))
    (gradient,) = torch.autograd.grad(loss, image)
    by_hand = (image.detach() - gradient / gradient.norm()).clamp(0, 1)
    np.testing.assert_allclose(one_more.iri, by_hand, atol=1e-5)


@pytest.mark.parametrize(
    "loss", ["regularizer-free", "freq", "freq+fourier", "freq+transforms", "adversarial-seed"]
)
def test_the_image_never_gets_worse(loss, store):
    # Of losses that weigh in more than the match, the loss; adversarial ones move their weights.
    before = generate(replace(REQUEST, loss=loss, steps=12), store=store)
    for steps in (1, 8):
        after = continue_result(before, steps=steps, store=store)
        assert after.match.relative_l2 <= before.match.relative_l2 * (1 + 1e-4)
        checked_result(after.request.key, after.to_bytes())


def test_what_goes_on_from_a_search_beyond_its_goal_agrees_with_itself(store):
    # The image of before, brought nearest to its seed, is at its goal; its search had been nearer.
    request = Request("embedded:cifar10-vgg-adv1", target="cat", goal=0.3, steps=40)
    before = generate(request, store=store)
    after = continue_result(before, steps=2, store=store)
    assert after.provenance.best_step <= after.provenance.steps_before
    kept = after.provenance.best_step
    assert before.match.relative_l2 > before.curves.relative_l2[kept] * 1.02
    checked_result(after.request.key, after.to_bytes())


def test_every_optimiser_that_keeps_the_best_image_never_makes_it_worse(store):
    for optimiser in OPTIMISERS.values():
        before = generate(replace(REQUEST, optimiser=optimiser.name, steps=8), store=store)
        after = continue_result(before, steps=2, store=store)
        if not optimiser.keeps_last:
            assert after.match.relative_l2 <= before.match.relative_l2 * (1 + 1e-5), optimiser.name


def test_a_batch_goes_on_from_several_results(store):
    batch = [replace(REQUEST, rng_seed=seed) for seed in (1, 2)]
    before = generate_batch(batch, store=store)
    requests = [continuation(result, 3) for result in before]
    together = generate_batch(requests, pictures_with(before), store=store)
    for request, result, one in zip(requests, together, before, strict=True):
        assert result.request == request
        alone = continue_result(one, 3, store=store)
        np.testing.assert_allclose(result.iri, alone.iri, atol=1e-5)


def test_one_that_goes_on_is_no_batch_with_one_that_starts_from_its_seed(first):
    assert continuation(first, REQUEST.steps).batch_key != REQUEST.batch_key


# What is told


def test_measures_and_seed_are_those_of_the_first_seed(first, second):
    assert second.seed_png == first.seed_png
    assert second.target_png == first.target_png
    assert second.request.seed == first.request.seed
    (psnr,) = (each for each in second.perceptual if each.measure == "psnr")
    # PSNR by its formula, of 8-bit images; the seed is stored rounded to 8 bits.
    errors = [
        (of_png(second.iri_png) - of_png(png)).square().mean()
        for png in (second.seed_png, second.target_png)
    ]
    to_seed, to_target = (float(-10 * torch.log10(error)) for error in errors)
    assert psnr.to_seed == pytest.approx(to_seed, abs=0.05)
    assert psnr.to_target == pytest.approx(to_target, abs=1e-3)


def test_the_curve_goes_on_and_the_provenance_names_the_chain(first, second, store):
    third = continue_result(second, steps=4, store=store)
    assert third.request.continues == second.request.key
    assert second.request.continues == first.request.key
    assert third.curves.step == tuple(range(6 + 5 + 4 + 1))
    assert third.curves.relative_l2[:12] == second.curves.relative_l2
    assert second.curves.relative_l2[:7] == first.curves.relative_l2
    content = json.loads(third.files()["result.json"])
    assert content["keys_before"] == [first.request.key, second.request.key]
    assert (content["steps"], content["steps_before"]) == (4, 11)
    seconds = [result.provenance.seconds for result in (first, second)]
    assert content["seconds_before"] == pytest.approx(sum(seconds))
    best = third.curves.relative_l2[third.provenance.best_step]
    assert best == pytest.approx(third.match.relative_l2, rel=1e-3)
    assert Result.from_bytes(third.to_bytes()).to_json() == third.to_json()


def test_a_result_from_its_seed_says_nothing_of_before(first):
    assert not {"steps_before", "seconds_before", "keys_before"} & set(first.to_json())
    assert Provenance.from_dict({}).keys_before == ()


def test_the_key_depends_on_what_is_gone_on_from(first, second):
    requests = [REQUEST, continuation(first, 6), continuation(second, 6), continuation(first, 7)]
    assert len({request.key for request in requests}) == 4
    assert continuation(first, 6).key == replace(REQUEST, continues=REQUEST.key).key


# Uploads


def test_uploaded_pictures_are_not_needed_again(store):
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)).save(file, "PNG")
    upload = validation.read_upload(file.getvalue())
    request = replace(REQUEST, target=upload.name, seed="cat", steps=2)
    before = generate(request, {upload.name: upload.png}, store=store)
    after = continue_result(before, steps=2, store=store)
    assert (after.target_png, after.seed_png) == (before.target_png, before.seed_png)
    with_upload = generate(
        continuation(before, 2), pictures_with([before], {upload.name: upload.png}), store=store
    )
    assert (with_upload.iri == after.iri).all()


# Errors


def refused(request: Request, pictures: dict[str, bytes] | None = None) -> RequestError:
    with pytest.raises(RequestError) as error:
        generate(request, pictures)
    return error.value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": "embedded:residual-multi-standard"}, "model"),
        ({"layer": "grid"}, "layer"),
        ({"target": "cat"}, "target"),
        ({"seed": "white"}, "seed"),
        ({"loss": "freq"}, "loss"),
        ({"rng_seed": 4}, "rng_seed"),
        ({"size": 48}, "size"),
        ({"representation": "cosine"}, "representation"),
        ({"relu_gradient": "identity"}, "relu_gradient"),
        ({"mean": (0.4, 0.4, 0.4)}, "mean"),
    ],
)
def test_whatever_else_differs_is_named(first, change, field):
    error = refused(replace(continuation(first), **change), pictures_with([first]))
    assert error.field == field
    assert "only steps, goal, optimiser, nearest may differ" in error.message


def test_steps_goal_optimiser_nearest_and_null_may_differ(first):
    changes = {"steps": 9, "goal": 0.5, "optimiser": "adam", "null": f"folder:{64 * 'a'}"}
    changes["nearest"] = not first.request.nearest
    check_agrees(replace(continuation(first), **changes), first.request)


def test_a_result_that_is_not_there_is_said_to_be_missing(first):
    error = refused(continuation(first))
    assert error.field == "continues"
    assert first.request.key[:10] in error.message
    assert "generate it again" in error.message


def test_another_result_under_the_key_is_refused(first, second):
    name = next(iter(pictures_with([first])))
    error = refused(continuation(first), {name: second.to_bytes()})
    assert error.field == "continues"


def with_array(result: Result, array: np.ndarray, allow_pickle: bool = False) -> bytes:
    """The result's zip with another iri.npy."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=allow_pickle)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, content in (result.files() | {"iri.npy": data.getvalue()}).items():
            archive.writestr(name, content)
    return zipped.getvalue()


def test_only_a_float32_image_in_range_and_of_the_networks_size_is_gone_on_from(first):
    name = next(iter(pictures_with([first])))
    nan, large = first.iri.copy(), first.iri.copy()
    nan[0, 0, 0], large[0, 0, 0] = np.nan, 1.5
    objects = np.array([{"a": 1}], dtype=object)
    for array in (nan, large, first.iri.astype(np.float64), first.iri[:, :32], objects):
        error = refused(continuation(first), {name: with_array(first, array, True)})
        assert error.field == "continues", array.shape
    assert refused(continuation(first), {name: b"no zip"}).field == "continues"


# What travels to the worker


def test_the_result_travels_from_the_store_unless_it_is_sent_along(first):
    request = continuation(first)
    stored = {first.request.key: b"stored"}
    pictures = {"picture:1": b"of others"}
    assert list(pictures_to_send([request], pictures, stored.get).values()) == [b"stored"]
    assert pictures_to_send([request], {}, {}.get) == {}
    given = pictures_to_send([request], pictures_with([first]), stored.get)
    assert list(given.values()) == [first.to_bytes()]


# The library and the command line


def test_the_package_offers_it():
    assert explorer.continue_result is continue_result
    with pytest.raises(TypeError, match="Result"):
        explorer.continue_result("key")


class Asked(Exception):
    """Stops a command where it would generate."""


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Run `generate` up to where it generates: its requests and pictures."""
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))

    def run(*words: object):
        found = []

        def stop(runner, requests, pictures):
            found.extend([*requests, pictures])
            raise Asked

        with monkeypatch.context() as patch:
            patch.setattr(EngineRunner, "generate", stop)
            with pytest.raises(Asked):
                cli.main(["generate", *map(str, words)])
        return found

    return run


def test_the_command_takes_everything_from_the_result(asked, first, tmp_path):
    Store().put(first.request.key, first.to_bytes())
    key, expected = first.request.key, continuation(first, 500)
    assert asked("--continue", key)[0] == expected
    assert asked("--continue", key[:8], "--steps", 7)[0] == replace(expected, steps=7)
    request, pictures = asked("--continue", key, "--goal", 0.1, "--optimiser", "adam")
    assert request == validation.validate(replace(expected, goal=0.1, optimiser="adam"))
    assert list(pictures.values()) == [first.to_bytes()]


def test_the_command_goes_on_from_a_folder_or_a_zip(asked, first, tmp_path):
    (tmp_path / "result.zip").write_bytes(first.to_bytes())
    for name, data in first.files().items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for place in ("result.zip", "folder"):
        request, pictures = asked("--continue", tmp_path / place)
        assert request == continuation(first, 500)
        assert list(pictures.values()) == [first.to_bytes()]


def test_the_command_that_is_shown_asks_for_the_same(asked, first):
    Store().put(first.request.key, first.to_bytes())
    asked_for = replace(continuation(first, 77), goal=0.125, optimiser="momentum")
    for nearest in (None, False):
        request = validation.validate(replace(asked_for, nearest=nearest))
        words = command_line(request).split()
        assert words[:4] == ["python", "-m", "explorer", "generate"]
        assert asked(*words[4:-2])[0] == request


def test_without_continue_the_defaults_are_as_before(asked):
    (request, _) = asked("--model", f"embedded:{NAME}", "--target", "coffee")
    assert request == validation.validate(Request(model=f"embedded:{NAME}", target="coffee"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--continue", "abc"], "at least 8"),
        (["--continue", "0123456789"], "generate it again"),
        (["--continue", "no-such-folder"], "there is no folder"),
        (["--target", "cat"], "--model"),
        (["--model", f"embedded:{NAME}"], "--target"),
    ],
)
def test_what_is_wrong_is_said(capsys, monkeypatch, tmp_path, words, text):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path))
    assert cli.main(["generate", *words]) == 2
    assert text in capsys.readouterr().err


def test_options_that_are_given_must_agree(capsys, monkeypatch, tmp_path, first):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path))
    Store().put(first.request.key, first.to_bytes())
    go_on = ["generate", "--continue", first.request.key]
    assert cli.main([*go_on, "--target", "cat"]) == 2
    assert "target: it is cat, but coffee" in capsys.readouterr().err
    assert cli.main([*go_on, "--rng", "1,2"]) == 2
    assert "single random seed" in capsys.readouterr().err


@pytest.fixture(scope="module")
def with_folder(tmp_path_factory, store) -> tuple[Result, dict[str, str]]:
    """A result made with a folder as its null and a file of class names, and their paths."""
    place = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(5)
    (place / "null").mkdir()
    for number in range(3):
        pixels = rng.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(place / "null" / f"{number}.png")
    count = len(json.loads((embedded.CARDS / f"{NAME}.json").read_text())["classes"])
    names = [f"kind {number}" for number in range(count)]
    (place / "names.txt").write_text("\n".join(names))
    (place / "others.txt").write_text("\n".join(reversed(names)))
    paths = {"null": str(place / "null"), "names": str(place / "names.txt")}
    request, _ = validation.parse_request(
        **(replace(REQUEST, steps=2).to_dict() | {"classes_file": paths["names"]}),
        null_folder=paths["null"],
    )
    return generate(request, store=store), paths | {"others": str(place / "others.txt")}


def test_the_files_of_a_result_must_be_given_again(capsys, monkeypatch, tmp_path, with_folder):
    result, paths = with_folder
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path))
    Store().put(result.request.key, result.to_bytes())
    go_on = ["generate", "--continue", result.request.key]
    for words, option in (
        ([], "--null-folder FOLDER"),
        (["--classes", paths["names"]], "--null-folder FOLDER"),
        (["--null-folder", paths["null"]], "--classes FILE"),
        (["--null-folder", paths["null"], "--classes", paths["others"]], "--classes FILE"),
    ):
        assert cli.main([*go_on, *words]) == 2
        message = capsys.readouterr().err
        assert option in message
        assert str(result.request.classes) not in message
    for given in ({}, {"null_folder": paths["null"]}):
        with pytest.raises(RequestError, match=r"--null-folder|--classes"):
            continue_result(result, 1, **given)
    after = continue_result(result, 1, null_folder=paths["null"], classes_file=paths["names"])
    assert after.request.null == result.request.null
    assert after.match.target_top[0].name.startswith("kind ")


def test_class_names_that_the_result_lacks_are_refused(capsys, monkeypatch, tmp_path, first):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path / "cache"))
    Store().put(first.request.key, first.to_bytes())
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    words = ["--continue", first.request.key, "--classes", str(tmp_path / "names.txt")]
    assert cli.main(["generate", *words]) == 2
    assert "leave --classes out" in capsys.readouterr().err


def test_the_help_gives_no_default_for_what_must_be_given(capsys):
    with pytest.raises(SystemExit):
        cli.main(["generate", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    target = words[words.index("noise or wide-noise") :].split("--", 1)[0]
    assert "default" not in target
    assert "(default: grey-noise)" in words.replace("grey- noise", "grey-noise")


def test_two_results_that_begin_alike_are_told_apart(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path))
    store = Store()
    for digit in "ab":
        store.put("01234567" + digit * 56, b"data")
    assert cli.main(["generate", "--continue", "01234567"]) == 2
    assert "2 results' keys begin with 01234567" in capsys.readouterr().err
