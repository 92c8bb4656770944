"""The zoo's training: designs, losses, augmentation, and a training that may be interrupted."""

import colorsys
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from explorer import cli
from explorer.errors import RequestError
from explorer.research.training import (
    augmentation,
    contrastive,
    evaluation,
    losses,
    precision,
    training,
    writing,
)
from explorer.research.training.attacks import Attack, norms
from explorer.research.training.augmentation import (
    Augmentation,
    Window,
    augment,
    random_window,
)
from explorer.research.training.batches import batches
from explorer.research.training.contrastive import fit_head
from explorer.research.training.data import drawn_pictures
from explorer.research.training.evaluation import measure
from explorer.research.training.inputs import normalise, to_tensor
from explorer.research.training.recipe import MULTI, OBJECT, Recipe
from explorer.research.training.recipes import RECIPES
from explorer.zoo import cards, pictures
from explorer.zoo.architectures import build, count_parameters
from explorer.zoo.pooled_designs import DenseLayer, InceptionModule


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


_INNER = {"replays": 1, "inner_steps": 2, "beta": 6.0}


def _tiny(name: str = "residual-multi-adv2", **changes) -> Recipe:
    recipe = RECIPES[name]
    small = {"widths": [8, 8], "depths": [1, 1], "grid": 4}
    recipe = replace(
        recipe,
        name="tiny",
        architecture={**RECIPES["residual-multi-adv2"].architecture, **small},
        steps=8,
        training_pictures=16,
        batch_size=8,
    )
    return replace(recipe, **changes)


def _data(recipe: Recipe):
    return drawn_pictures(recipe.training_pictures)


def _quiet(_: str) -> None:
    pass


# Designs


def test_a_recipe_builds_a_network_whose_head_reads_its_last_features():
    for recipe in RECIPES.values():
        network = build(recipe.architecture).eval()
        assert 150_000 <= count_parameters(network) <= 600_000
        assert isinstance(network.head, nn.Linear)
        assert [name for name, _ in network.named_children()][-1] == "head"
        pooled = recipe.architecture["kind"].startswith("pooled")
        last, side, extent = (network.widen, 32, 4) if pooled else (network.grid, 64, 4)
        seen = []
        last.register_forward_hook(lambda module, given, got, seen=seen: seen.append(got))
        images = torch.randn(2, 3, side, side)
        logits = network(images)
        assert seen[0].shape[2:] == (extent, extent), recipe.name
        expected = seen[0].mean(dim=(2, 3)) if pooled else seen[0].flatten(1)
        assert torch.allclose(network.features(images), expected, atol=1e-6)
        assert logits.shape == (2, max(stop for _, stop in recipe.logit_groups.values()))
        assert torch.equal(network.head(network.features(images)), logits)
        assert not any(getattr(module, "inplace", False) for module in network.modules())


def test_a_dense_layer_keeps_what_came_in_and_an_inception_module_has_four_equal_branches():
    images = torch.randn(2, 12, 8, 8)
    dense = DenseLayer(12, growth=5).eval()
    assert torch.equal(dense(images)[:, :12], images)
    assert dense(images).shape == (2, 17, 8, 8)
    module = InceptionModule(12, width=3).eval()
    assert module(images).shape == (2, 12, 8, 8)
    assert torch.equal(module(images)[:, :3], module.branch_1x1(images))
    assert torch.equal(module(images)[:, 9:], module.branch_pool(images))


@pytest.mark.parametrize("name", ["residual-multi-standard", "vgg-multi-adv2", "vit-multi-adv2"])
def test_a_place_on_the_grid_sees_its_own_corner_of_the_picture_most(name):
    torch.manual_seed(0)
    network = build(RECIPES[name].architecture).eval()
    images = torch.randn(4, 3, 64, 64, requires_grad=True)
    grid = network.features(images).view(4, -1, 4, 4)
    (gradient,) = torch.autograd.grad(grid[:, :, 0, 0].square().sum(), images)
    share = gradient.square()
    near, far = share[..., :24, :24].mean(), share[..., -24:, -24:].mean()
    assert float(near) > 3 * float(far)


def test_without_skips_the_same_network_has_only_the_shortcuts_less():
    description = RECIPES["residual-multi-standard"].architecture
    residual, plain = (
        {name for name, _ in build({**description, "skips": skips}).named_parameters()}
        for skips in (True, False)
    )
    assert plain < residual
    assert all(".skip." in name for name in residual - plain)


