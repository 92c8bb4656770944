"""The zoo: its picture set, its attacks, its training, and the networks that ship."""

import subprocess
import sys
from colorsys import rgb_to_hsv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional

from explorer.research.training.attacks import Attack, norms, pgd, project
from explorer.research.training.data import drawn_pictures
from explorer.research.training.datasets import DATASETS
from explorer.research.training.evaluation import measure
from explorer.research.training.inputs import normalise, to_tensor
from explorer.research.training.recipe import DRAWN
from explorer.research.training.recipes import RECIPES
from explorer.research.training.table import markdown
from explorer.research.training.writing import is_current
from explorer.zoo import cards, pictures
from explorer.zoo.architectures import count_parameters

SHIPPED = cards.names()
DRAWN_NETWORKS = [name for name in SHIPPED if RECIPES[name].dataset == DRAWN]


@pytest.fixture(scope="module")
def shipped() -> dict:
    return {name: cards.load(name) for name in SHIPPED}


# The pictures


def test_a_picture_is_the_same_every_time_and_unlike_its_neighbours():
    first, labels = pictures.picture(7)
    again, labels_again = pictures.picture(7)
    assert np.array_equal(first, again)
    assert labels == labels_again
    assert not np.array_equal(first, pictures.picture(7 + 16)[0])


def test_a_picture_does_not_change_from_one_release_to_the_next():
    image, labels = pictures.picture(3, "test")
    assert (labels.object, labels.object_colour, labels.background_colour) == (3, 7, 2)
    assert image.mean(axis=(0, 1)) == pytest.approx([105.2, 89.5, 41.5], abs=1.0)


def test_no_held_out_picture_is_among_the_training_pictures():
    training_set = {pictures.picture(i, "train")[0].tobytes() for i in range(320)}
    held_out = {pictures.picture(i, "test")[0].tobytes() for i in range(320)}
    assert len(training_set) == len(held_out) == 320
    assert not training_set & held_out


def test_every_label_lies_in_its_range_and_every_value_occurs():
    _, rows = pictures.batch(range(640), size=16)
    assert rows.shape == (640, len(pictures.GROUPS))
    for column, names in zip(rows.T, pictures.GROUPS.values(), strict=True):
        assert set(column) == set(range(len(names)))
    assert set(np.bincount(rows[:, 0])) == {40}


def test_object_and_background_never_share_a_colour_or_a_neighbouring_one():
    for index in range(400):
        labels = pictures.picture(index, size=16)[1]
        apart = abs(labels.object_colour - labels.background_colour)
        assert min(apart, len(pictures.COLOURS) - apart) >= 2


def _hue(image: np.ndarray) -> float:
    """Mean hue of the pixels, weighted by how colourful they are, on the colour circle."""
    pixels = image.reshape(-1, 3)[::3] / 255
    hues, saturations, values = np.array([rgb_to_hsv(*pixel) for pixel in pixels]).T
    return np.angle((saturations * values * np.exp(2j * np.pi * hues)).sum()) / 2 / np.pi % 1


def _hue_distance(a: float, b: float) -> float:
    return min(abs(a - b), 1 - abs(a - b))


@pytest.mark.parametrize("index", range(0, 96, 7))
def test_the_corners_have_the_background_hue_and_the_middle_of_a_disc_the_object_hue(index):
    image, labels = pictures.picture(index, "test")
    border = np.concatenate([image[:2].reshape(-1, 3), image[-2:].reshape(-1, 3)])
    assert _hue_distance(_hue(border), labels.background_hue) < 0.05

    face = pictures.OBJECTS.index("face")
    image, labels = pictures.picture(16 * index + face, "test")
    x, y = round(64 * labels.x), round(64 * labels.y)
    reach = round(64 * labels.radius * 0.4)
    middle = image[y - reach : y + reach, x - reach : x + reach]
    assert _hue_distance(_hue(middle), labels.object_hue) < 0.05


