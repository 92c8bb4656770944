"""CIEDE2000 against scikit-image, the published pairs, NumPy and finite differences."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from explorer.images import gallery
from explorer.metrics.colour import ciede2000, ciede2000_of_lab, cielab
from explorer.metrics.registry import PERCEPTUAL_MEASURES

torch.set_num_threads(1)

# L*, a*, b* of both colours and ΔE₀₀. Source: Sharma, Wu & Dalal 2005, table 1, by pair number.
PUBLISHED = {
    1: ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    4: ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    7: ((50, 0, 0), (50, -1, 2), 2.3669),
    8: ((50, -1, 2), (50, 0, 0), 2.3669),
    9: ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    10: ((50, 2.49, -0.001), (50, -2.49, 0.001), 7.1792),
    11: ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    13: ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    15: ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    16: ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    17: ((50, 2.5, 0), (73, 25, -18), 27.1492),
    19: ((50, 2.5, 0), (56, -27, -3), 31.9030),
    20: ((50, 2.5, 0), (58, 24, 15), 19.4535),
    25: ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    29: ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    32: ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    34: ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
}


def photo(name: str) -> torch.Tensor:
    """64×64 pixels out of a gallery picture, 1×3×64×64 in [0, 1]."""
    pixels = np.asarray(gallery.load(name))[:256:4, :256:4]
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]


def scikit_image(images: torch.Tensor) -> np.ndarray:
    return rgb2lab(images.double().numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("pair", PUBLISHED)
def test_difference_is_the_published_one_both_ways(pair):
    one, other, expected = PUBLISHED[pair]
    a, b = (torch.tensor([each], dtype=torch.float64) for each in (one, other))
    assert ciede2000_of_lab(a, b).item() == pytest.approx(expected, abs=5e-5)
    assert ciede2000_of_lab(b, a).item() == pytest.approx(expected, abs=5e-5)


def test_difference_is_scikit_images_wherever_lab_colours_lie():
    rng = np.random.default_rng(0)
    a, b = (rng.uniform((0, -110, -110), (100, 110, 110), (2, 5000, 3)) for _ in range(2))
    a[0, :500, 1:] = 0  # greys against colours
    b[0, 400:600, 1:] = 0
    b[1, :500] = a[1, :500]
    b[1, 500:1000] = a[1, 500:1000] + rng.normal(0, 0.1, (500, 3))
    found = ciede2000_of_lab(*(torch.from_numpy(each.transpose(0, 2, 1)) for each in (a, b)))
    np.testing.assert_allclose(found.numpy(), deltaE_ciede2000(a, b), atol=1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (torch.rand(2, 3, 40, 30, generator=torch.Generator().manual_seed(1)), None),
        (photo("astronaut"), photo("coffee")),
    ],
    ids=["random", "photos"],
)
def test_pictures_are_scikit_images_mean_difference(a, b):
    b = a.flip(0).flip(3) if b is None else b
    # scikit-image rounds the matrix to XYZ to six digits, which moves a* and b* by up to 0.005.
    found = cielab(a).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, scikit_image(a), atol=0.01)
    expected = deltaE_ciede2000(scikit_image(a), scikit_image(b)).mean((1, 2))
    assert ciede2000(a, b).tolist() == pytest.approx(expected.tolist(), abs=1e-3)
    assert PERCEPTUAL_MEASURES["ciede2000"].function(a, b).tolist() == ciede2000(a, b).tolist()


def test_corners_of_the_rgb_cube_have_their_textbook_lab_values():
    corners = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    expected = [
        (0, 0, 0),
        (100, 0, 0),
        (53.2408, 80.0925, 67.2032),
        (87.7347, -86.1827, 83.1793),
        (32.2970, 79.1875, -107.8602),
    ]
    found = cielab(corners[:, :, None, None]).flatten(1).numpy()
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_black_and_white_are_a_hundred_apart_and_a_picture_is_nothing_from_itself():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert ciede2000(black, white).item() == pytest.approx(100, abs=1e-4)
    image = photo("astronaut")
    assert ciede2000(image, image).item() == 0


def test_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(4)
    a, b = (torch.rand(1, 3, 5, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    a.requires_grad_()
    (gradient,) = torch.autograd.grad(ciede2000(a, b).sum(), a)
    for _ in range(3):
        step = torch.randn(a.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            up, down = (ciede2000(a + h * step, b).item() for h in (1e-6, -1e-6))
        assert (gradient * step).sum().item() == pytest.approx((up - down) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_gradient_is_finite_at_black_grey_white_and_at_the_target_itself(level):
    image = torch.full((1, 3, 2, 2), level, requires_grad=True)
    for other in (torch.zeros_like(image), torch.ones_like(image), image.detach()):
        (gradient,) = torch.autograd.grad(ciede2000(image, other).sum(), image)
        assert gradient.isfinite().all()