def test_an_unknown_architecture_or_recipe_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="grid-cnn"):
        build({"kind": "perceptron"})
    with pytest.raises(RequestError, match="did you mean 'residual-multi-standard'"):
        cards.read("residual-multi-standart")


# Losses, against NumPy


def _softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def _example(recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    width = max(stop for _, stop in recipe.logit_groups.values())
    clean, attacked = rng.normal(0, 2, (2, 5, width))
    return clean, attacked, pictures.batch(range(5), size=16)[1]


def _redo(recipe, clean, attacked, labels, term) -> float:
    """Mean over the images and weighted sum over the groups of `term(p, p', right answer)`."""
    total = 0.0
    for column, group in enumerate(pictures.GROUPS):
        if group in recipe.logit_groups:
            start, stop = recipe.logit_groups[group]
            for p, q, row in zip(clean, attacked, labels, strict=True):
                value = term(_softmax(p[start:stop]), _softmax(q[start:stop]), row[column])
                total += recipe.group_weights[group] * value / len(labels)
    return total


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    return float(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True)))


def _mart_term(p: np.ndarray, q: np.ndarray, right: int) -> float:
    rival = max(q[k] for k in range(len(q)) if k != right)
    return -np.log(q[right]) - np.log(1.0001 - rival) + 3 * _kl(p, q) * (1 - p[right])


TERMS = {
    "trades": (losses.trades, lambda p, q, right: -np.log(p[right]) + 3 * _kl(p, q)),
    "mart": (losses.mart, _mart_term),
}


@pytest.mark.parametrize("groups", [OBJECT, MULTI])
@pytest.mark.parametrize("name", TERMS)
def test_trades_and_mart_are_their_papers_formulae_for_every_label_group(name, groups):
    loss, term = TERMS[name]
    recipe = replace(RECIPES["residual-multi-adv2"], beta=3.0, group_weights=groups)
    clean, attacked, labels = _example(recipe)
    computed = loss(*map(torch.from_numpy, (clean, attacked, labels)), recipe)
    assert float(computed) == pytest.approx(_redo(recipe, clean, attacked, labels, term), rel=1e-6)


def test_cross_entropy_is_the_weighted_sum_over_the_label_groups():
    recipe = RECIPES["residual-multi-standard"]
    clean, _, labels = _example(recipe)
    expected = _redo(recipe, clean, clean, labels, lambda p, _, right: -np.log(p[right]))
    computed = losses.cross_entropy(torch.from_numpy(clean), torch.from_numpy(labels), recipe)
    assert float(computed) == pytest.approx(expected, rel=1e-6)


def test_the_contrastive_loss_is_nt_xent():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 6, 4))
    everything = [row / np.linalg.norm(row) for row in (*first, *second)]
    terms = []
    for i in range(12):
        odds = {k: np.exp(everything[i] @ everything[k] / 0.2) for k in range(12) if k != i}
        terms.append(-np.log(odds[(i + 6) % 12] / sum(odds.values())))
    computed = losses.nt_xent(torch.from_numpy(first), torch.from_numpy(second), 0.2)
    assert float(computed) == pytest.approx(np.mean(terms), rel=1e-6)


@pytest.mark.parametrize("objective", ["trades", "mart"])
def test_the_inner_attack_stays_in_its_ball_and_raises_what_it_aims_at(objective, monkeypatch):
    recipe = _tiny(objective=objective, epsilon=2.0, **_INNER)
    batch = next(batches(recipe, _data(recipe), 0, "cpu"))
    torch.manual_seed(0)
    network = build(recipe.architecture).train()
    seen = {}
    real = losses.pgd

    def watched(aim, images, epsilon, *rest, **more):
        seen["attacked"] = real(aim, images, epsilon, *rest, **more)
        with torch.no_grad():
            seen["before"], seen["after"] = float(aim(images)), float(aim(seen["attacked"]))
        seen["training"] = network.training
        return seen["attacked"]

    monkeypatch.setattr(losses, "pgd", watched)
    loss = losses.LOSSES[objective](network, batch.images, batch, recipe, 1.5)
    assert float(norms(seen["attacked"] - batch.images).max()) <= 1.5 + 1e-4
    assert seen["after"] > seen["before"]
    assert not seen["training"]
    assert network.training
    assert loss.requires_grad


