"""The whole way from request to result, its numbers redone from its files."""

import io
import json
import math
import shutil
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from scipy import stats
from scipy.spatial import distance

from explorer import validation
from explorer.analysis.comparison import compare
from explorer.analysis.generation import generate, generate_batch
from explorer.analysis.null_sources import NULL_DRAWN_PICTURES
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.images.encoding import from_8bit, from_png
from explorer.losses.variants import LOSSES, base_names
from explorer.models import catalogue
from explorer.models.network import InputSpec, Network
from explorer.models.sources import embedded
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.result import Result
from explorer.result.consistency import checked_result
from explorer.synthesis.loop import Cancelled
from explorer.zoo.architectures import build

NAME = "residual-multi-standard"
REQUEST = Request(
    model=f"embedded:{NAME}",
    layer="stage2.0",
    target="coffee",
    seed="grey-noise",
    optimiser="adam",
    steps=25,
    goal=0.0,
    rng_seed=5,
)


class Memory(dict):
    """A store in memory that counts."""

    puts = 0

    def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        self[key] = data


class RecordingCallback:
    """Keeps the stages; cancels once a stage of this name has begun."""

    def __init__(self, cancel_in: str = "nothing") -> None:
        self.stages, self._cancel_in = [], cancel_in

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def made(self, images, looks) -> None:
        self.stages.append("made")
        self.images, self.looks = images, looks

    def cancelled(self) -> bool:
        return bool(self.stages) and self._cancel_in in self.stages[-1]

    def due(self) -> bool:
        return False


@pytest.fixture(scope="module")
def store() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def result(store) -> Result:
    return generate(REQUEST, store=store)


@pytest.fixture(scope="module")
def by_hand():
    """The network's layers by name, from its weights file with plain torch; images in [0, 1]."""
    card = json.loads((embedded.CARDS / f"{NAME}.json").read_text())
    m = build(card["architecture"]).eval()
    state = load_file(embedded.CARDS / f"{NAME}.safetensors")
    m.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})

    def layers(image: np.ndarray) -> dict[str, np.ndarray]:
        mean, std = (np.float32(card[key]).reshape(3, 1, 1) for key in ("mean", "std"))
        x = torch.from_numpy((image.astype(np.float32) - mean) / std)[None]
        with torch.no_grad():
            found = {"stem": m.stem(x)}
            found["stage1"] = m.stage1(found["stem"])
            found["stage2.0"] = m.stage2[0](found["stage1"])
            found["grid"] = m.grid(m.stage2[1](found["stage2.0"]))
            found["penultimate"] = found["grid"].flatten(1)
            found["logits"] = m.head(found["penultimate"])
        return {name: value.double().numpy().ravel() for name, value in found.items()}

    return layers


def pixels(png: bytes) -> np.ndarray:
    """A PNG's picture as 3×H×W in [0, 1], read by Pillow alone."""
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "RGB"
        return (np.asarray(image) / np.float32(255)).transpose(2, 0, 1).astype(np.float32)


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# The numbers


def test_the_reported_match_is_what_the_files_give(result, by_hand):
    files = result.files()
    target = by_hand(pixels(files["target.png"]))["stage2.0"]
    exact = by_hand(np.load(io.BytesIO(files["iri.npy"])))["stage2.0"]
    rounded = by_hand(pixels(files["iri.png"]))["stage2.0"]
    said = json.loads(files["result.json"])["match"]
    assert said["relative_l2"] == pytest.approx(relative(exact, target), rel=1e-3)
    after = said["after_8bit"]
    assert after["relative_l2"] == pytest.approx(relative(rounded, target), rel=1e-3)
    lost = abs(relative(exact, target) - relative(rounded, target))
    assert abs(said["relative_l2"] - relative(exact, target)) < 0.1 * lost
    assert abs(after["relative_l2"] - relative(rounded, target)) < 0.1 * lost
    for numbers, mine in ((said, exact), (after, rounded)):
        assert numbers["pearson"] == pytest.approx(np.corrcoef(mine, target)[0, 1], abs=1e-4)
        decibels = 20 * math.log10(1 / relative(mine, target))
        assert numbers["snr_db"] == pytest.approx(decibels, abs=0.02)


