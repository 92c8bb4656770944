"""The transforms of Nanda et al.'s public code (2023): padding, jitter, scale, rotation, jitter.

Each has a sampling of its own; they are a version of Lucid's (Olah, Mordvintsev & Schubert 2017).
There, one draw moves all images of a batch; here each image has a draw of its own, which is what is
published for a batch of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

FIRST_JITTER, LAST_JITTER = 8, 4
"""A shift is one of 0, 1, …, jitter − 1 px to the right, and likewise downwards, at any size."""

SCALES = tuple(1 + step / 50 for step in range(-5, 6))
ANGLES = (*range(-10, 11), *[0] * 5)
"""0° occurs six times, any other angle once: five more than its share."""

PADDED_SIZE = (224, 224)
PADDING, GREY = 12, 0.5
"""px and brightness of what surrounds pictures of PADDED_SIZE; others are not padded."""


@dataclass(frozen=True)
class Move:
    """One draw: shifts (right, down) in px, the scale, and the angle in degrees."""

    first_shift: tuple[int, int]
    scale: float
    degrees: float
    last_shift: tuple[int, int]


def transformed(images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Each image, N×3×H×W, as seen through the next draw of its generator, N×3×H×W."""
    height, width = images.shape[-2:]
    seen = [
        central(moved(image, draw(generator)), height, width)
        for image, generator in zip(images.split(1), generators, strict=True)
    ]
    return torch.cat(seen)


def draw(generator: torch.Generator) -> Move:
    """One sample's next move."""
    x1, y1, scale, angle, x2, y2 = torch.rand(6, generator=generator, dtype=torch.float64).tolist()
    return Move(
        (int(x1 * FIRST_JITTER), int(y1 * FIRST_JITTER)),
        SCALES[int(scale * len(SCALES))],
        float(ANGLES[int(angle * len(ANGLES))]),
        (int(x2 * LAST_JITTER), int(y2 * LAST_JITTER)),
    )


def moved(images: Tensor, move: Move) -> Tensor:
    """Images N×C×H×W, padded, shifted, scaled, rotated and shifted: N×C×H′×W′, H′ ≥ H, W′ ≥ W.

    Whatever a step uncovers is black. What a smaller scale leaves free is filled to at least the
    old size; a larger scale makes larger images.
    """
    if images.shape[-2:] == PADDED_SIZE:
        images = F.pad(images, [PADDING] * 4, value=GREY)
    images = _scaled(_shifted(images, move.first_shift), move.scale)
    return _shifted(_rotated(images, move.degrees), move.last_shift)


def central(images: Tensor, height: int, width: int) -> Tensor:
    """The middle H×W of images that are at least as large.

    A network sees it, since a layer's map can be compared with the target's only at one size; the
    public code gives the larger image to networks that pool its representation.
    """
    top, left = (images.shape[-2] - height) // 2, (images.shape[-1] - width) // 2
    return images[..., top : top + height, left : left + width]


def _shifted(images: Tensor, shift: tuple[int, int]) -> Tensor:
    right, down = (min(by, side) for by, side in zip(shift, images.shape[:-3:-1], strict=True))
    return F.pad(images, [right, -right, down, -down])


def _scaled(images: Tensor, scale: float) -> Tensor:
    height, width = images.shape[-2:]
    size = math.ceil(scale * height), math.ceil(scale * width)
    scaled = F.interpolate(images, size, mode="bilinear", align_corners=True)
    vertical, horizontal = (
        max(0, math.ceil((old - new) / 2)) for old, new in zip((height, width), size, strict=True)
    )
    return F.pad(scaled, [horizontal, horizontal, vertical, vertical])


def _rotated(images: Tensor, degrees: float) -> Tensor:
    """Turned about the middle of the picture, counter-clockwise for more than 0°."""
    rows, columns = (max(1, side - 1) for side in images.shape[-2:])
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # From a place to where it is looked up, in halves of the sides, as grid_sample wants it.
    places = [[cosine, -sine * rows / columns, 0.0], [sine * columns / rows, cosine, 0.0]]
    grid = F.affine_grid(
        images.new_tensor([places]).expand(len(images), 2, 3),
        list(images.shape),
        align_corners=True,
    )
    return F.grid_sample(images, grid, "bilinear", "zeros", align_corners=True)