# Augmentation


def test_turning_the_hue_is_what_the_standard_library_says():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 3, 4, 4, generator=generator)
    turns = torch.tensor([0.0, 0.1, -0.1, 0.5, 0.9, -0.35])
    turned = augmentation.turn_hue(images, turns)
    for before, after, turn in zip(images, turned, turns.tolist(), strict=True):
        for pixel, result in zip(before.flatten(1).T, after.flatten(1).T, strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel.tolist())
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            assert result.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("crop", "stored", "side"), [(0.5, 72, 64), (0.25, 32, 32)])
def test_a_resized_crop_is_a_window_of_the_picture_of_at_least_that_area(crop, stored, side):
    """Of a picture whose red is x and whose green is y, the crop says itself where it lies."""
    line = (torch.arange(stored) + 0.5) / stored
    picture = torch.stack([line.expand(stored, stored), line[:, None].expand(stored, stored)])
    images = torch.cat([picture, torch.zeros(1, stored, stored)]).expand(200, 3, -1, -1)
    crops = augment(images, Augmentation(crop), torch.Generator().manual_seed(3), side)
    assert crops.shape == (200, 3, side, side)
    steps_across = crops[:, 0, :, 1:] - crops[:, 0, :, :-1]
    width = side * steps_across.median(dim=2).values.median(dim=1).values
    height = side * (crops[:, 1, 1:] - crops[:, 1, :-1]).flatten(1).median(dim=1).values
    assert 0.35 < (width < 0).float().mean() < 0.65  # mirrored
    area, aspect = width.abs() * height, (width.abs() / height).log().abs()
    assert float(area.min()) > crop - 0.01
    assert float(area.max()) < 1.01
    assert float(area.min()) < crop + 0.1
    assert float(aspect.max()) < 2 * np.log(4 / 3) + 0.01