def test_the_object_is_where_and_as_big_as_its_labels_say():
    plain = pictures.PATTERNS.index("plain")
    face = pictures.OBJECTS.index("face")  # a disc over nine tenths of the object's extent
    seen = 0
    for index in range(face, 16 * 60, 16):
        image, labels = pictures.picture(index)
        if labels.pattern != plain:
            continue
        seen += 1
        # Shadow darkens a plain ground and keeps its direction in colour space; the disc doesn't.
        direction = image / np.maximum(np.linalg.norm(image, axis=2, keepdims=True), 1)
        ys, xs = np.nonzero(np.abs(direction - direction[0, 0]).sum(axis=2) > 0.2)
        assert (xs.min() + xs.max() + 1) / 2 / 64 == pytest.approx(labels.x, abs=0.03)
        assert (ys.min() + ys.max() + 1) / 2 / 64 == pytest.approx(labels.y, abs=0.03)
        extent = (np.ptp(xs) + np.ptp(ys) + 2) / 2 / 64
        assert extent == pytest.approx(2 * 0.9 * labels.radius, rel=0.1)
    assert seen > 5


def test_a_larger_picture_is_the_same_picture():
    for index in (0, 5, 11, 14):
        small, labels = pictures.picture(index, "test")
        large, labels_large = pictures.picture(index, "test", size=256)
        assert large.shape == (256, 256, 3)
        assert labels == labels_large
        shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
        assert np.abs(shrunk - small).mean() < 6


@pytest.mark.parametrize(
    ("arguments", "word"), [((0, "validation"), "split"), ((-1,), "index"), ((0, "test", 8), "16")]
)
def test_an_impossible_picture_is_refused_in_a_sentence(arguments, word):
    with pytest.raises(ValueError, match=word):
        pictures.picture(*arguments)


def test_the_pictures_need_no_torch():
    code = "import sys, explorer.zoo.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The attacks


def test_projection_reaches_the_ball_and_the_box():
    generator = torch.Generator().manual_seed(0)
    centres = torch.rand(20, 3, 8, 8, generator=generator)
    far = centres + torch.randn(centres.shape, generator=generator)
    near = project(far, centres, 1.5)
    assert float(norms(near - centres).max()) <= 1.5 + 1e-5
    assert 0 <= float(near.min()) <= float(near.max()) <= 1
    inside = (centres + 1e-4).clamp(0, 1)
    torch.testing.assert_close(project(inside, centres, 1.5), inside, rtol=0, atol=1e-6)


def test_pgd_on_a_linear_network_is_one_step_along_the_weights():
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(1, 3, 8, 8, generator=generator)
    images = torch.full((4, 3, 8, 8), 0.5)
    best = images + 0.5 * weights / weights.norm()
    straight = pgd(lambda x: (x * weights).sum(), images, 0.5, Attack(random_start=False))
    assert torch.allclose(straight, best, atol=1e-6)
    wandering = pgd(lambda x: (x * weights).sum(), images, 0.5)
    gain, most = (((x - images) * weights).flatten(1).sum(1) for x in (wandering, best))
    assert float((gain / most).min()) > 0.98


def test_pgd_raises_the_loss_and_stays_within_reach(shipped):
    network, _ = shipped["residual-multi-standard"]
    images, rows = pictures.batch(range(16), "test")
    images, objects = to_tensor(images), torch.from_numpy(rows[:, 0])

    def loss(candidates):
        logits = network(normalise(candidates))[:, :16]
        return functional.cross_entropy(logits, objects, reduction="sum")

    attacked = pgd(loss, images, epsilon=1.0, attack=Attack(steps=4))
    assert float(norms(attacked - images).max()) <= 1.0 + 1e-4
    assert 0 <= float(attacked.min()) <= float(attacked.max()) <= 1
    with torch.no_grad():
        assert float(loss(attacked)) > float(loss(images)) + 16 * 0.5


# The networks that ship

FIELDS = {
    *("title", "summary", "architecture", "family", "residual", "parameters", "objective"),
    *("epsilon", "labels", "augmentation", "data", "training_pictures", "steps", "seconds"),
    *("classes", "logit_groups", "input_size", "mean", "std", "interpolation", "crop_pct"),
    *("accuracy", "licence", "train_command", "torch", "recipe", "head"),
}