def test_the_reported_layers_are_what_the_files_give(result, by_hand):
    target, iri = by_hand(pixels(result.target_png)), by_hand(result.iri)
    reported = {layer.name: layer.values["relative_l2"] for layer in result.layers}
    for name in target:
        assert reported[name] == pytest.approx(relative(iri[name], target[name]), rel=2e-3), name
    names = [layer.name for layer in result.layers]
    assert names == [name for name, _, _ in catalogue.entry(REQUEST.model).layers]
    for layer in result.layers:
        if layer.name in target:
            a, b = iri[layer.name], target[layer.name]
            row = layer.values
            assert row["cosine"] == pytest.approx(1 - distance.cosine(a, b), abs=1e-4), row
            assert row["pearson"] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-4), row
            assert row["spearman"] == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-3), row
            assert row["snr_db"] == pytest.approx(-20 * math.log10(relative(a, b)), abs=0.02), row


def test_the_reported_class_is_what_the_files_give(result, by_hand):
    of_target = by_hand(pixels(result.target_png))["logits"][:16].argmax()
    of_iri = by_hand(result.iri)["logits"][:16].argmax()
    assert result.match.same_class == bool(of_target == of_iri)
    assert result.match.target_top[0].index == of_target
    assert result.match.iri_top[0].index == of_iri
    classes = catalogue.entry(REQUEST.model).classes
    assert result.match.iri_top[0].name == classes[of_iri]


def test_the_curve_ends_where_the_match_is(result):
    curve = result.curves.relative_l2
    assert result.curves.step == tuple(range(26))
    assert len(curve) == len(result.curves.loss) == 26
    assert curve[result.provenance.best_step] == min(curve)
    assert min(curve) == pytest.approx(result.match.relative_l2, rel=1e-3)
    assert curve[0] > 2 * min(curve)
    assert result.provenance.steps == 25
    assert result.provenance.stopped == "budget"


