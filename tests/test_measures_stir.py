"""CKA against NumPy and closed forms; STIR on linear networks, where IRIs are known exactly."""

import json

import numpy as np
import pytest
import torch

from explorer.metrics import cka
from explorer.metrics.cka import cka_by_chance, linear_cka
from explorer.metrics.stir import Inverted, at_layer, shared_invariance, stir
from explorer.models.layers import representation
from explorer.models.loading import load

torch.set_num_threads(1)


def normal(*shape: int, rng_seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rng_seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_numpy(a: torch.Tensor, b: torch.Tensor) -> float:
    """HSIC by its definition, with the centring matrix written out."""
    n = len(a)
    h = np.eye(n) - 1 / n
    k, l_ = (h @ x @ x.T @ h for x in (each.flatten(1).double().numpy() for each in (a, b)))
    return np.trace(k @ l_) / np.sqrt(np.trace(k @ k) * np.trace(l_ @ l_))


def orthogonal(size: int, rng_seed: int = 0) -> torch.Tensor:
    return torch.linalg.qr(normal(size, size, rng_seed=rng_seed))[0]


# CKA


@pytest.mark.parametrize(
    ("one", "other"),
    [((40, 6), (40, 9)), ((7, 50), (7, 3)), ((7, 3), (7, 4, 5, 5)), ((9, 9), (9, 9))],
)
def test_cka_is_the_definition_with_more_images_than_features_and_with_fewer(one, other):
    a, b = 3 + normal(*one), normal(*other, rng_seed=1) - 5
    b.view(len(b), -1)[:, 0] += a.view(len(a), -1)[:, 0]
    assert linear_cka(a, b) == pytest.approx(by_numpy(a, b), abs=1e-12)


def test_both_forms_agree_and_chunks_of_columns_change_nothing(monkeypatch):
    a, b = normal(30, 20), normal(30, 20, rng_seed=1)
    wide = torch.cat([b, torch.zeros(30, 40, dtype=torch.float64)], dim=1)
    monkeypatch.setattr(cka, "_CHUNK_NUMBERS", 7 * 30)
    assert linear_cka(a, wide) == pytest.approx(linear_cka(a, b), abs=1e-12)
    assert linear_cka(a, b) == pytest.approx(by_numpy(a, b), abs=1e-12)


@pytest.mark.parametrize("features", [5, 60])
def test_cka_is_one_for_itself_symmetric_and_blind_to_rotation_scale_and_shift(features):
    a, b = normal(20, features), normal(20, features, rng_seed=1) + normal(20, features)
    assert linear_cka(a, a) == pytest.approx(1, abs=1e-12)
    assert linear_cka(a, b) == pytest.approx(linear_cka(b, a), abs=1e-12)
    moved = 7 + 0.01 * b @ orthogonal(features)
    assert linear_cka(a, moved) == pytest.approx(linear_cka(a, b), abs=1e-10)
    stretched = b * torch.linspace(0.1, 10, features, dtype=torch.float64)
    assert abs(linear_cka(a, stretched) - linear_cka(a, b)) > 1e-3


@pytest.mark.parametrize(("p", "q", "shared"), [(4, 9, 3), (5, 5, 5), (2, 3, 0)])
def test_cka_of_orthonormal_features_is_the_share_they_have_in_common(p, q, shared):
    # Columns orthogonal to each other and to the constant one: CKA = shared / √(p·q).
    columns = torch.linalg.qr(torch.cat([torch.ones(20, 1).double(), normal(20, 15)], dim=1))[0]
    a, b = columns[:, 1 : 1 + p], columns[:, 1 + p - shared : 1 + p - shared + q]
    assert linear_cka(a, b) == pytest.approx(shared / (p * q) ** 0.5, abs=1e-12)


def test_float32_features_on_a_large_offset_keep_their_precision():
    a = (1000 + normal(50, 400)).float()
    b = (1000 + normal(50, 400, rng_seed=1)).float()
    assert linear_cka(a, b) == pytest.approx(by_numpy(a, b), abs=1e-9)


def test_chance_is_the_mean_over_wrong_pairings_and_high_for_few_images():
    a, b = normal(8, 500), normal(8, 500, rng_seed=1)
    expected = np.mean([by_numpy(a, b.roll(shift, 0)) for shift in range(1, 8)])
    assert cka_by_chance(a, b) == pytest.approx(expected, abs=1e-12)
    assert cka_by_chance(a, a) > 0.9
    many = normal(150, 4)
    assert cka_by_chance(many, many) < 0.05
    shifts = np.linspace(1, 149, cka.MOST_PAIRINGS).round().astype(int)
    expected = np.mean([by_numpy(many, many.roll(int(shift), 0)) for shift in shifts])
    assert cka_by_chance(many, many) == pytest.approx(expected, abs=1e-3)


def test_what_cka_cannot_answer_is_refused_in_a_sentence():
    good = normal(5, 4)
    for a, b, message in (
        (good, normal(6, 4), "the same images, not of 5 and 6"),
        (good, normal(5), r"one row per image, not \(5, 4\) and \(5,\)"),
        (good[:2], good[:2], "at least 3 images, not 2"),
        (good, torch.full((5, 4), 0.1), "second representation is the same for every image"),
        (good * torch.inf, good, "first representation holds values that are not finite"),
        (good, good[:, :0], "one row per image"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_cka(a, b)
        with pytest.raises(ValueError, match=message):
            cka_by_chance(a, b)


# STIR


def linear_network(matrix: torch.Tensor):
    return lambda images: images.flatten(1) @ matrix.T


def linear_iris(matrix: torch.Tensor, images: torch.Tensor, seeds: torch.Tensor) -> torch.Tensor:
    """The nearest images to the seeds that the network cannot tell from `images`."""
    gap = (images - seeds).flatten(1)
    return seeds + (gap @ matrix.T @ torch.linalg.pinv(matrix).T).view_as(seeds)


@pytest.fixture
def pictures():
    return normal(40, 3, 2, 2), normal(40, 3, 2, 2, rng_seed=9)


def test_stir_of_a_network_with_itself_is_one_when_the_match_is_perfect(pictures):
    images, seeds = pictures
    matrix = normal(5, 12, rng_seed=2)
    iris = linear_iris(matrix, images, seeds)
    assert (iris - images).abs().max() > 0.5
    made = Inverted(linear_network(matrix), images, iris)
    found = stir(made.represent, made)
    assert found.value == pytest.approx(1, abs=1e-9)
    assert found.worst_match < 1e-9
    assert found.chance < 0.3
    both = shared_invariance(made, made)
    assert both.similarity == pytest.approx(1, abs=1e-9)
    assert both.second_given_first == both.first_given_second == found


def test_stir_is_not_symmetric_where_one_network_sees_more_than_the_other(pictures):
    images, seeds = pictures
    all_of_it = orthogonal(12, rng_seed=3)
    a_part = all_of_it[:4]
    sharp = Inverted(
        linear_network(all_of_it), images.flip(0), linear_iris(all_of_it, images, seeds).flip(0)
    )
    blind = Inverted(
        linear_network(a_part), images.flip(0), linear_iris(a_part, images, seeds).flip(0)
    )
    both = shared_invariance(sharp, blind)
    assert both.second_given_first.value == pytest.approx(1, abs=1e-9)
    of_images, of_iris = sharp.represent(blind.images), sharp.represent(blind.iris)
    expected = by_numpy(of_images, of_iris)
    assert both.first_given_second.value == pytest.approx(expected, abs=1e-9)
    assert expected < 0.7
    assert both.first_given_second.worst_match < 1e-9
    of_both = by_numpy(sharp.represent(images), blind.represent(images))
    assert both.similarity == pytest.approx(of_both, abs=1e-9)


def test_stir_says_how_well_the_iris_match_and_is_plain_json(pictures):
    images, _ = pictures
    matrix = normal(5, 12, rng_seed=2)
    made = Inverted(linear_network(matrix), images, 1.1 * images)
    found = stir(made.represent, made)
    assert found.value == pytest.approx(1)
    assert found.median_match == pytest.approx(0.1)
    images = torch.cat([torch.zeros_like(images[:1]), images[1:]])  # nothing is near zero
    dark = shared_invariance(*[Inverted(linear_network(matrix), images, images + 0.1)] * 2)
    said = json.loads(json.dumps(dark.to_dict(), allow_nan=False))
    assert said["second_given_first"]["worst_match"] is None
    assert said["first_given_second"]["images"] == 40


def test_images_that_do_not_belong_together_are_refused(pictures):
    images, seeds = pictures
    network = linear_network(normal(5, 12))
    with pytest.raises(ValueError, match="all of one shape, not"):
        Inverted(network, images, seeds[:3])
    one, other = (Inverted(network, images[:n], seeds[:n]) for n in (5, 6))
    with pytest.raises(ValueError, match="one has 5, the other 6"):
        shared_invariance(one, other)


def test_networks_of_other_sizes_look_at_each_others_pictures_by_batches():
    network = load("embedded:residual-multi-adv2")
    see = at_layer(network, "penultimate")
    coarse = torch.rand(40, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    small = torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        expected = representation(network, "penultimate", small)
    torch.testing.assert_close(see(small), expected, rtol=1e-4, atol=1e-5)
    large = torch.nn.functional.interpolate(small, (128, 128), mode="bilinear").clamp(0, 1)
    assert linear_cka(see(large), see(small)) > 0.95
    found = stir(see, Inverted(see, large, large))
    assert found.value == pytest.approx(1)
    assert found.worst_match == 0
    noise = torch.rand(large.shape, generator=torch.Generator().manual_seed(1))
    unlike = stir(see, Inverted(see, large, noise))
    # Forty images are few beside the layer's features: unlike pictures still reach 0.6, by chance.
    assert unlike.value == pytest.approx(unlike.chance, abs=0.05)
    assert unlike.value < 0.8
    assert unlike.median_match > 0.3
