"""Parametrisations: round trips, Parseval, and Lucid's formula redone in NumPy."""

import numpy as np
import pytest
import torch

from explorer.synthesis.parametrisation import (
    SMALLEST_CHANNEL,
    Fourier,
    Grey,
    Pixel,
    colour_matrix,
    parametrisation_called,
)

SIZES = [(6, 8), (7, 5), (8, 8)]
ROOT = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
MIXING = ROOT / np.linalg.norm(ROOT, axis=0).max()


def pictures(size: tuple[int, int], count: int = 2) -> torch.Tensor:
    """N×3×H×W, float64, between 0.02 and 0.98."""
    return torch.from_numpy(np.random.default_rng(0).uniform(0.02, 0.98, (count, 3, *size)))


def scale_by_hand(height: int, width: int) -> np.ndarray:
    """1 / max(frequency, 1 / max(H, W)) over the whole H×W plane of frequencies."""
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    return 1 / np.maximum(np.sqrt(rows**2 + columns**2), 1 / max(height, width))


def images_by_hand(parameters: np.ndarray, height: int, width: int) -> np.ndarray:
    """Lucid's chain with a full complex FFT; parameters 3×H×(W//2+1)×2."""
    half = parameters[..., 0] + 1j * parameters[..., 1]
    half = half * scale_by_hand(height, width)[:, : width // 2 + 1]
    planes = np.fft.irfft2(half, s=(height, width), norm="ortho") / 4
    mixed = np.einsum("cd,dhw->chw", MIXING, planes)
    return 1 / (1 + np.exp(-mixed))


@pytest.mark.parametrize("size", SIZES)
def test_a_spectrum_stands_for_lucids_image(size):
    fourier = Fourier(*size)
    shape = fourier.start(pictures(size)).shape
    parameters = np.random.default_rng(1).standard_normal(shape)
    found = fourier.images(torch.from_numpy(parameters)).numpy()
    expected = np.stack([images_by_hand(one, *size) for one in parameters])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_comes_back_from_its_spectrum(size):
    seeds = pictures(size)
    fourier = Fourier(*size)
    torch.testing.assert_close(fourier.images(fourier.start(seeds)), seeds, rtol=0, atol=1e-12)
    single = fourier.images(fourier.start(seeds.float()))
    torch.testing.assert_close(single, seeds.float(), rtol=0, atol=1e-4)


def test_only_what_a_sigmoid_cannot_reach_is_lost_of_a_seed():
    seeds = pictures((8, 8)).round()
    seeds[:, :, 0, 0] = 0.3
    fourier = Fourier(8, 8)
    again = fourier.images(fourier.start(seeds))
    lost = (again - seeds).abs()
    assert float(lost.max()) == pytest.approx(SMALLEST_CHANNEL, rel=1e-6)
    assert float(lost[:, :, 0, 0].max()) < 1e-9


@pytest.mark.parametrize("size", SIZES)
def test_the_spectrum_holds_the_pictures_energy(size):
    height, width = size
    seeds = pictures(size, count=1)
    fourier = Fourier(height, width)
    spectrum = torch.view_as_complex(fourier.start(seeds)).numpy()[0]
    spectrum = spectrum * scale_by_hand(height, width)[:, : width // 2 + 1]
    twice = np.full(width // 2 + 1, 2.0)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    energy = (np.abs(spectrum) ** 2 * twice).sum()
    logits = np.log(seeds[0].numpy() / (1 - seeds[0].numpy()))
    planes = 4 * np.einsum("dc,chw->dhw", np.linalg.inv(MIXING), logits)
    assert energy == pytest.approx((planes**2).sum(), rel=1e-9)


def test_the_gradient_of_the_image_is_what_finite_differences_give():
    fourier = Fourier(6, 5)
    start = fourier.start(pictures((6, 5), count=1)).requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 3, 6, 5)))
    assert torch.autograd.gradcheck(lambda p: (fourier.images(p) * weights).sum(), (start,))


def test_every_image_of_a_spectrum_lies_in_the_box():
    parameters = 30 * torch.randn(3, 3, 8, 5, 2, generator=torch.Generator().manual_seed(0))
    fourier = Fourier(8, 8)
    images = fourier.images(parameters)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1


def test_the_colour_matrix_is_the_published_one():
    np.testing.assert_allclose(colour_matrix(torch.zeros(1, dtype=torch.float64)), MIXING)


def test_pixels_are_the_image_itself():
    seeds = pictures((4, 4))
    pixel = Pixel()
    start = pixel.start(seeds)
    assert torch.equal(start, seeds)
    assert start.data_ptr() != seeds.data_ptr()
    assert torch.equal(pixel.images(start), seeds)
    assert pixel.bounds == (0.0, 1.0)


def test_names_lead_to_their_parametrisation():
    assert parametrisation_called("pixel", (4, 6)) == Pixel()
    assert parametrisation_called("fourier", (4, 6)) == Fourier(4, 6)
    assert parametrisation_called("pixel", (4, 6), channels=1) == Grey(Pixel())
    assert parametrisation_called("fourier", (4, 6), channels=1) == Grey(Fourier(4, 6))


# Grey images, of which one channel is optimised


@pytest.mark.parametrize("size", SIZES)
def test_a_grey_spectrum_stands_for_lucids_image_of_one_channel(size):
    height, width = size
    fourier = Grey(Fourier(height, width))
    shape = fourier.start(pictures(size)).shape
    assert shape == (2, 1, height, width // 2 + 1, 2)
    parameters = np.random.default_rng(1).standard_normal(shape)
    half = parameters[..., 0] + 1j * parameters[..., 1]
    half = half * scale_by_hand(height, width)[:, : width // 2 + 1]
    planes = np.fft.irfft2(half, s=size, norm="ortho") / 4
    found = fourier.images(torch.from_numpy(parameters))
    assert found.shape == (2, 3, height, width)
    for channel in range(3):
        np.testing.assert_allclose(
            found[:, channel : channel + 1], 1 / (1 + np.exp(-planes)), rtol=1e-9
        )


@pytest.mark.parametrize("name", ["pixel", "fourier"])
def test_grey_images_begin_with_the_luma_of_their_seeds(name):
    grey = parametrisation_called(name, (7, 5), channels=1)
    seeds = pictures((7, 5))
    parameters = grey.start(seeds)
    assert parameters.shape[:2] == (2, 1)
    expected = np.einsum("c,nchw->nhw", (0.299, 0.587, 0.114), seeds.numpy())
    images = grey.images(parameters)
    for channel in range(3):
        np.testing.assert_allclose(images[:, channel], expected, rtol=0, atol=1e-12)
        assert torch.equal(images[:, channel], images[:, 0])
    plain = parametrisation_called(name, (7, 5))
    assert (grey.name, grey.bounds) == (plain.name, plain.bounds)


def test_a_grey_pixel_has_the_gradients_of_its_three_channels_added_up():
    grey = Grey(Pixel())
    parameters = grey.start(pictures((4, 4), count=1)).requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 3, 4, 4)))
    (grey.images(parameters) * weights).sum().backward()
    torch.testing.assert_close(parameters.grad, weights.sum(1, keepdim=True))
