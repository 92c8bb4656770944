"""How much of one picture's structure is in the other, whatever its contrast: coarse to fine.

SSIM rewards an inverted picture when it is driven down, although everything can be recognised in
it. This one is lowest only where neither the picture nor its negative can be made out.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIDES = (64, 32, 16, 8)
WINDOW, STRIDE = 7, 3
_FLOOR = 1e-3


def structure(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared correlation of 7×7 windows at sides of 64, 32, 16 and 8 px, N values in [0, 1].

    a, b: N×3×H×W in [0, 1], H and W at least 8. Each picture is averaged down to side×side; sides
    longer than its shorter one are left out. A window counts cov² / ((var_a + c)·(var_b + c)),
    c = 10⁻³, so that flat ones count little; the mean runs over windows, R, G, B and sides.
    Differentiable. The structure term of SSIM (Wang et al. 2004), squared to be blind to sign.
    """
    sides = [side for side in SIDES if side <= min(a.shape[-2:])]
    return torch.stack([_at(_averaged(a, side), _averaged(b, side)) for side in sides]).mean(0)


def _at(a: Tensor, b: Tensor) -> Tensor:
    mean_a, mean_b = _mean(a), _mean(b)
    spread_a = (_mean(a * a) - mean_a.square()).clamp_min(0.0)
    spread_b = (_mean(b * b) - mean_b.square()).clamp_min(0.0)
    together = _mean(a * b) - mean_a * mean_b
    return (together.square() / ((spread_a + _FLOOR) * (spread_b + _FLOOR))).mean((1, 2, 3))


def _averaged(images: Tensor, side: int) -> Tensor:
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, (side, side), mode="area")


def _mean(images: Tensor) -> Tensor:
    return F.avg_pool2d(images, WINDOW, STRIDE)
