"""Loss terms and variants against NumPy, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import RequestError
from explorer.losses.formula import L1, MATCH, TO_TARGET, TV, balanced, capped
from explorer.losses.objective import CAPPED_MATCH_DISTANCE, EQUAL_FORCE_DISTANCE, Objective
from explorer.losses.term import TermInputs
from explorer.losses.terms import TERMS
from explorer.losses.terms.blur import blurred
from explorer.losses.terms.representation import COMPARISONS, REPRESENTATION, gram_matrix
from explorer.losses.variants import LOSSES, base_names, loss_named

CPU = torch.device("cpu")
BASES = base_names()
FUNCTIONS = {name: each.function for name, each in COMPARISONS.items()} | {
    name: each.function for name, each in TERMS.items() if name != REPRESENTATION
}


def replace_function(monkeypatch, registry, name: str, function) -> None:
    """Have a term or comparison compute something else while the test runs."""
    monkeypatch.setitem(registry._records, name, replace(registry[name], function=function))


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Conv2d(4, 3, 2, 2)).double()


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """A perceptual distance that a test can redo: mean squared difference of 2×2 means."""
    pooled = nn.functional.avg_pool2d(a, 2) - nn.functional.avg_pool2d(b, 2)
    return pooled.square().mean((1, 2, 3))


@pytest.fixture
def images() -> np.ndarray:
    """Three pictures (image, target, seed), each 2×3×7×6 in [0, 1], float64."""
    return np.random.default_rng(0).random((3, 2, 3, 7, 6))


def inputs_of(images: np.ndarray, network: nn.Module | None = None) -> TermInputs:
    x, target, seed = (torch.from_numpy(each) for each in images)
    network = network or tiny_network()
    x.requires_grad_()
    with torch.no_grad():
        of_target = network(target)
    return TermInputs(x, network(x), of_target, target, seed, distance)


# The terms, redone in NumPy


def seen_by_hand(images: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(image's, target's) representation of each sample, channels × places."""
    network = tiny_network()
    with torch.no_grad():
        of_image, of_target = (network(torch.from_numpy(each)).numpy() for each in images[:2])
    return [
        (a.reshape(len(a), -1), b.reshape(len(b), -1))
        for a, b in zip(of_image, of_target, strict=True)
    ]


def relative_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    return math.sqrt(((a - b) ** 2).sum()) / math.sqrt((b**2).sum())


def cosine_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - (a * b).sum() / math.sqrt((a**2).sum() * (b**2).sum())