def test_a_padded_window_is_the_picture_moved_and_its_edges_mirrored():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8, 3), np.uint8)
    windows = random_window(images, 8, Window(pad=2), np.random.default_rng(1))
    places = set()
    for image, window in zip(images, windows, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        found = [
            (top, left, flipped)
            for top in range(5)
            for left in range(5)
            for flipped, seen in ((False, window), (True, window[:, ::-1]))
            if np.array_equal(padded[top : top + 8, left : left + 8], seen)
        ]
        assert found
        places.add(found[0])
    assert len(places) > 15


def test_a_grey_picture_has_three_equal_channels():
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    how = Augmentation(crop=1.0, jitter=0.1, grey=1.0)
    grey = augment(images, how, torch.Generator().manual_seed(0), 16)
    assert float((grey.amax(1) - grey.amin(1)).max()) < 1e-5


def test_without_augmentation_the_pictures_are_untouched_and_batches_follow_their_number():
    plain = _tiny("residual-multi-standard")
    supply = batches(plain, _data(plain), 0, "cpu")
    first, second, third = next(supply), next(supply), next(supply)
    assert [first.number, second.number, third.number] == [0, 1, 2]
    everything = torch.cat([first.images, second.images]).sum(dim=(1, 2, 3)).sort().values
    images = to_tensor(pictures.batch(range(16))[0])
    assert torch.allclose(everything, images.sum(dim=(1, 2, 3)).sort().values)
    varied = _tiny("residual-simclr")
    supply = batches(varied, _data(varied), 0, "cpu")
    next(supply), next(supply)
    again = next(batches(varied, _data(varied), 2, "cpu"))
    assert torch.equal(next(supply).images, again.images)
    assert again.images.shape == (16, 3, 64, 64)
    assert not torch.allclose(again.images[:8], again.images[8:], atol=0.05)


# Training

KINDS = {
    "free adversarial": {"name": "residual-multi-adv2"},
    "cropped": {"name": "residual-multi-standard", "augmentation": "resized crop"},
    "TRADES": {"name": "residual-multi-adv2", **_INNER, "objective": "trades"},
    "MART": {"name": "residual-multi-adv2", **_INNER, "objective": "mart"},
    "contrastive": {"name": "residual-simclr"},
    "contrastive, adversarial": {"name": "residual-simclr-adv2"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_training_ends_with_the_weights_of_uninterrupted_training(kind, tmp_path):
    def interrupt(line):
        if "step 4 of 8" in line:
            raise KeyboardInterrupt

    recipe = _tiny(**KINDS[kind])
    common = {"device": "cpu", "checkpoint_every": 4}
    whole, _ = training.fit(recipe, _data(recipe), scratch=tmp_path / "a", report=_quiet, **common)
    with pytest.raises(KeyboardInterrupt):
        training.fit(recipe, _data(recipe), scratch=tmp_path / "b", report=interrupt, **common)
    said = []
    resumed, _ = training.fit(
        recipe, _data(recipe), scratch=tmp_path / "b", report=said.append, **common
    )
    assert "after step 4 of 8" in said[0]
    state = whole.state_dict()
    assert state.keys() == build(recipe.architecture).state_dict().keys()
    for name, value in state.items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_is_not_resumed(tmp_path):
    data = _data(_tiny())
    common = {"device": "cpu", "scratch": tmp_path, "checkpoint_every": 4}
    training.fit(_tiny(), data, report=_quiet, **common)
    said = []
    training.fit(_tiny(rng_seed=1), data, report=said.append, **common)
    assert "another recipe" in said[0]
    assert "8 steps on the cpu" in said[1]
    assert "step 4 of 8" in said[2]


def test_training_on_other_data_leaves_the_checkpoint_of_the_first(tmp_path):
    data = _data(_tiny())
    common = {"device": "cpu", "scratch": tmp_path, "checkpoint_every": 4}
    training.fit(_tiny(), data, report=_quiet, **common)
    training.fit(_tiny(), replace(data, digest="other"), report=_quiet, **common)
    said = []
    training.fit(_tiny(), data, report=said.append, **common)
    assert "resuming after step 8 of 8" in said[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_steps_lower_the_loss(kind, tmp_path):
    recipe = _tiny(**KINDS[kind], steps=40, batch_size=16, training_pictures=64)
    said = []
    training.fit(
        recipe,
        _data(recipe),
        device="cpu",
        scratch=tmp_path,
        report=said.append,
        checkpoint_every=8,
    )
    values = [float(line.split("loss ")[1].split(",")[0]) for line in said if "loss" in line]
    assert len(values) == 5
    assert values[-1] < 0.97 * values[0]


def test_the_contrastive_attack_changes_one_view_within_its_ball(monkeypatch, tmp_path):
    seen = []
    real = losses.LOSSES["simclr"]

    def watched(network, images, batch, recipe, epsilon):
        seen.append((images.detach(), batch.images, epsilon))
        return real(network, images, batch, recipe, epsilon)

    monkeypatch.setitem(losses.LOSSES, "simclr", watched)
    recipe = _tiny("residual-simclr-adv2")
    training.fit(recipe, _data(recipe), device="cpu", scratch=tmp_path, report=_quiet)
    for number, (images, clean, epsilon) in enumerate(seen):
        change = norms(images - clean).flatten()
        assert torch.equal(images[8:], clean[8:])
        assert float(change.max()) <= epsilon + 1e-4
        assert (float(change[:8].min()) > 1e-6) == (number % 4 > 0 and seen[number - 1][2] > 0)


def test_an_untrained_network_is_the_one_it_would_have_begun_with(tmp_path):
    recipe = _tiny("residual-untrained", steps=0)
    network, seconds = training.fit(
        recipe, _data(recipe), device="cpu", scratch=tmp_path, report=_quiet
    )
    torch.manual_seed(recipe.rng_seed)
    for name, value in build(recipe.architecture).state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    assert seconds == 0


def test_a_linear_probe_reads_from_frozen_features_what_is_there():
    recipe = _tiny("residual-simclr", training_pictures=256)
    torch.manual_seed(0)
    network = build(recipe.architecture).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_head(network, recipe, _data(recipe), "cpu")
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == {"head.weight", "head.bias"}
    images, rows = pictures.batch(range(256))
    with torch.no_grad():
        logits = network(normalise(to_tensor(images)))
    start, stop = recipe.logit_groups["background lightness"]
    right = logits[:, start:stop].argmax(1).numpy() == rows[:, 4]
    assert right.mean() > 0.9


def test_a_linear_probe_is_fitted_to_pictures_from_all_over_the_training_set(monkeypatch):
    """Data sets come sorted by class: the first so many are of a few classes only."""
    recipe = _tiny("residual-simclr", training_pictures=256)
    data, taken = _data(recipe), []
    read = type(data).training

    def noted(data, which: np.ndarray):
        taken.append(which)
        return read(data, which)

    monkeypatch.setattr(type(data), "training", noted)
    monkeypatch.setattr(contrastive, "_PROBE_PICTURES", 64)
    fit_head(build(recipe.architecture).eval(), recipe, data, "cpu")
    (which,) = taken
    assert len(set(which.tolist())) == 64
    quarters = np.bincount(which // 64, minlength=4)
    assert quarters.min() >= 8, "about a quarter of them from each quarter of the set"


def _nothing(network: nn.Module) -> None:
    pass


@torch.no_grad()
def _cancel_in_batch_norm(network: nn.Module) -> None:
    network.grid[1].running_mean.add_(3000.7)
    network.grid[1].bias.add_(3001.6)


@torch.no_grad()
def _cancel_in_head(network: nn.Module) -> None:
    network.grid[1].bias.add_(300.0)
    network.head.bias.sub_(300.0 * network.head.weight.sum(dim=1))


@pytest.mark.parametrize(
    ("change", "tolerance", "precise"),
    [
        (_nothing, 5e-3, set()),
        (_cancel_in_batch_norm, 5e-3, {"grid.1.weight", "grid.1.bias", "head.bias"}),
        (_cancel_in_head, 5e-3, {"grid.1.weight", "head.bias", "head.weight", "stem.0.weight"}),
        (_nothing, 0.0, {"grid.0.weight", "head.weight", "stage1.0.conv1.weight"}),
    ],
)
def test_only_as_many_weights_as_needed_keep_full_precision(
    change, tolerance, precise, monkeypatch
):
    torch.manual_seed(0)
    network = build(_tiny().architecture).eval()
    change(network)
    monkeypatch.setattr(precision, "TOLERANCE", tolerance)
    stored = precision.compact(network, pictures.batch(range(256), "test")[0])
    kept = {name for name, value in stored.named_parameters() if value.dtype == torch.float32}
    assert precise <= kept
    spared = {name for name, _ in network.named_parameters()} - kept
    if tolerance:
        assert {"grid.0.weight", "stage1.0.conv1.weight"} <= spared
        assert ("head.weight" in kept) == ("head.weight" in precise)
        assert bool(kept) == bool(precise)
    for name in kept:
        assert torch.equal(stored.state_dict()[name], network.state_dict()[name])


@pytest.fixture
def little_work(monkeypatch):
    few = partial(measure, attack=Attack(steps=1))
    monkeypatch.setattr(training, "measure", few)
    monkeypatch.setattr(evaluation, "measure", few)
    monkeypatch.setattr(training, "data_of", _few_data)
    for name in list(RECIPES):
        monkeypatch.delitem(RECIPES, name)
    monkeypatch.setitem(RECIPES, "tiny", _TINY)


_TINY = _tiny()


def _few_data(recipe: Recipe):
    return replace(_data(recipe), test_count=32, attacked_count=16)


@pytest.mark.usefixtures("little_work")
def test_training_leaves_weights_and_a_card_that_a_new_evaluation_confirms(tmp_path):
    said = []
    places = {"weights": tmp_path / "weights", "device": "cpu"}
    card = training.train(
        _TINY, _few_data(_TINY), scratch=tmp_path / "scratch", report=said.append, **places
    )
    assert cards.names(tmp_path / "weights") == ["tiny"]
    assert cards.read("tiny", tmp_path / "weights") == json.loads(json.dumps(card))
    assert not list((tmp_path / "scratch").iterdir())
    assert evaluation.evaluate("tiny", _few_data(_TINY), **places) == card["accuracy"]
    assert any("clean" in line for line in said)


@pytest.mark.usefixtures("little_work")
def test_training_all_skips_what_is_done_and_redoes_what_changed(tmp_path, monkeypatch):
    places = {"weights": tmp_path / "w", "scratch": tmp_path / "s", "report": _quiet}
    places["find_data"] = _few_data
    assert training.train_missing(**places) == ["tiny"]
    assert training.train_missing(**places) == []
    written = (tmp_path / "w" / "tiny.safetensors").stat().st_mtime_ns
    monkeypatch.setitem(RECIPES, "tiny", replace(_TINY, title="Another title"))
    assert training.train_missing(**places) == []
    assert cards.read("tiny", tmp_path / "w")["title"] == "Another title"
    assert (tmp_path / "w" / "tiny.safetensors").stat().st_mtime_ns == written
    monkeypatch.setitem(RECIPES, "tiny", replace(_TINY, learning_rate=1e-3))
    assert training.train_missing(**places) == ["tiny"]
    assert cards.read("tiny", tmp_path / "w")["learning_rate"] == 1e-3


def test_the_command_line_lists_every_recipe_and_refuses_other_names(capsys):
    assert cli.main(["zoo", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(RECIPES)
    assert cli.main(["zoo", "train", "resnet"]) == 2
    assert "residual-multi-adv2" in capsys.readouterr().err
    assert cli.main(["zoo", "evaluate"]) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("residual-multi-standard", "standard"),
        ("imagenette-plain-adv1", "adversarial l2"),
        ("cifar10-resnet-trades", "TRADES l2"),
        ("cifar10-resnet-mart", "MART l2"),
        ("imagenette-residual-simclr", "contrastive"),
        ("residual-simclr-adv2", "contrastive, adversarial l2"),
        ("residual-untrained", "untrained"),
    ],
)
def test_a_card_names_its_objective_in_known_words(name, words):
    assert writing.describe_objective(RECIPES[name]) == words


def _differences(one: str, other: str) -> set[str]:
    words = {"name", "title", "summary", "shortfall"}
    first, second = RECIPES[one], RECIPES[other]
    return {
        field
        for field in Recipe.__dataclass_fields__
        if field not in words and getattr(first, field) != getattr(second, field)
    }


@pytest.mark.parametrize(
    ("changed", "pairs"),
    [
        (
            {"architecture"},
            [
                ("imagenette-residual-standard-b", "imagenette-plain-standard", "rng_seed"),
                ("imagenette-residual-adv1-b", "imagenette-plain-adv1", "rng_seed"),
                ("imagenette-plain-standard", "imagenette-vgg-standard"),
                ("imagenette-plain-adv1", "imagenette-vgg-adv1"),
                ("cifar10-resnet-standard", "cifar10-vgg-standard"),
                ("cifar10-resnet-adv1", "cifar10-densenet-adv1"),
                ("cifar10-vgg-adv1-noaug", "cifar10-resnet-adv1-noaug"),
            ],
        ),
        (
            {"group_weights", "architecture"},
            [("residual-multi-standard", "residual-object-standard")],
        ),
        (
            {"augmentation"},
            [
                ("cifar10-resnet-adv1", "cifar10-resnet-adv1-noaug"),
                ("cifar10-vgg-adv1", "cifar10-vgg-adv1-noaug"),
            ],
        ),
        (
            {"objective", "augmentation", "temperature"},
            [
                ("imagenette-residual-standard-b", "imagenette-residual-simclr-b"),
                ("imagenette-residual-adv1-b", "imagenette-residual-simclr-adv1-b"),
                ("cifar10-resnet-standard", "cifar10-resnet-simclr"),
                ("cifar10-resnet-adv1", "cifar10-resnet-simclr-adv1"),
            ],
        ),
        (
            {"rng_seed"},
            [
                ("imagenette-residual-simclr", "imagenette-residual-simclr-b"),
                ("imagenette-residual-simclr-adv1", "imagenette-residual-simclr-adv1-b"),
            ],
        ),
        (
            {"epsilon", "replays", "steps"},
            [
                ("vgg-multi-standard", "vgg-multi-adv2"),
                ("residual-simclr", "residual-simclr-adv2"),
                ("residual-object-standard", "residual-object-adv2"),
                ("imagenette-residual-standard", "imagenette-residual-adv1"),
                ("imagenette-residual-simclr", "imagenette-residual-simclr-adv1"),
                ("imagenette-plain-standard", "imagenette-plain-adv1"),
                ("imagenette-vgg-standard", "imagenette-vgg-adv1"),
                ("imagenette-vit-standard", "imagenette-vit-adv1"),
                ("cifar10-resnet-standard", "cifar10-resnet-adv1"),
                ("cifar10-inception-standard", "cifar10-inception-adv1"),
            ],
        ),
        ({"objective"}, [("cifar10-resnet-trades", "cifar10-resnet-mart")]),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else "",
)
def test_networks_that_are_compared_differ_in_one_factor(changed, pairs):
    for one, other, *chance in pairs:
        assert _differences(one, other) == changed | set(chance)
