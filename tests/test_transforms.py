"""Random transforms: geometry against SciPy and scikit-image, draws against their ranges."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from skimage.transform import AffineTransform, warp

from explorer.request import CENTRED_TRANSFORMS, TRANSFORMS
from explorer.synthesis.transforms import RandomTransforms, centred, published
from explorer.synthesis.transforms.centred import Amounts, affine, moved

# Float32 tells a place among 16 pixels to some 1e-6: that much of a neighbour may come in.
ROUNDING = 1e-5


def picture(height: int, width: int, rng_seed: int = 0) -> np.ndarray:
    """Smooth, so that two ways of sampling agree; H×W×3 in [0, 1]."""
    rows, columns = np.mgrid[0:height, 0:width]
    phases = np.random.default_rng(rng_seed).uniform(0, 6, 3)
    waves = [np.sin(rows / 4 + phase) * np.cos(columns / 5 - phase) for phase in phases]
    return 0.5 + 0.4 * np.stack(waves, -1)


def shift(x: float, y: float) -> np.ndarray:
    return AffineTransform(translation=(x, y)).params


def warped(image: np.ndarray, where: np.ndarray, mode: str) -> np.ndarray:
    """scikit-image's: the pixel at p is taken from the place that the 3×3 matrix gives."""
    height, width = image.shape[:2]
    centre = shift((width - 1) / 2, (height - 1) / 2)
    whole = centre @ where @ np.linalg.inv(centre)
    return warp(image, AffineTransform(whole), order=1, mode=mode, cval=0.5)


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return float((one - other).abs().max()) < ROUNDING


@pytest.mark.parametrize("size", [(40, 40), (30, 44)])
@pytest.mark.parametrize(("pads", "mode"), [(True, "constant"), (False, "edge")])
def test_a_move_is_jitter_scale_rotate_jitter_as_scikit_image_makes_it(size, pads, mode):
    height, width = size
    image = picture(height, width)
    first, scale, degrees, last = (3.0, -2.0), 1.06, 7.0, (-1.0, 2.0)
    turned = math.radians(degrees)
    rotate = np.array(
        [
            [math.cos(turned), -math.sin(turned), 0],
            [math.sin(turned), math.cos(turned), 0],
            [0, 0, 1],
        ]
    )
    where = shift(*first) @ np.diag([1 / scale, 1 / scale, 1]) @ rotate @ shift(*last)
    expected = warped(image, where, mode)
    maps = affine(first, scale, degrees, last, height, width)[None]
    found = moved(torch.from_numpy(image.transpose(2, 0, 1))[None], maps, pads)[0]
    inside = slice(2, -2) if pads else slice(None)  # they fade into the padding differently
    difference = np.abs(found.numpy().transpose(1, 2, 0) - expected)[inside, inside]
    assert np.median(difference) < 1e-6
    assert np.quantile(difference, 0.98) < 1e-6


def test_a_whole_jitter_takes_exactly_the_pixels_next_door():
    image = torch.from_numpy(picture(12, 16).transpose(2, 0, 1))[None]
    found = moved(image, affine((2.0, 0.0), 1.0, 0.0, (1.0, -1.0), 12, 16)[None], pads=True)
    expected = torch.full_like(image, 0.5)
    expected[..., 1:, :-3] = image[..., :-1, 3:]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_no_move_leaves_the_picture_as_it_is():
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    same = affine((0.0, 0.0), 1.0, 0.0, (0.0, 0.0), 9, 7)[None].float()
    for pads in (True, False):
        torch.testing.assert_close(moved(image, same, pads), image, rtol=0, atol=ROUNDING)


def test_gradients_are_what_finite_differences_give():
    image = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0)).double()
    maps = affine((1.0, 0.0), 0.94, -6.0, (0.0, 1.0), 6, 7)[None]
    image.requires_grad_()
    for pads in (True, False):
        assert torch.autograd.gradcheck(lambda x, pads=pads: moved(x, maps, pads), (image,))


# The published ones