def gram_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Entry by entry: the mean over places of the product of two channels."""
    channels = range(len(a))
    ours, wanted = (
        np.array([[np.mean(one[i] * one[j]) for j in channels] for i in channels]) for one in (a, b)
    )
    return relative_by_hand(ours, wanted)


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
    """Each pixel counts twice as much as any of its neighbours that there are."""
    result = np.zeros_like(picture)
    _, height, width = picture.shape
    for c, y, x in np.ndindex(picture.shape):
        total = weights = 0.0
        for j in range(max(0, y - 1), min(height, y + 2)):
            for i in range(max(0, x - 1), min(width, x + 2)):
                weight = 2 if (j, i) == (y, x) else 1
                total += weight * picture[c, j, i]
                weights += weight
        result[c, y, x] = total / weights
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

    seen = seen_by_hand(images)
    return {
        "relative-l2": np.array([relative_by_hand(a, b) for a, b in seen]),
        "cosine": np.array([cosine_by_hand(a, b) for a, b in seen]),
        "gram": np.array([gram_by_hand(a, b) for a, b in seen]),
        "tv": each(tv_by_hand),
        "blur": each(lambda x: 0.5 * ((x - blurred_by_hand(x)) ** 2).sum()),
        "l1": each(lambda x: abs(x - 0.5).sum()),
        "l6": each(lambda x: (x**6).sum() ** (1 / 6)),
        "to-target": np.array(
            [distance_by_hand(a, b) for a, b in zip(pictures, targets, strict=True)]
        ),
        "to-seed": np.array([distance_by_hand(a, b) for a, b in zip(pictures, seeds, strict=True)]),
    }


@pytest.mark.parametrize("shape", [(5, 4, 3), (12, 5)])
def test_a_gram_matrix_is_the_mean_product_of_channels(shape):
    made = np.random.default_rng(0).standard_normal((2, *shape))
    channels = made.reshape(2, 5, 12) if len(shape) == 3 else made.swapaxes(1, 2)
    expected = np.einsum("nip,njp->nij", channels, channels) / 12
    np.testing.assert_allclose(gram_matrix(torch.from_numpy(made)).numpy(), expected)


def test_a_vector_has_no_gram_matrix():
    with pytest.raises(ValueError, match="several places, not 7 numbers"):
        gram_matrix(torch.ones(2, 7))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_term_is_its_formula_computed_by_hand(images, name):
    expected = terms_by_hand(images)[name]
    assert expected.shape == (2,)
    found = FUNCTIONS[name](inputs_of(images)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_blurred_pixel_is_a_fifth_itself_and_at_a_corner_two_fifths():
    spot = torch.zeros(1, 1, 5, 5)
    spot[..., 2, 2] = 1
    expected = torch.zeros(5, 5)
    expected[1:4, 1:4] = 0.1
    expected[2, 2] = 0.2
    torch.testing.assert_close(blurred(spot)[0, 0], expected)
    corner = torch.zeros(1, 1, 5, 5)
    corner[..., 0, 0] = 1
    assert float(blurred(corner)[0, 0, 0, 0]) == pytest.approx(0.4)


def test_the_blurred_image_is_held_constant(images):
    inputs = inputs_of(images)
    (gradient,) = torch.autograd.grad(FUNCTIONS["blur"](inputs).sum(), inputs.images)
    expected = images[0] - np.stack([blurred_by_hand(picture) for picture in images[0]])
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-12)


# The variants

R = "‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂"
MOVED = "‖g(T(x)) − g(x_t)‖₂ / ‖g(x_t)‖₂"


def test_formulae_read_as_on_a_board():
    assert {name: LOSSES[name].formula for name in BASES} == {
        "regularizer-free": R,
        "freq": f"10 · {R} + 0.0005 · TV(x) + 0.0005 · ½‖x − blur(x)‖² + 5e-05 · ‖x − ½‖₁",
        "freq-tv": f"10 · {R} + 0.0005 · TV(x)",
        "freq-blur": f"10 · {R} + 0.0005 · ½‖x − blur(x)‖²",
        "freq-lp": f"10 · {R} + 5e-05 · ‖x − ½‖₁",
        "freq-tv-l6": f"10 · {R} + 0.0005 · TV(x) + ‖x‖₆",
        "adversarial": f"{R} − min(λ, λ_k) · d(x, x_t)",
        "adversarial-published": f"{R} − λ · d(x, x_t)",
        "adversarial-seed": f"{R} + 10 · d(x, x_0)",
    }
    assert LOSSES["freq-tv+transforms"].formula == f"10 · {MOVED} + 0.0005 · TV(x)"
    assert LOSSES["regularizer-free+fourier"].formula == f"{R}, x = image(z)"
    assert LOSSES["regularizer-free+transforms+fourier"].formula == f"{MOVED}, x = image(z)"


def test_every_variant_has_its_suffixes_and_only_adversarial_ones_have_none():
    transforms = ("", "+transforms", "+centred-transforms")
    suffixes = (*transforms, *(each + "+fourier" for each in transforms))
    expected = []
    for base in BASES:
        adversarial = base.startswith("adversarial")
        expected += [base] if adversarial else [base + suffix for suffix in suffixes]
    assert list(LOSSES) == expected
    for name, loss in LOSSES.items():
        assert loss.name == name
        kinds = [each for each in ("transforms", "centred-transforms") if f"+{each}" in name]
        assert loss.transforms == (kinds[0] if kinds else None)
        assert loss.parametrisation == ("fourier" if "+fourier" in name else "pixel")
        assert loss.sum == LOSSES[loss.base].sum
        suffixed = "+" in name
        assert loss.family == ("human-leaning" if suffixed else LOSSES[loss.base].family)


PUBLISHED = {
    "regularizer-free": {"relative-l2": 1},
    "freq": {"relative-l2": 10, "tv": 5e-4, "blur": 5e-4, "l1": 5e-5},
    "freq-tv": {"relative-l2": 10, "tv": 5e-4},
    "freq-blur": {"relative-l2": 10, "blur": 5e-4},
    "freq-lp": {"relative-l2": 10, "l1": 5e-5},
    "freq-tv-l6": {"relative-l2": 10, "tv": 5e-4, "l6": 1},
    "adversarial-seed": {"relative-l2": 1, "to-seed": 10},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_variant_is_the_weighted_sum_of_its_terms(images, name):
    by_hand = terms_by_hand(images)
    expected = sum(weight * by_hand[term] for term, weight in PUBLISHED[name].items())
    value = Objective([loss_named(name)] * 2, CPU)(inputs_of(images))
    np.testing.assert_allclose(value.loss.detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(value.score.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(value.relative_l2.numpy(), by_hand["relative-l2"], rtol=1e-12)
    assert not value.relative_l2.requires_grad


@pytest.mark.parametrize("comparison", ["cosine", "gram"])
def test_representations_can_be_compared_otherwise_and_the_match_stays_the_relative_distance(
    images, comparison
):
    by_hand = terms_by_hand(images)
    loss = loss_named("freq-tv", {"tv": 0.5}, comparison)
    value = Objective([loss] * 2, CPU)(inputs_of(images))
    expected = 10 * by_hand[comparison] + 0.5 * by_hand["tv"]
    np.testing.assert_allclose(value.loss.detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(value.relative_l2.numpy(), by_hand["relative-l2"], rtol=1e-12)


# Weights of one's own


def test_weights_can_be_changed_removed_and_added(images):
    by_hand = terms_by_hand(images)
    loss = loss_named("freq", {"tv": 2.0, "blur": 0, "l6": 0.25, "representation": 3})
    assert loss.formula == f"3 · {R} + 2 · TV(x) + 5e-05 · ‖x − ½‖₁ + 0.25 · ‖x‖₆"
    value = Objective([loss] * 2, CPU)(inputs_of(images))
    expected = (
        3 * by_hand["relative-l2"] + 2 * by_hand["tv"] + 5e-5 * by_hand["l1"] + 0.25 * by_hand["l6"]
    )
    np.testing.assert_allclose(value.loss.detach().numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["adversarial", "adversarial-published", "regularizer-free"])
def test_a_given_weight_repels_from_the_target_and_is_neither_balanced_nor_capped(images, name):
    loss = loss_named(name, {"to-target": 0.5})
    assert loss.formula == f"{R} − 0.5 · d(x, x_t)"
    assert loss.uses_distance
    by_hand = terms_by_hand(images)
    value = Objective([loss] * 2, CPU)(inputs_of(images))
    expected = by_hand["relative-l2"] - 0.5 * by_hand["to-target"]
    np.testing.assert_allclose(value.loss.detach().numpy(), expected, rtol=1e-6)


def test_without_the_match_the_rest_is_still_a_loss_and_the_match_still_known(images):
    by_hand = terms_by_hand(images)
    value = Objective([loss_named("freq-tv", {"representation": 0})] * 2, CPU)(inputs_of(images))
    np.testing.assert_allclose(value.loss.detach().numpy(), 5e-4 * by_hand["tv"], rtol=1e-6)
    np.testing.assert_allclose(value.relative_l2.numpy(), by_hand["relative-l2"], rtol=1e-12)


def test_sums_add_up_as_written():
    made = 10 * MATCH + 2 * (TV - 0.5 * L1)
    said = [(term.name, term.weight) for term in made.terms]
    assert said == [("representation", 10), ("tv", 2), ("l1", -1)]
    assert made.written() == f"10 · {R} + 2 · TV(x) − ‖x − ½‖₁"
    assert (-2 * TV + L1).written() == "− 2 · TV(x) + ‖x − ½‖₁"
    assert (MATCH - capped(balanced(TO_TARGET))).written() == f"{R} − min(λ, λ_k) · d(x, x_t)"
    with pytest.raises(ValueError, match="once"):
        TV + 2 * TV


# The adversary's weight


def test_the_adversary_starts_as_strong_as_the_match_and_keeps_its_weight(images):
    by_hand = terms_by_hand(images)
    weight = by_hand["relative-l2"] / by_hand["to-target"]
    objective = Objective([loss_named("adversarial-published")] * 2, CPU)
    loss = objective(inputs_of(images)).loss
    np.testing.assert_allclose(loss.detach().numpy(), 0, atol=1e-6)
    said = [sample["to-target"] for sample in objective.weights()]
    np.testing.assert_allclose(said, -weight, rtol=1e-5)

    later = images.copy()
    later[0] = later[0] ** 2
    now = terms_by_hand(later)
    loss = objective(inputs_of(later)).loss
    expected = now["relative-l2"] - weight * now["to-target"]
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-5)
    assert [sample["to-target"] for sample in objective.weights()] == said


def test_the_weight_is_the_published_one_of_a_batch_of_one_whoever_else_is_in_it(
    images,
):
    """Published is one weight a batch, mean of the match / mean of d."""
    by_hand = terms_by_hand(images)
    together = Objective([loss_named("adversarial-published")] * 2, CPU)
    together(inputs_of(images))
    for index in range(2):
        batch = slice(index, index + 1)
        published = by_hand["relative-l2"][batch].mean() / by_hand["to-target"][batch].mean()
        alone = Objective([loss_named("adversarial-published")], CPU)
        alone(inputs_of(images[:, batch]))
        for objective, place in ((alone, 0), (together, index)):
            assert -objective.weights()[place]["to-target"] == pytest.approx(published, rel=1e-5)
    whole = by_hand["relative-l2"].mean() / by_hand["to-target"].mean()
    assert abs(whole / published - 1) > 1e-3, "else a batch would have the same weight"


def slope_by_hand(term: str, images: np.ndarray, index: int) -> float:
    """Length of one term's gradient at one sample, by central differences at every pixel."""
    squares = 0.0
    for place in np.ndindex(images[0, index].shape):
        up, down = images.copy(), images.copy()
        up[(0, index, *place)] += 1e-5
        down[(0, index, *place)] -= 1e-5
        rise = terms_by_hand(up)[term][index] - terms_by_hand(down)[term][index]
        squares += (rise / 2e-5) ** 2
    return math.sqrt(squares)