def test_the_pictures_are_the_images_and_the_target_is_exact(result):
    assert result.iri.shape == (3, 64, 64)
    assert 0 <= result.iri.min() <= result.iri.max() <= 1
    assert np.abs(pixels(result.iri_png) - result.iri).max() <= 0.5 / 255 + 1e-6
    first, picture = result.frames[0]
    assert (first, picture) == (0, result.seed_png)
    square = Image.fromarray(gallery.load("coffee"))
    side = min(square.size)
    left, top = ((length - side) // 2 for length in square.size)
    square = square.crop((left, top, left + side, top + side)).resize((64, 64), Image.BOX)
    close = np.asarray(square).transpose(2, 0, 1) / 255 - pixels(result.target_png)
    assert np.abs(close).mean() < 0.03


def test_every_measure_and_both_verdicts_are_there_and_plain_json(result):
    said = json.loads(result.files()["result.json"], parse_constant=lambda word: 1 / 0)
    assert said["key"] == REQUEST.key
    assert said["request"] == REQUEST.to_dict()
    measures = {one["measure"]: one for one in said["perceptual"]}
    for name in ("haarpsi", "ssim", "psnr", "robust-features"):
        assert isinstance(measures[name]["to_target"], float), name
        assert isinstance(measures[name]["to_seed"], float)
        assert isinstance(measures[name]["to_mismatched"], float)
    assert measures["robust-features"]["same_family"] is True
    assert measures["lpips-alex"]["to_target"] is None
    assert measures["lpips-alex"]["reason"]
    difference = pixels(result.iri_png).astype(float) - pixels(result.target_png)
    psnr = -10 * math.log10((difference**2).mean())
    assert measures["psnr"]["to_target"] == pytest.approx(psnr, abs=0.01)
    judges = [one for one in said["perceptual"] if one["judges"]]
    nearer = [one["nearer_target"] for one in judges if one["nearer_target"] is not None]
    assert said["verdicts"]["person"]["judges"] == len(nearer)
    assert said["verdicts"]["person"]["nearer_target"] == sum(nearer)
    wrong = said["verdicts"]["person"]["mismatched"]
    assert len(wrong) == 5
    assert not {REQUEST.target, REQUEST.seed} & set(wrong)
    assert said["verdicts"]["network"]["same"] == (
        said["match"]["same"] and said["match"]["after_8bit"]["same"]
    )
    for name in ("seconds", "steps", "versions", "device", "optimiser"):
        assert said[name], name


# The null


def test_the_null_is_the_spread_between_unrelated_pictures(result, store, by_hand):
    null = result.null
    pictures = len(gallery.names()) + NULL_DRAWN_PICTURES
    assert null.n_pairs == pictures * (pictures - 1)
    wanted = gallery.names()[:4]
    made = generate_batch([replace(REQUEST, target=name, steps=1) for name in wanted], store=store)
    of = {one.request.target: by_hand(pixels(one.target_png))["stage2.0"] for one in made}
    low, high = null.relative_l2.min, null.relative_l2.max
    for a in of:
        for b in of:
            if a != b:
                assert low - 1e-3 <= relative(of[a], of[b]) <= high + 1e-3


def test_a_null_that_does_not_ship_is_made_once_for_a_layer_and_then_read(result, store):
    assert store.puts == 0  # that of stage2.0 ships
    for puts, measured in ((1, True), (1, False)):
        callback = RecordingCallback()
        inner = replace(REQUEST, steps=1, layer="stage1.0.conv1")
        assert generate(inner, callback=callback, store=store).null.source == result.null.source
        assert store.puts == len(store) == puts
        assert any("unrelated" in stage for stage in callback.stages) == measured


def test_images_and_matches_are_told_before_anything_is_compared_with_them():
    callback = RecordingCallback()
    simple = replace(REQUEST, steps=2, layer="stem.0", nearest=False)
    requests = [replace(simple, rng_seed=number) for number in (5, 6)]
    results = generate_batch(requests, callback=callback)
    told = callback.stages.index("made")
    assert callback.stages[told - 1] == "measuring the match"
    nearest = RecordingCallback()
    generate(replace(simple, nearest=True, goal=0.3), callback=nearest)
    brought = [stage for stage in nearest.stages if stage == "made" or "nearer" in stage]
    assert brought[::2] == ["made", "made"]
    assert "nearer" in brought[1]
    assert any("unrelated" in stage for stage in callback.stages[told + 1 :])
    for result, image, look in zip(results, callback.images, callback.looks, strict=True):
        np.testing.assert_array_equal(result.iri, image.numpy())
        assert look.relative_l2 == pytest.approx(result.match.relative_l2, rel=1e-6)
        assert look.relative_l2_8bit == pytest.approx(result.match_8bit.relative_l2, rel=1e-6)
        assert look.target_class == result.match.target_class
        assert look.iri_class == result.match.iri_class
        assert look.same_class == result.match.same_class


@pytest.fixture(scope="module")
def own_pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for number, name in enumerate(gallery.names()[:4]):
        Image.fromarray(gallery.load(name)).save(folder / f"{number}.png")
    return folder


def test_a_folder_of_ones_own_replaces_the_gallery_as_the_null(
    result, store, own_pictures, by_hand, monkeypatch
):
    request = validation.with_null(replace(REQUEST, steps=1), own_pictures)
    made = generate(request, store=store)
    null = made.null
    assert (null.n_pictures, null.n_pairs) == (4, 12)
    assert "folder" in null.source
    assert "gallery" in result.null.source
    assert made.request.key == request.key != replace(REQUEST, steps=1).key
    assert str(own_pictures) not in made.files()["result.json"].decode()
    wanted = gallery.names()[:4]
    targets = generate_batch(
        [replace(REQUEST, target=name, steps=1) for name in wanted], store=store
    )
    seen = [by_hand(pixels(one.target_png))["stage2.0"] for one in targets]
    for measure, of in (
        ("relative_l2", relative),
        ("cosine", lambda a, b: 1 - distance.cosine(a, b)),
        ("pearson_r2", lambda a, b: np.corrcoef(a, b)[0, 1] ** 2),
        ("spearman", lambda a, b: stats.spearmanr(a, b)[0]),
        ("snr_db", lambda a, b: -20 * math.log10(relative(a, b))),
    ):
        pairs = [of(a, b) for a in seen for b in seen if a is not b]
        found = null.distributions[measure]
        assert found.n == sum(found.counts) == 12
        for quantile, share in (("min", 0), ("q50", 0.5), ("max", 1)):
            expected = np.quantile(pairs, share)
            assert found.quantiles[quantile] == pytest.approx(expected, rel=2e-3), measure
    monkeypatch.setenv("IRI_NULL_FOLDER", str(own_pictures))
    assert validation.with_null(replace(REQUEST, steps=1)) == request


def test_other_pictures_in_the_folder_are_another_null_and_another_key(own_pictures, tmp_path):
    folder, kept = tmp_path / "own", Memory()
    shutil.copytree(own_pictures, folder)
    first = validation.with_null(replace(REQUEST, steps=1), folder)
    generate(first, store=kept)
    generate(replace(first, rng_seed=9), store=kept)
    assert kept.puts == 1
    Image.fromarray(gallery.load(gallery.names()[9])).save(folder / "3.png")
    with pytest.raises(RequestError, match="has changed since") as caught:
        generate(first, store=kept)
    assert caught.value.field == "null_folder"
    second = validation.with_null(replace(REQUEST, steps=1), folder)
    assert second.key != first.key
    generate(second, store=kept)
    assert kept.puts == 2
    with pytest.raises(RequestError, match="in which folder"):
        generate(replace(second, null_folder=None), store=Memory())
    (folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(RequestError, match=r"0\.png. cannot be read"):
        generate(validation.with_null(REQUEST, folder), store=kept)
    with pytest.raises(RequestError, match="no folder"):
        validation.with_null(REQUEST, tmp_path / "nowhere")


# Another network looks


def test_another_network_sees_the_pictures_as_they_are_in_the_files(result, store):
    other = "residual-multi-adv2"
    found = compare(result, NetworkReference(f"embedded:{other}"), "grid", store=store)
    card = json.loads((embedded.CARDS / f"{other}.json").read_text())
    m = build(card["architecture"]).eval()
    state = load_file(embedded.CARDS / f"{other}.safetensors")
    m.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    mean, std = (np.float32(card[key]).reshape(3, 1, 1) for key in ("mean", "std"))

    def grid(png: bytes) -> np.ndarray:
        x = torch.from_numpy((pixels(png) - mean) / std)[None]
        with torch.no_grad():
            return m.grid(m.stage2(m.stage1(m.stem(x)))).double().numpy().ravel()

    iri, target = grid(result.iri_png), grid(result.target_png)
    assert found.match.relative_l2 == pytest.approx(relative(iri, target), rel=1e-3)
    assert found.match.values["cosine"] == pytest.approx(1 - distance.cosine(iri, target), abs=1e-4)
    (row,) = [layer.values for layer in found.layers if layer.name == "grid"]
    assert row["spearman"] == pytest.approx(stats.spearmanr(iri, target)[0], abs=1e-3)
    assert len(found.match.iri_top) == len(found.match.target_top) == 3
    assert found.null.n_pairs == result.null.n_pairs
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content == found.to_json()
    assert (content["key"], content["model"], content["layer"]) == (
        result.request.key,
        f"embedded:{other}",
        "grid",
    )
    assert content["made_for"].items() >= {"model": REQUEST.model, "layer": REQUEST.layer}.items()
    assert content["match"]["null"]["n_pairs"] == result.null.n_pairs


def test_a_network_that_looks_at_its_own_iri_agrees_with_the_result(result, store):
    found = compare(result, REQUEST.network, REQUEST.layer, store=store)
    after = result.match_8bit
    assert found.match.relative_l2 == pytest.approx(after.relative_l2, rel=1e-5)
    assert found.match.same == after.same
    assert found.null == result.null


def test_a_network_of_another_size_is_shown_the_picture_at_its_own(result, store):
    class Pooled(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1)

    network = Network(
        "file:pooled", Pooled(), InputSpec(size=(128, 128), mean=(0.0,) * 3, std=(1.0,) * 3)
    )
    with mock.patch("explorer.analysis.comparison.load", return_value=network):
        found = compare(result, REQUEST.network, "logits", store=Memory())
    iri, target = (pixels(png) for png in (result.iri_png, result.target_png))
    small = [x.reshape(3, 8, 8, 8, 8).mean((2, 4)).ravel() for x in (iri, target)]
    assert found.input_size == (128, 128)
    assert found.match.relative_l2 == pytest.approx(relative(*small), rel=0.03)
    assert found.match.same_class is None


# What goes in


def test_uploads_can_be_target_and_seed(store):
    rng = np.random.default_rng(0)
    sent = {}
    for _ in range(2):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file, "PNG")
        upload = validation.read_upload(file.getvalue())
        sent[upload.name] = (upload.png, file.getvalue())
    target, seed = sent
    request = replace(REQUEST, target=target, seed=seed, steps=2)
    made = generate(request, {name: png for name, (png, _) in sent.items()}, store=store)
    assert np.array_equal(pixels(made.target_png), pixels(sent[target][1]))
    assert np.array_equal(pixels(made.seed_png), pixels(sent[seed][1]))
    with pytest.raises(RequestError, match="upload it again") as caught:
        generate(request, {target: sent[target][0]}, store=store)
    assert caught.value.field == "seed"


@pytest.mark.parametrize("loss", [*base_names(), "freq+transforms+fourier"])
def test_every_loss_makes_an_image(store, loss):
    request = replace(REQUEST, loss=loss, steps=6)
    made = generate(request, store=store)
    assert made.iri.shape == (3, 64, 64)
    assert np.isfinite(made.iri).all()
    assert made.curves.relative_l2[6] < made.curves.relative_l2[0]
    used = [one.measure for one in made.perceptual if one.used_in_loss]
    assert used == (["structure"] if LOSSES[loss].uses_distance else [])
    if used:
        kin = {one.measure for one in made.perceptual if one.shares_backbone_with_loss}
        assert kin == {"ssim", "ssim-16px", "ms-ssim"}
    assert made.request.adversary == (used[0] if used else None)
    assert checked_result(made.request.key, made.to_bytes()).to_bytes() == made.to_bytes()


def test_a_noise_target_is_the_same_whatever_the_seeds_random_number(store):
    one, two = (
        generate(replace(REQUEST, target="noise", seed="noise", rng_seed=n, steps=1), store=store)
        for n in (0, 1)
    )
    assert one.target_png == two.target_png
    assert one.seed_png != two.seed_png
    assert one.target_png not in (one.seed_png, two.seed_png)
    other = generate(replace(REQUEST, target="noise-1", steps=1), store=store)
    assert other.target_png != one.target_png


@pytest.fixture(scope="module")
def unopposed(store) -> Result:
    """What the match alone makes with the optimiser that is used against an adversary."""
    return generate(replace(REQUEST, optimiser="momentum", steps=8), store=store)


@pytest.mark.parametrize("name", ["psnr", "haarpsi", "ssim-16px", "ciede2000", "robust-features"])
def test_any_measure_with_a_gradient_can_play_the_adversary(store, unopposed, name):
    request = replace(REQUEST, loss="adversarial-published", adversary=name, steps=8)
    made = generate(request, store=store)
    measured = {one.measure: one for one in made.perceptual}
    assert measured[name].used_in_loss
    higher = measured[name].nearer == "higher"
    without = next(one for one in unopposed.perceptual if one.measure == name)
    nearer, further = (one.to_target for one in (without, measured[name]))
    assert (further < nearer) == higher


def test_weights_of_ones_own_and_another_comparison_reach_the_loss(store):
    request = replace(
        REQUEST, loss="freq", term_weights={"tv": 0.01, "blur": 0}, representation="gram", steps=4
    )
    made = generate(request, store=store)
    said = {"representation": 10.0, "tv": 0.01, "l1": 5e-5}
    assert made.provenance.weights == pytest.approx(said)
    assert made.request.to_dict()["term_weights"] == {"tv": 0.01, "blur": 0.0}
    assert Result.from_bytes(made.to_bytes()).request == made.request


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"layer": "penultimate", "representation": "gram"}, "representation", "1024 numbers"),
        ({"layer": "logits", "relu_gradient": "identity"}, "relu_gradient", "end in a ReLU"),
        ({"loss": "adversarial", "adversary": "lpips-alex"}, "adversary", "not available here"),
    ],
)
def test_what_only_the_worker_can_know_is_refused_there_with_the_field(store, changes, field, said):
    with pytest.raises(RequestError, match=said) as caught:
        generate(replace(REQUEST, steps=2, optimiser="auto", **changes), store=store)
    assert caught.value.field == field


