"""Centred transforms: the published jitter, scale and rotation without their shift and black edges.

Shifts are as often to the left as to the right and in proportion to the picture, and one affine map
and one bilinear sampling make all of it. The published ones, 5 px to the right and down on average,
ask for an image that is displaced by as much, and at 64 px they keep a search from its match.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.synthesis.transforms.published import ANGLES, GREY, SCALES

REFERENCE_SIDE = 224


@dataclass(frozen=True)
class Amounts:
    """How far pictures of one size are moved, in whole px.

    first_jitter, last_jitter: each shift is one of 0, 1, …, jitter, less half of it, per axis.
    pads: whether grey surrounds the picture (Lucid's 12 px; here it never ends); else its border
    pixels go on outwards.
    """

    first_jitter: int
    last_jitter: int
    pads: bool

    @classmethod
    def of(cls, height: int, width: int) -> Amounts:
        """8 and 4 px at 224², in proportion to the longer side elsewhere; padding at 224² only."""
        share = max(height, width) / REFERENCE_SIDE
        return cls(
            first_jitter=max(1, round(8 * share)),
            last_jitter=max(1, round(4 * share)),
            pads=(height, width) == (REFERENCE_SIDE, REFERENCE_SIDE),
        )


def transformed(images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Each image, N×3×H×W, as seen through the next draw of its generator, N×3×H×W."""
    height, width = images.shape[-2:]
    amounts = Amounts.of(height, width)
    maps = torch.stack(
        [affine(*draw(generator, amounts), height, width) for generator in generators]
    )
    return moved(images, maps.to(images), amounts.pads)


def affine(
    first_shift: tuple[float, float],
    scale: float,
    degrees: float,
    last_shift: tuple[float, float],
    height: int,
    width: int,
) -> Tensor:
    """2×3: from a place in the transformed picture to the place in the picture it is taken from.

    Places are (x, y) from the centre in halves of the width and height, as grid_sample wants them.
    The place (x, y) in px from the centre is moved by last_shift, turned by `degrees`, divided by
    `scale` and moved by first_shift (shifts are x, y in px).
    """
    cosine, sine = (part(math.radians(degrees)) / scale for part in (math.cos, math.sin))
    (x1, y1), (x2, y2) = first_shift, last_shift
    shift_x = cosine * x2 - sine * y2 + x1
    shift_y = sine * x2 + cosine * y2 + y1
    return torch.tensor(
        [
            [cosine, -sine * height / width, 2 * shift_x / width],
            [sine * width / height, cosine, 2 * shift_y / height],
        ],
        dtype=torch.float64,
    )


def moved(images: Tensor, maps: Tensor, pads: bool) -> Tensor:
    """Each image, N×3×H×W, looked up through its map, N×2×3, bilinearly."""
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    beyond = "zeros" if pads else "border"
    shifted = F.grid_sample(images - GREY, grid, "bilinear", beyond, align_corners=False)
    return shifted + GREY


def draw(
    generator: torch.Generator, amounts: Amounts
) -> tuple[tuple[float, float], float, float, tuple[float, float]]:
    """First shift (x, y) in px, scale, angle in degrees, last shift: one sample's next move."""
    x1, y1, scale, angle, x2, y2 = torch.rand(6, generator=generator, dtype=torch.float64).tolist()
    first, last = amounts.first_jitter, amounts.last_jitter
    return (
        (_shift(x1, first), _shift(y1, first)),
        SCALES[int(scale * len(SCALES))],
        float(ANGLES[int(angle * len(ANGLES))]),
        (_shift(x2, last), _shift(y2, last)),
    )


def _shift(chance: float, jitter: int) -> float:
    return float(int(chance * (jitter + 1)) - jitter // 2)
