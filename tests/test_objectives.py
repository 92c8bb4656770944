"""Loss terms and variants against NumPy, by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer.objectives.objective import Objective
from explorer.objectives.terms import TERMS, Scene, gaussian_blur
from explorer.objectives.variants import LOSSES, Loss, Term, loss_called
from explorer.request import RequestError

CPU = torch.device("cpu")


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(4 * 5 * 4, 6)
    ).double()


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """A perceptual distance that a test can redo: mean squared difference of 2×2 means."""
    pooled = nn.functional.avg_pool2d(a, 2) - nn.functional.avg_pool2d(b, 2)
    return pooled.square().mean((1, 2, 3))


@pytest.fixture
def images() -> np.ndarray:
    """Three pictures (image, target, seed), each 2×3×7×6 in [0, 1], float64."""
    return np.random.default_rng(0).random((3, 2, 3, 7, 6))


def scene(images: np.ndarray, network: nn.Module | None = None) -> Scene:
    x, target, seed = (torch.from_numpy(each) for each in images)
    network = network or tiny_network()
    x.requires_grad_()
    with torch.no_grad():
        of_target = network(target)
    return Scene(x, network(x), of_target, target, seed, distance)


# The terms, redone in NumPy


def relative_by_hand(images: np.ndarray) -> np.ndarray:
    network = tiny_network()
    with torch.no_grad():
        of_image, of_target = (network(torch.from_numpy(each)).numpy() for each in images[:2])
    return np.array(
        [
            math.sqrt(sum((a - b) ** 2)) / math.sqrt(sum(b**2))
            for a, b in zip(of_image, of_target, strict=True)
        ]
    )


def tv_by_hand(picture: np.ndarray) -> float:
    total = 0.0
    _, height, width = picture.shape
    for channel in picture:
        for y in range(height):
            for x in range(width):
                if y + 1 < height:
                    total += (channel[y + 1, x] - channel[y, x]) ** 2
                if x + 1 < width:
                    total += (channel[y, x + 1] - channel[y, x]) ** 2
    return total


def blurred_by_hand(picture: np.ndarray) -> np.ndarray:
    offsets = range(-2, 3)
    weights = np.array([[math.exp(-(i * i + j * j) / 2) for i in offsets] for j in offsets])
    weights /= weights.sum()
    result = np.zeros_like(picture)
    _, height, width = picture.shape

    def mirrored(place: int, size: int) -> int:
        place = abs(place)
        return 2 * (size - 1) - place if place >= size else place

    for c in range(3):
        for y in range(height):
            for x in range(width):
                result[c, y, x] = sum(
                    weights[j + 2, i + 2]
                    * picture[c, mirrored(y + j, height), mirrored(x + i, width)]
                    for j in range(-2, 3)
                    for i in range(-2, 3)
                )
    return result


def distance_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for c in range(3):
        for y in range(0, 6, 2):
            for x in range(0, 6, 2):
                total += (a[c, y : y + 2, x : x + 2] - b[c, y : y + 2, x : x + 2]).mean() ** 2
    return total / 27


def terms_by_hand(images: np.ndarray) -> dict[str, np.ndarray]:
    pictures, targets, seeds = images

    def each(function):
        return np.array([function(picture) for picture in pictures])

    return {
        "representation": relative_by_hand(images),
        "tv": each(tv_by_hand),
        "blur": each(lambda x: 0.5 * ((x - blurred_by_hand(x)) ** 2).sum()),
        "l1": each(lambda x: abs(x - 0.5).sum()),
        "l6": each(lambda x: (x**6).sum() ** (1 / 6)),
        "to-target": np.array(
            [distance_by_hand(a, b) for a, b in zip(pictures, targets, strict=True)]
        ),
        "to-seed": np.array([distance_by_hand(a, b) for a, b in zip(pictures, seeds, strict=True)]),
    }


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_its_formula_computed_by_hand(images, name):
    expected = terms_by_hand(images)[name]
    assert expected.shape == (2,)
    found = TERMS[name](scene(images)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_blur_is_a_5x5_gaussian_with_mirrored_edges(images):
    found = gaussian_blur(torch.from_numpy(images[0])).numpy()
    expected = np.stack([blurred_by_hand(picture) for picture in images[0]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_blurred_image_is_held_constant(images):
    shown = scene(images)
    (gradient,) = torch.autograd.grad(TERMS["blur"](shown).sum(), shown.images)
    expected = images[0] - np.stack([blurred_by_hand(picture) for picture in images[0]])
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-12)


# The variants


def test_formulae_read_as_on_a_board():
    match = "‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂"
    assert {name: loss.formula for name, loss in LOSSES.items()} == {
        "regularizer-free": match,
        "freq": f"10 · {match} + 0.0005 · TV(x) + 0.0005 · ½‖x − blur(x)‖² + 5e-05 · ‖x − ½‖₁",
        "freq-tv": f"10 · {match} + 0.0005 · TV(x)",
        "freq-blur": f"10 · {match} + 0.0005 · ½‖x − blur(x)‖²",
        "freq-lp": f"10 · {match} + 5e-05 · ‖x − ½‖₁",
        "freq-tv-l6": f"10 · {match} + 0.0005 · TV(x) + ‖x‖₆",
        "adversarial": f"{match} − λ · d(x, x_t)",
        "adversarial-seed": f"{match} + 10 · d(x, x_0)",
    }


PUBLISHED = {
    "regularizer-free": {"representation": 1},
    "freq": {"representation": 10, "tv": 5e-4, "blur": 5e-4, "l1": 5e-5},
    "freq-tv": {"representation": 10, "tv": 5e-4},
    "freq-blur": {"representation": 10, "blur": 5e-4},
    "freq-lp": {"representation": 10, "l1": 5e-5},
    "freq-tv-l6": {"representation": 10, "tv": 5e-4, "l6": 1},
    "adversarial-seed": {"representation": 1, "to-seed": 10},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_variant_is_the_weighted_sum_of_its_terms(images, name):
    by_hand = terms_by_hand(images)
    expected = sum(weight * by_hand[term] for term, weight in PUBLISHED[name].items())
    loss, relative = Objective([loss_called(name)] * 2, CPU)(scene(images))
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(relative.numpy(), by_hand["representation"], rtol=1e-12)
    assert not relative.requires_grad


def test_the_adversary_starts_as_strong_as_the_match_and_keeps_its_weight(images):
    by_hand = terms_by_hand(images)
    weight = by_hand["representation"] / by_hand["to-target"]
    objective = Objective([loss_called("adversarial")] * 2, CPU)
    loss, _ = objective(scene(images))
    np.testing.assert_allclose(loss.detach().numpy(), 0, atol=1e-6)
    said = [sample["to-target"] for sample in objective.weights()]
    np.testing.assert_allclose(said, -weight, rtol=1e-5)

    later = images.copy()
    later[0] = later[0] ** 2
    now = terms_by_hand(later)
    loss, _ = objective(scene(later))
    expected = now["representation"] - weight * now["to-target"]
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-5)
    assert [sample["to-target"] for sample in objective.weights()] == said


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_what_finite_differences_give(images, name):
    objective = Objective([loss_called(name)] * 2, CPU)
    shown = scene(images)
    loss, _ = objective(shown)
    (gradient,) = torch.autograd.grad(loss.sum(), shown.images)
    weights = objective.weights()[0]
    smooth = np.stack([blurred_by_hand(picture) for picture in images[0]])

    def redone(pictures: np.ndarray) -> float:
        by_hand = terms_by_hand(np.stack([pictures, images[1], images[2]]))
        by_hand["blur"] = 0.5 * ((pictures - smooth) ** 2).sum((1, 2, 3))
        return sum(
            sample[term] * by_hand[term][index]
            for index, sample in enumerate(objective.weights())
            for term in weights
        )

    rng = np.random.default_rng(1)
    for _ in range(6):
        place = tuple(rng.integers(0, size) for size in images[0].shape)
        up, down = images[0].copy(), images[0].copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        expected = (redone(up) - redone(down)) / 2e-5
        assert float(gradient[place]) == pytest.approx(expected, rel=1e-4, abs=1e-8), place


def test_samples_with_different_losses_are_in_a_batch_what_they_are_alone(images):
    for names in (("regularizer-free", "freq-tv-l6"), ("adversarial", "adversarial-seed")):
        together = scene(images)
        loss, relative = Objective([loss_called(name) for name in names], CPU)(together)
        (gradient,) = torch.autograd.grad(loss.sum(), together.images)
        for index, name in enumerate(names):
            alone = scene(images[:, index : index + 1])
            single, match = Objective([loss_called(name)], CPU)(alone)
            (own,) = torch.autograd.grad(single.sum(), alone.images)
            assert float(loss[index].detach()) == pytest.approx(float(single[0].detach()))
            assert float(relative[index]) == pytest.approx(float(match[0]))
            torch.testing.assert_close(gradient[index], own[0])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", LOSSES)
def test_plain_pictures_and_perfect_matches_have_finite_gradients(images, name, value):
    images = images.copy()
    images[0] = images[2] = value
    images[1, 0] = value
    shown = scene(images)
    loss, _ = Objective([loss_called("freq"), loss_called(name)], CPU)(shown)
    (gradient,) = torch.autograd.grad(loss.sum(), shown.images)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()


def test_only_terms_that_somebody_uses_are_computed(images, monkeypatch):
    def never(scene):
        raise AssertionError("not asked for")

    monkeypatch.setitem(TERMS, "to-target", never)
    Objective([loss_called("freq"), loss_called("adversarial-seed")], CPU)(scene(images))


def test_an_adversarial_loss_without_a_distance_is_refused(images):
    whole = scene(images)
    bare = Scene(
        whole.images, whole.representation, whole.target_representation, whole.targets, whole.seeds
    )
    with pytest.raises(ValueError, match="perceptual distance"):
        Objective([loss_called("adversarial")] * 2, CPU)(bare)


def test_what_a_loss_says_of_itself_follows_from_its_terms():
    for name, loss in LOSSES.items():
        assert loss.name == name
        assert loss.uses_distance == (loss.family == "adversarial")
        assert loss.only_representation == (name == "regularizer-free")
        assert loss.to_dict()["formula"] == loss.formula
    one = Loss("x", "X", "x", "x", (Term("tv", -2.0), Term("l1", 1.0)))
    assert one.formula == "− 2 · TV(x) + ‖x − ½‖₁"


def test_an_unknown_loss_is_answered_with_the_nearest():
    with pytest.raises(RequestError, match="'adversarial-seed'") as caught:
        loss_called("adversarialseed")
    assert caught.value.field == "loss"