def test_the_same_request_makes_the_same_image_and_another_rng_seed_another(result, store):
    again = generate(REQUEST, store=store)
    np.testing.assert_allclose(again.iri, result.iri, atol=1e-4)
    np.testing.assert_allclose(again.curves.relative_l2, result.curves.relative_l2, rtol=1e-3)
    other = generate(replace(REQUEST, rng_seed=6, steps=1), store=store)
    assert other.seed_png != result.seed_png
    assert again.seed_png == result.seed_png


def test_a_batch_gives_each_request_its_own_result(result, store):
    requests = [
        replace(REQUEST, target="rocket", seed="white", goal=0.9),
        REQUEST,
        replace(REQUEST, loss="freq-tv", rng_seed=1),
    ]
    made = generate_batch(requests, store=store)
    assert [one.request for one in made] == [validation.validate(each) for each in requests]
    assert all(one.provenance.batch == 3 for one in made)
    assert made[0].provenance.stopped == "goal"
    assert made[0].provenance.steps < 25
    np.testing.assert_allclose(made[1].iri, result.iri, atol=1e-3)
    assert made[1].match.relative_l2 == pytest.approx(result.match.relative_l2, rel=1e-2)
    assert made[2].provenance.weights == pytest.approx({"representation": 10.0, "tv": 5e-4})
    with pytest.raises(ValueError, match="one batch"):
        generate_batch([REQUEST, replace(REQUEST, layer="stem")])