def test_the_zoo_holds_the_pair_that_everything_else_is_compared_with():
    assert {"residual-multi-standard", "residual-multi-adv2"} <= set(SHIPPED) <= set(RECIPES)


def test_a_network_that_ships_was_made_by_its_recipe_as_it_is_now():
    for name in SHIPPED:
        assert is_current(RECIPES[name]), name
        assert not is_current(replace(RECIPES[name], rng_seed=99))


def test_titles_and_summaries_are_short_and_tell_the_networks_apart():
    for words in ("title", "summary"):
        assert len({getattr(recipe, words) for recipe in RECIPES.values()}) == len(RECIPES)
    assert max(len(recipe.title) for recipe in RECIPES.values()) <= 50
    assert max(len(recipe.summary) for recipe in RECIPES.values()) <= 90


def test_the_table_in_the_docs_is_what_the_cards_say():
    """If not: python -m explorer zoo table > docs/zoo/networks.md"""
    docs = Path(__file__).parents[1] / "docs" / "zoo" / "networks.md"
    assert docs.read_text(encoding="utf-8") == markdown()
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert len(rows) == 2 * len(SHIPPED)
    assert any(row.startswith("| `residual-multi-adv2` | 100.0 | 99.4 | 96.7 |") for row in rows)


def test_all_weights_together_stay_small():
    assert sum(path.stat().st_size for path in cards.WEIGHTS.iterdir()) <= 30_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_everything_and_agrees_with_the_weights(name, shipped):
    network, card = shipped[name]
    assert card.keys() >= FIELDS
    assert card["name"] == name
    assert name in cards.names()
    assert card["parameters"] == count_parameters(network)
    dataset = RECIPES[name].dataset
    classes = pictures.OBJECTS if dataset == DRAWN else DATASETS[dataset].classes
    assert card["classes"] == list(classes) == card["logit_names"]["object"]
    assert card["logit_groups"]["object"] == [0, len(classes)]
    assert max(stop for _, stop in card["logit_groups"].values()) == network.head.out_features
    assert set(card["accuracy"]["pgd"]) == {"0.5", "1", "2"}
    path = cards.WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= (1_000_000 if dataset == DRAWN else 2_000_000)
    with safe_open(path, "pt") as file:
        kinds = {str(file.get_tensor(key).dtype) for key in file.keys()}  # noqa: SIM118
    assert kinds - {"torch.int64"} == {f"torch.{kind}" for kind in card["precision"].split(" and ")}


@pytest.mark.parametrize("name", DRAWN_NETWORKS)
def test_the_weights_do_as_well_as_the_card_says(name, shipped):
    """On the first 400 of the card's pictures, within four standard errors of such a sample."""
    network, card = shipped[name]
    images, rows = pictures.batch(range(400), "test")
    with torch.no_grad():
        logits = network(normalise(to_tensor(images)))
    for group, (start, stop) in card["logit_groups"].items():
        column = list(pictures.GROUPS).index(group)
        right = (logits[:, start:stop].argmax(1).numpy() == rows[:, column]).mean()
        said = card["accuracy"]["clean_by_group"][group] / 100
        error = np.sqrt(said * (1 - said) * (1 / 400 - 1 / card["accuracy"]["n"]))
        assert right == pytest.approx(said, abs=4 * error + 0.0025)


def test_adversarial_training_made_the_network_harder_to_fool(shipped):
    right = {}
    for name in ("residual-multi-standard", "residual-multi-adv2"):
        network, card = shipped[name]
        measured = measure(
            network,
            card["logit_groups"],
            drawn_pictures(1).held_out(64),
            attacked_count=64,
            attack=Attack(steps=3, relative_step=0.5),
        )
        right[name] = measured["pgd"]["1"]
    assert right["residual-multi-adv2"] > right["residual-multi-standard"] + 20
