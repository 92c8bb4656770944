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
    evaluation,
    losses,
    precision,
    training,
    writing,
)
from explorer.research.training.attacks import Attack, norms
from explorer.research.training.augmentation import (
    AUGMENTATIONS,
    UNKNOWN,
    Augmentation,
    augment,
    relabel,
)
from explorer.research.training.batches import batches
from explorer.research.training.contrastive import fit_head
from explorer.research.training.data import drawn_pictures
from explorer.research.training.evaluation import measure
from explorer.research.training.inputs import normalise, to_tensor
from explorer.research.training.recipe import OBJECT, Recipe
from explorer.research.training.recipes import RECIPES
from explorer.zoo import cards, pictures
from explorer.zoo.architectures import build, count_parameters


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_builds_a_network_whose_head_reads_a_4x4_grid(recipe):
    network = build(recipe.architecture).eval()
    assert 150_000 <= count_parameters(network) <= 600_000
    assert isinstance(network.head, nn.Linear)
    assert [name for name, _ in network.named_children()][-1] == "head"
    seen = []
    network.grid.register_forward_hook(lambda module, given, got: seen.append(got.shape))
    images = torch.zeros(2, 3, 64, 64)
    logits = network(images)
    assert seen == [(2, network.head.in_features // 16, 4, 4)]
    assert logits.shape == (2, max(stop for _, stop in recipe.logit_groups.values()))
    assert torch.equal(network.head(network.features(images)), logits)
    assert not any(getattr(module, "inplace", False) for module in network.modules())


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


@pytest.mark.parametrize("groups", [OBJECT, RECIPES["residual-multi-trades"].group_weights])
@pytest.mark.parametrize("name", TERMS)
def test_trades_and_mart_are_their_papers_formulae_for_every_label_group(name, groups):
    loss, term = TERMS[name]
    recipe = replace(RECIPES["residual-multi-trades"], beta=3.0, group_weights=groups)
    clean, attacked, labels = _example(recipe)
    computed = loss(*map(torch.from_numpy, (clean, attacked, labels)), recipe)
    assert float(computed) == pytest.approx(_redo(recipe, clean, attacked, labels, term), rel=1e-6)


def test_cross_entropy_leaves_out_what_is_not_known():
    recipe = RECIPES["residual-multi-standard"]
    clean, _, labels = _example(recipe)
    place = list(pictures.GROUPS).index("place")
    hidden = labels.copy()
    hidden[1:, place] = UNKNOWN
    expected = _redo(recipe, clean, clean, labels, lambda p, _, right: -np.log(p[right]))
    start, stop = recipe.logit_groups["place"]
    each = [-np.log(_softmax(row[start:stop])[k[place]]) for row, k in zip(clean, labels)]  # noqa: B905
    expected += recipe.group_weights["place"] * (each[0] - np.mean(each))
    computed = losses.cross_entropy(torch.from_numpy(clean), torch.from_numpy(hidden), recipe)
    assert float(computed) == pytest.approx(expected, rel=1e-6)
    hidden[:, place] = UNKNOWN
    computed = losses.cross_entropy(torch.from_numpy(clean), torch.from_numpy(hidden), recipe)
    without = expected - recipe.group_weights["place"] * each[0]
    assert float(computed) == pytest.approx(without, rel=1e-6)


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
    recipe = _tiny(f"residual-multi-{objective}")
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


def _facts(indices: range) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    pairs = [pictures.picture(i) for i in indices]
    images = to_tensor(np.stack([image for image, _ in pairs]))
    labels = torch.tensor([labels.as_row() for _, labels in pairs])
    return images, labels, torch.tensor([augmentation.facts_of(labels) for _, labels in pairs])


def test_labels_read_off_the_facts_are_the_pictures_own():
    _, labels, facts = _facts(range(200))
    assert torch.equal(relabel(labels, facts), labels)


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


@pytest.mark.parametrize("name", ["usual", "simclr", "simclr without colour"])
def test_augmented_facts_say_where_a_blob_of_colour_went(name):
    """A red disc on blue: its centre and hue, measured in the changed picture, are the facts."""
    line = (torch.arange(64) + 0.5) / 64
    generator = torch.Generator().manual_seed(3)
    seen = 0
    for _ in range(30):
        x, y, radius = 0.5 + 0.2 * (torch.rand(3, generator=generator) - 0.5)
        radius = 0.12 + 0.1 * (radius - 0.4)
        disc = (line[None] - x).square() + (line[:, None] - y).square() < radius**2
        image = torch.where(disc, torch.tensor([0.8, 0.1, 0.1]).view(3, 1, 1), 0.0)
        image = torch.where(disc, image, torch.tensor([0.1, 0.15, 0.6]).view(3, 1, 1))[None]
        facts = torch.tensor([[x, y, radius, 0.0, 0.65]])
        changed, after = augment(image, facts, AUGMENTATIONS[name], generator)
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
        if after.isnan().any():
            continue
        hues = np.array([colorsys.rgb_to_hsv(*p)[0] for p in changed[0].flatten(1).T.tolist()])
        near = np.abs((hues - float(after[0, 3]) + 0.5) % 1 - 0.5) < 0.08
        rows, columns = np.nonzero(near.reshape(64, 64))
        if min(rows.min(), columns.min()) == 0 or max(rows.max(), columns.max()) == 63:
            continue  # cut by the edge, so its middle is elsewhere
        seen += 1
        assert (columns.mean() + 0.5) / 64 == pytest.approx(float(after[0, 0]), abs=0.02)
        assert (rows.mean() + 0.5) / 64 == pytest.approx(float(after[0, 1]), abs=0.02)
        measured = np.sqrt(near.sum() / np.pi) / 64
        assert measured == pytest.approx(float(after[0, 2]), rel=0.06)
    assert seen >= 10


def test_what_can_no_longer_be_told_is_unknown():
    images, labels, facts = _facts(range(64))
    generator = torch.Generator().manual_seed(0)
    grey, after = augment(images, facts, Augmentation(jitter=0.1, grey=1.0), generator)
    assert float((grey.amax(1) - grey.amin(1)).max()) < 1e-5
    known = {
        group: (column != UNKNOWN).float().mean().item()
        for group, column in zip(pictures.GROUPS, relabel(labels, after).T, strict=True)
    }
    assert known["object hue"] == known["background hue"] == 0
    assert known["object"] == known["place"] == known["size"] == 1
    _, after = augment(images, facts, Augmentation(crop=0.05), generator)
    gone = relabel(labels, after)[:, list(pictures.GROUPS).index("place")] == UNKNOWN
    outside = after[:, :2].isnan().any(dim=1)
    assert 0.1 < gone.float().mean() < 1
    assert torch.equal(gone, outside)


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
    "usual augmentation": {"name": "residual-multi-standard-aug"},
    "TRADES": {"name": "residual-multi-trades"},
    "MART": {"name": "residual-multi-mart"},
    "contrastive": {"name": "residual-simclr"},
    "contrastive, adversarial": {"name": "residual-simclr-adv2"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_training_ends_with_the_weights_of_uninterrupted_training(kind, tmp_path):
    def interrupt(_):
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
    assert "step 4 of 8" in said[1]
    training.fit(_tiny(rng_seed=1), replace(data, digest="other"), report=said.append, **common)
    assert "other data" in said[3]


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
        ("plain-multi-adv2", "adversarial l2"),
        ("residual-multi-trades", "TRADES l2"),
        ("residual-multi-mart", "MART l2"),
        ("residual-simclr-nocolour", "contrastive"),
        ("residual-simclr-adv2", "contrastive, adversarial l2"),
        ("residual-untrained", "untrained"),
    ],
)
def test_a_card_names_its_objective_in_known_words(name, words):
    assert writing.describe_objective(RECIPES[name]) == words


def _differences(one: str, other: str) -> set[str]:
    words = {"name", "title", "summary"}
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
                ("residual-multi-standard", "plain-multi-standard"),
                ("residual-multi-standard", "vgg-multi-standard"),
                ("plain-multi-adv2-b", "residual-multi-adv2-b"),
            ],
        ),
        (
            {"group_weights", "architecture"},
            [("residual-multi-standard", "residual-object-standard")],
        ),
        (
            {"augmentation"},
            [
                ("residual-multi-standard", "residual-multi-standard-aug"),
                ("residual-multi-standard", "residual-multi-standard-simclraug"),
                ("residual-simclr", "residual-simclr-nocolour"),
            ],
        ),
        (
            {"rng_seed"},
            [
                ("residual-multi-standard", "residual-multi-standard-b"),
                ("residual-multi-adv2-b", "residual-multi-adv2-c"),
                ("residual-simclr", "residual-simclr-b"),
                ("residual-simclr-adv2", "residual-simclr-adv2-b"),
                ("plain-multi-adv2", "plain-multi-adv2-b"),
            ],
        ),
        (
            {"epsilon", "replays", "steps"},
            [
                ("plain-multi-standard", "plain-multi-adv2"),
                ("vgg-multi-standard", "vgg-multi-adv2"),
                ("vit-multi-standard", "vit-multi-adv2"),
                ("residual-simclr", "residual-simclr-adv2"),
                ("residual-object-standard", "residual-object-adv2"),
                ("imagenette-residual-standard", "imagenette-residual-adv1"),
            ],
        ),
        ({"objective"}, [("residual-multi-trades", "residual-multi-mart")]),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else "",
)
def test_networks_that_are_compared_differ_in_one_factor(changed, pairs):
    for one, other in pairs:
        assert _differences(one, other) == changed
