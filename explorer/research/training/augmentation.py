"""Random changes of the training pictures, each picture its own."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
_ASPECT = 4 / 3


@dataclass(frozen=True)
class Augmentation:
    """How far pictures may be changed; half of them are mirrored.

    crop: smallest area that is left, as a share. jitter: largest relative change of brightness,
    contrast and saturation. hue: largest turn, in turns. jittered, grey: the shares of the pictures
    that get these changes.
    """

    crop: float
    jitter: float = 0.0
    hue: float = 0.0
    jittered: float = 1.0
    grey: float = 0.0


@dataclass(frozen=True)
class Window:
    """A window of the network's size at a random place of a larger picture, mirrored or not.

    pad: by how many pixels the picture is first mirrored outwards at its edges.
    """

    pad: int = 0


# SimCLR's as its authors use it for small pictures (Chen et al. 2020, appendix B.9: no blur), with
# crops of a quarter of the area and more, because the objects fill only a part of the picture.
AUGMENTATIONS: dict[str, Augmentation | Window | None] = {
    "none": None,
    "padded crop": Window(pad=4),  # what is usual on CIFAR-10 (He et al. 2016, section 4.2)
    "resized crop": Augmentation(crop=0.5),
    "simclr": Augmentation(crop=0.25, jitter=0.4, hue=0.1, jittered=0.8, grey=0.2),
}


def centre_window(images: np.ndarray, side: int) -> np.ndarray:
    """The middle side×side pixels of uint8 pictures, N×H×W×3."""
    top, left = ((length - side) // 2 for length in images.shape[1:3])
    return np.array(images[:, top : top + side, left : left + side])


def random_window(
    images: np.ndarray, side: int, how: Window, rng: np.random.Generator
) -> np.ndarray:
    """side×side pixels of each uint8 picture (N×H×W×3), at its own random place."""
    if how.pad:
        edges = (how.pad, how.pad)
        images = np.pad(images, ((0, 0), edges, edges, (0, 0)), mode="reflect")
    count, height, width = images.shape[:3]
    tops = rng.integers(0, height - side + 1, count)
    lefts = rng.integers(0, width - side + 1, count)
    mirrored = np.less(rng.random(count), 0.5)
    windows = np.empty((count, side, side, 3), np.uint8)
    for i, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        window = images[i, top : top + side, left : left + side]
        windows[i] = window[:, ::-1] if mirrored[i] else window
    return windows


def augment(images: Tensor, how: Augmentation, generator: torch.Generator, side: int) -> Tensor:
    """Changed copies, N×3×side×side, of images (N×3×H×W in [0, 1])."""

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(len(images), generator=generator).to(images)
        return low + (high - low) * drawn

    images = _cropped(images, how, uniform, side)
    if not how.jitter:
        return images
    jittered = (uniform(0, 1) < how.jittered).to(images)
    brightness, contrast, saturation = (
        (1 + jittered * uniform(-how.jitter, how.jitter)).view(-1, 1, 1, 1) for _ in range(3)
    )
    turn = jittered * uniform(-how.hue, how.hue)
    grey = uniform(0, 1) < how.grey
    images = (images * brightness).clamp(0, 1)
    mean = _to_grey(images).mean(dim=(2, 3), keepdim=True)
    images = (mean + (images - mean) * contrast).clamp(0, 1)
    saturation = torch.where(grey.view(-1, 1, 1, 1), 0.0, saturation)
    lightness = _to_grey(images)
    return turn_hue((lightness + (images - lightness) * saturation).clamp(0, 1), turn)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Images (N×3×H×W in [0, 1]) with each one's HSV hue turned by `turn` (N, in turns)."""
    red, green, blue = images.unbind(1)
    value, most = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    # The hue in sixths of a turn, counted from the strongest channel (Smith 1978).
    offset = torch.stack([green - blue, blue - red, red - green], dim=1)
    offset = offset.gather(1, most[:, None])[:, 0] / chroma.clamp_min(1e-6)
    hue = 2 * most + offset + 6 * turn.view(-1, 1, 1)
    away = (hue[:, None] + hue.new_tensor([5.0, 3.0, 1.0]).view(1, 3, 1, 1)) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(away, 4 - away).clamp(0, 1)


def _cropped(
    images: Tensor, how: Augmentation, uniform: Callable[[float, float], Tensor], side: int
) -> Tensor:
    """Cropped, resized and mirrored: x ← (x − centre) / extent, about the middle of the picture."""
    area, aspect = uniform(how.crop, 1), torch.exp(uniform(-log(_ASPECT), log(_ASPECT)))
    width, height = ((area * a).sqrt().clamp_max(1) for a in (aspect, 1 / aspect))
    # Coordinates run from −1 to 1.
    across, down = ((1 - extent) * uniform(-1, 1) for extent in (width, height))
    mirrored = 1 - 2 * (uniform(0, 1) < 0.5).to(images)
    zero = torch.zeros_like(width)
    matrix = torch.stack([mirrored * width, zero, across, zero, height, down], dim=1)
    grid = functional.affine_grid(
        matrix.view(-1, 2, 3), [*images.shape[:2], side, side], align_corners=False
    )
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _to_grey(images: Tensor) -> Tensor:
    return (images * images.new_tensor(_GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