def test_a_capped_push_is_as_strong_as_the_pull_of_the_match_where_that_is_even(images):
    objective = Objective([loss_named("adversarial")] * 2, CPU)
    objective(inputs_of(images))
    balanced_weight = [-sample["to-target"] for sample in objective.weights()]
    nearer = images.copy()
    nearer[0] = 0.98 * images[1] + 0.02 * images[0]
    by_hand = terms_by_hand(nearer)
    loss = objective(inputs_of(nearer)).loss.detach().numpy()
    for index in range(2):
        relative = by_hand["relative-l2"][index]
        pull = slope_by_hand("relative-l2", nearer, index)
        push = slope_by_hand("to-target", nearer, index)
        cap = EQUAL_FORCE_DISTANCE / relative * pull / push
        weight = min(balanced_weight[index], cap)
        assert loss[index] == pytest.approx(relative - weight * by_hand["to-target"][index])
    said = [-sample["to-target"] for sample in objective.weights()]
    assert said == balanced_weight, "what is reported is λ"


def test_of_capped_pictures_the_one_pushed_furthest_within_what_is_bearable_is_best(images):
    objective = Objective([loss_named("adversarial")], CPU)

    def score(target: float, relative: float) -> float:
        """Of an image that differs from its target by so much, in pixels and in representation."""
        image = torch.full((1, 3, 4, 4), 0.5).requires_grad_()
        made = torch.ones(1, 4) * (1 + relative) + 0 * image.sum()
        far = torch.full_like(image, 0.5 - target).detach()
        return float(objective(TermInputs(image, made, torch.ones(1, 4), far, far, distance)).score)

    near, pushed = CAPPED_MATCH_DISTANCE * 0.5, CAPPED_MATCH_DISTANCE * 0.99
    order = [score(0.4, pushed), score(0.3, near), score(0.1, near), score(0.4, 0.1), score(0.4, 1)]
    assert order == sorted(order)
    assert order[3:] == pytest.approx([0.1, 1], rel=1e-5)