def test_auto_is_the_optimiser_that_the_catalogue_recommends(store):
    made = generate(replace(REQUEST, optimiser="auto", steps=1), store=store)
    assert made.provenance.optimiser.name == "momentum-anderson"
    assert made.request.optimiser == "auto"


# What stops it


@pytest.mark.parametrize(
    "stage", ["generating", "measuring", "unrelated", "every layer", "perceptual"]
)
def test_cancelling_works_in_every_stage(stage):
    callback = RecordingCallback(cancel_in=stage)
    inner = replace(REQUEST, steps=2, layer="stage1.0.conv1")  # whose null does not ship
    with pytest.raises(Cancelled):
        generate(inner, callback=callback, store=Memory())
    assert stage in callback.stages[-1]


def test_a_request_with_an_unknown_name_is_refused_here_too():
    for changes, field in (
        ({"target": "nobody"}, "target"),
        ({"seed": "coffee"}, "seed"),
        ({"layer": "stage9"}, "layer"),
        ({"loss": "freqq"}, "loss"),
        ({"model": "embedded:nobody"}, "model"),
    ):
        with pytest.raises(RequestError) as caught:
            generate(replace(REQUEST, **changes))
        assert caught.value.field == field


# The nearest image


def test_a_result_holds_the_nearest_image_and_the_one_that_the_search_found():
    request = Request(
        model="embedded:residual-multi-adv2", target="coffee", seed="noise", goal=0.1, steps=60
    )
    nearest, searched = generate(request), generate(replace(request, nearest=False))
    phase = nearest.tightening
    assert nearest.request.nearest
    assert phase is not None
    assert searched.tightening is None
    assert nearest.request.key != searched.request.key
    # What the search found is in both, and the distances are those of the pictures.
    assert nearest.searched_png == searched.iri_png
    seed = from_8bit(from_png(nearest.seed_png))
    rms = float(np.sqrt(np.mean((nearest.iri - seed) ** 2)))
    assert nearest.moved is not None
    assert nearest.moved.rms == pytest.approx(rms, abs=2e-3)
    assert phase.rms[-1] == pytest.approx(nearest.moved.rms, rel=1e-3)
    assert searched.moved is not None
    assert phase.rms[0] == pytest.approx(searched.moved.rms, rel=1e-3)
    assert nearest.moved.rms < 0.9 * searched.moved.rms
    assert nearest.match.relative_l2 is not None
    assert nearest.match.relative_l2 <= 0.1 * (1 + 1e-4)
    assert phase.searched_perceptual[0].to_target == searched.perceptual[0].to_target
    assert Result.from_bytes(nearest.to_bytes()).to_json() == nearest.to_json()


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({}, None),
        ({"model": "compressed:squeezenet1_0"}, ""),  # 224 px: only where it is asked for
        ({"size": 160}, ""),
        ({"loss": "freq"}, "the loss asks for more than the match"),
        ({"term_weights": (("tv", 0.1),)}, "the loss asks for more than the match"),
        ({"representation": "gram", "layer": "stage1.0"}, "compares representations by gram"),
        ({"representation": "cosine"}, "compares representations by cosine"),
        ({"loss": "regularizer-free+transforms"}, "a match under random transforms"),
        ({"loss": "regularizer-free+fourier"}, "the loss changes the spectrum"),
        ({"optimiser": "paper"}, "'paper' does what was published"),
        ({"goal": 0.0}, "a goal of 0"),
        (
            {"relu_gradient": "identity", "layer": "stage1.0"},
            "the gradient passes the layer's ReLU",
        ),
    ],
)
def test_where_the_nearest_image_is_the_default(changes, why_not):
    request = replace(Request(model="embedded:residual-multi-adv2"), **changes)
    assert validation.validate(request).nearest is (True if why_not is None else None)
    if why_not:
        said = f"{why_not}.*, so the image is shown as the search finds it"
        with pytest.raises(RequestError, match=said) as refused:
            validation.validate(replace(request, nearest=True))
        assert refused.value.field == "nearest"


def test_an_image_that_would_lose_its_match_stays_as_searched():
    # Within so large a distance the nearest image is no better than unrelated photographs.
    request = Request(
        model="embedded:residual-simclr", target="cat", seed="noise", steps=30, goal=0.6
    )
    result, searched = generate(request), generate(replace(request, nearest=False))
    assert searched.matched
    assert result.matched
    assert result.request.nearest
    assert result.tightening is None
    assert result.iri_png == searched.iri_png