def published_by_hand(picture: np.ndarray, move: published.Move) -> np.ndarray:
    """One channel, H×W, through the published chain, step by step on pixels counted from 0."""

    def looked_up(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return map_coordinates(image, [y, x], order=1, mode="grid-constant", cval=0)

    def shifted(image: np.ndarray, right: int, down: int) -> np.ndarray:
        black = np.zeros((image.shape[0] + down, image.shape[1] + right))
        black[down:, right:] = image
        return black[: image.shape[0], : image.shape[1]]

    if picture.shape == (224, 224):
        picture = np.pad(picture, 12, constant_values=0.5)
    picture = shifted(picture, *move.first_shift)

    height, width = picture.shape
    rows, columns = (int(np.ceil(move.scale * side)) for side in (height, width))
    picture = looked_up(
        picture,
        *np.meshgrid(
            np.linspace(0, height - 1, rows), np.linspace(0, width - 1, columns), indexing="ij"
        ),
    )
    around = [
        max(0, int(np.ceil((old - new) / 2))) for old, new in ((height, rows), (width, columns))
    ]
    picture = np.pad(picture, [(around[0],) * 2, (around[1],) * 2])

    turned = np.radians(move.degrees)
    rows, columns = picture.shape
    y, x = np.indices(picture.shape, dtype=float)
    y, x = y - (rows - 1) / 2, x - (columns - 1) / 2
    picture = looked_up(
        picture,
        np.sin(turned) * x + np.cos(turned) * y + (rows - 1) / 2,
        np.cos(turned) * x - np.sin(turned) * y + (columns - 1) / 2,
    )
    return shifted(picture, *move.last_shift)


@pytest.mark.parametrize("size", [(224, 224), (64, 64), (31, 33), (4, 5)])
def test_the_published_transforms_are_their_steps_made_one_by_one(size):
    rng = np.random.default_rng(0)
    for scale, degrees in ((1.1, 10.0), (0.9, -10.0), (0.92, 0.0), (1.0, 3.0)):
        image = rng.random((3, *size))
        move = published.Move((7, 2), scale, degrees, (0, 3))
        found = published.moved(torch.from_numpy(image)[None], move)[0].numpy()
        expected = np.stack([published_by_hand(channel, move) for channel in image])
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        single = published.moved(torch.from_numpy(image).float()[None], move)[0]
        assert np.median(np.abs(single.numpy() - expected)) < ROUNDING
        middle = published.central(torch.from_numpy(expected)[None], *size)[0]
        assert middle.shape == image.shape
        top = (expected.shape[1] - size[0]) // 2
        left = (expected.shape[2] - size[1]) // 2
        np.testing.assert_array_equal(middle[:, 0, 0], expected[:, top, left])


def test_published_shifts_are_not_centred_and_what_they_uncover_is_black():
    image = torch.ones(1, 1, 6, 6)
    found = published.moved(image, published.Move((2, 1), 1.0, 0.0, (1, 0)))
    expected = torch.ones(6, 6)
    expected[:1], expected[:, :3] = 0, 0
    torch.testing.assert_close(found[0, 0], expected, rtol=0, atol=ROUNDING)


def test_published_shifts_are_0_to_7_and_0_to_3_px_at_any_size():
    generator = torch.Generator().manual_seed(0)
    moves = [published.draw(generator) for _ in range(1000)]
    for shifts, jitter in (
        ([move.first_shift for move in moves], 8),
        ([move.last_shift for move in moves], 4),
    ):
        for axis in (0, 1):
            counts = Counter(shift[axis] for shift in shifts)
            assert sorted(counts) == list(range(jitter))
            expected = 1000 / jitter
            assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())
    assert {move.scale for move in moves} == {1 + (step - 5) / 50.0 for step in range(11)}
    assert {move.degrees for move in moves} == set(range(-10, 11))


# The draws of the centred ones


def test_amounts_are_the_published_ones_at_224_and_in_proportion_elsewhere():
    assert Amounts.of(224, 224) == Amounts(8, 4, pads=True)
    assert Amounts.of(64, 64) == Amounts(2, 1, pads=False)
    assert Amounts.of(299, 299) == Amounts(11, 5, pads=False)
    assert Amounts.of(32, 32) == Amounts(1, 1, pads=False)


@pytest.fixture(scope="module")
def drawn() -> list[tuple]:
    """(first shift, scale, angle, last shift) of four thousand draws at 224×224."""
    generator = torch.Generator().manual_seed(0)
    return [centred.draw(generator, Amounts.of(224, 224)) for _ in range(4000)]


def test_scales_are_0_90_to_1_10_in_steps_of_0_02_all_alike(drawn):
    counts = Counter(round(scale, 6) for _, scale, _, _ in drawn)
    assert sorted(counts) == [round(0.90 + 0.02 * step, 2) for step in range(11)]
    expected = 4000 / 11
    assert all(abs(count - expected) < 5 * math.sqrt(expected) for count in counts.values())


def test_angles_are_whole_degrees_up_to_10_with_0_six_times_as_often(drawn):
    counts = Counter(angle for _, _, angle, _ in drawn)
    assert sorted(counts) == list(range(-10, 11))
    expected = 4000 / 26
    for angle, count in counts.items():
        mean = expected * (6 if angle == 0 else 1)
        assert abs(count - mean) < 5 * math.sqrt(mean), angle


def test_jitter_is_whole_pixels_around_the_place_and_each_axis_its_own(drawn):
    for place, jitter in ((0, 8), (3, 4)):
        shifts = [one[place] for one in drawn]
        for axis in (0, 1):
            values = Counter(each[axis] for each in shifts)
            assert sorted(values) == [step - jitter // 2 for step in range(jitter + 1)]
        assert abs(np.corrcoef(np.array(shifts).T)[0, 1]) < 0.08


@pytest.mark.parametrize("name", [TRANSFORMS, CENTRED_TRANSFORMS])
def test_a_sample_meets_the_same_transforms_alone_as_in_a_batch_and_others_at_each_step(name):
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    together, alone = RandomTransforms(name, [5, 6, 5]), RandomTransforms(name, [6])
    first, second = together(images), together(images)
    assert alike(alone(images[1:2])[0], first[1])
    assert alike(alone(images[1:2])[0], second[1])
    assert not alike(first[1], second[1])
    same = RandomTransforms(name, [5, 6, 5])(images[:1].expand(3, 3, 16, 16))
    assert alike(same[0], same[2])
    assert not alike(same[0], same[1])