# Gradients


@pytest.mark.parametrize("name", [*BASES, "cosine", "gram"])
def test_gradients_are_what_finite_differences_give(images, name):
    comparison = name if name in COMPARISONS else None
    loss = loss_named(name if comparison is None else "regularizer-free", None, comparison)
    objective = Objective([loss] * 2, CPU)
    inputs = inputs_of(images)
    value = objective(inputs).loss
    (gradient,) = torch.autograd.grad(value.sum(), inputs.images)
    smooth = np.stack([blurred_by_hand(picture) for picture in images[0]])
    start = terms_by_hand(images)
    weights = []
    for index, said in enumerate(objective.weights()):
        said = {
            (comparison or "relative-l2" if k == "representation" else k): v
            for k, v in said.items()
        }
        if name == "adversarial":  # what the cap makes of it, told from the loss itself
            pushed = start["relative-l2"][index] - float(value[index].detach())
            said["to-target"] = -pushed / start["to-target"][index]
        weights.append(said)

    def redone(pictures: np.ndarray) -> float:
        by_hand = terms_by_hand(np.stack([pictures, images[1], images[2]]))
        by_hand["blur"] = 0.5 * ((pictures - smooth) ** 2).sum((1, 2, 3))
        return sum(
            weight * by_hand[term][index]
            for index, sample in enumerate(weights)
            for term, weight in sample.items()
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
    for losses in (
        [loss_named("regularizer-free"), loss_named("freq-tv-l6")],
        [loss_named("adversarial"), loss_named("adversarial-seed")],
        [loss_named("regularizer-free", None, "gram"), loss_named("freq", None, "cosine")],
    ):
        together = inputs_of(images)
        value = Objective(losses, CPU)(together)
        (gradient,) = torch.autograd.grad(value.loss.sum(), together.images)
        for index, one in enumerate(losses):
            alone = inputs_of(images[:, index : index + 1])
            single = Objective([one], CPU)(alone)
            (own,) = torch.autograd.grad(single.loss.sum(), alone.images)
            for name in ("loss", "relative_l2", "score"):
                found, expected = (getattr(each, name).detach() for each in (value, single))
                assert float(found[index]) == pytest.approx(float(expected[0]))
            torch.testing.assert_close(gradient[index], own[0])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", [*BASES, "cosine", "gram"])
def test_plain_pictures_and_perfect_matches_have_finite_gradients(images, name, value):
    images = images.copy()
    images[0] = images[2] = value
    images[1, 0] = value
    inputs = inputs_of(images)
    comparison = name if name in COMPARISONS else None
    loss = loss_named(name if comparison is None else "regularizer-free", None, comparison)
    found = Objective([loss_named("freq"), loss], CPU)(inputs).loss
    (gradient,) = torch.autograd.grad(found.sum(), inputs.images)
    assert torch.isfinite(found).all()
    assert torch.isfinite(gradient).all()


def test_only_terms_that_somebody_uses_are_computed(images, monkeypatch):
    def never(inputs):
        raise AssertionError("not asked for")

    replace_function(monkeypatch, TERMS, "to-target", never)
    Objective([loss_named("freq"), loss_named("adversarial-seed")], CPU)(inputs_of(images))


# What goes wrong


@pytest.mark.parametrize("term", ["tv", "l6", "representation"])
def test_the_term_that_is_not_a_number_is_named(images, monkeypatch, term):
    registry, name = (COMPARISONS, "relative-l2") if term == REPRESENTATION else (TERMS, term)
    true = registry[name].function
    replace_function(monkeypatch, registry, name, lambda inputs: true(inputs) * torch.nan)
    objective = Objective([loss_named("freq-tv-l6")] * 2, CPU)
    assert objective.nonfinite_terms(inputs_of(images)) == [term]


def test_the_term_whose_gradient_is_not_a_number_is_named(images, monkeypatch):
    replace_function(
        monkeypatch, TERMS, "tv", lambda inputs: (inputs.images * 0).sum((1, 2, 3)).sqrt()
    )
    objective = Objective([loss_named("freq-tv")] * 2, CPU)
    assert objective.nonfinite_terms(inputs_of(images)) == ["tv"]
    assert Objective([loss_named("freq")] * 2, CPU).nonfinite_terms(inputs_of(images)) == ["tv"]
    free = Objective([loss_named("regularizer-free")] * 2, CPU)
    assert free.nonfinite_terms(inputs_of(images)) == []


def test_an_adversarial_loss_without_a_distance_is_refused(images):
    whole = inputs_of(images)
    bare = TermInputs(
        whole.images, whole.representation, whole.target_representation, whole.targets, whole.seeds
    )
    with pytest.raises(ValueError, match="perceptual distance"):
        Objective([loss_named("adversarial")] * 2, CPU)(bare)


def test_what_a_loss_says_of_itself_follows_from_its_terms():
    for name, loss in LOSSES.items():
        assert loss.uses_distance == (loss.family == "adversarial")
        assert loss.only_match == (loss.base == "regularizer-free" and not loss.transforms)
        assert loss.stationary == (not loss.transforms and name != "adversarial")
        assert loss.to_dict()["formula"] == loss.formula
    assert not loss_named("regularizer-free", None, "cosine").only_match
    assert not loss_named("regularizer-free", {"tv": 1}).only_match
    assert loss_named("freq-tv", {"tv": 0}).only_match
    assert loss_named("adversarial", {"to-target": 0.1}).stationary


def test_unknown_names_are_answered_with_the_nearest():
    for arguments, field, said in (
        (("adversarialseed",), "loss", "'adversarial-seed'"),
        (("freq+fourier+transforms",), "loss", "'freq+transforms+fourier'"),
        (("freq+fourier+centred-transforms",), "loss", "'freq+centred-transforms+fourier'"),
        (("adversarial+fourier",), "loss", "all but the adversarial"),
        (("freq", {"tvv": 1.0}), "term_weights", "did you mean 'tv'"),
        (("freq", {"": 1.0}), "term_weights", ", ".join(TERMS)),
        (("freq", None, "cosin"), "representation", "relative-l2, cosine, gram"),
    ):
        with pytest.raises(RequestError) as caught:
            loss_named(*arguments)
        assert caught.value.field == field
        assert said in caught.value.message


@pytest.mark.parametrize("name", BASES)
def test_a_loss_all_of_whose_weights_are_0_is_refused(name):
    nothing = dict.fromkeys(LOSSES[name].weights, 0.0)
    with pytest.raises(RequestError, match="all weights are 0") as caught:
        loss_named(name, nothing)
    assert caught.value.field == "term_weights"
