"""Colour difference as people see it: sRGB to CIELAB, and CIEDE2000 between two colours.

All in float64 and differentiable; where the formula has a corner or a jump (identical colours,
greys, opposite hues) the gradient is finite.
"""

from __future__ import annotations

import math

import torch
from piq.functional import rgb2xyz
from torch import Tensor

# The D65 white, 2° observer, that sRGB is defined by.
WHITE = (0.95047, 1.0, 1.08883)


def ciede2000(images_a: Tensor, images_b: Tensor) -> Tensor:
    """Mean CIEDE2000 difference over the pixels, N values from 0 up; images N×3×H×W in [0, 1].

    About 1 is just noticeable side by side, and black and white are 100 apart. The images are sRGB.
    """
    return ciede2000_of_lab(cielab(images_a), cielab(images_b)).flatten(1).mean(1)


def cielab(images: Tensor) -> Tensor:
    """sRGB N×3×H×W in [0, 1] to CIELAB, N×3×H×W float64: L* in [0, 100], a* and b* about ±110.

    Source: IEC 61966-2-1 and CIE 15 with the white WHITE; linear light and XYZ by piq, whose own
    CIELAB has no finite gradient at black.
    """
    xyz = rgb2xyz(images.double())
    t = xyz / xyz.new_tensor(WHITE).view(1, 3, 1, 1)
    dark = t <= (6 / 29) ** 3
    # The cube root's slope is infinite at 0 and would reach the gradient although not chosen.
    root = torch.where(dark, torch.ones_like(t), t) ** (1 / 3)
    x, y, z = torch.where(dark, t * (29 / 6) ** 2 / 3 + 4 / 29, root).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def ciede2000_of_lab(lab_a: Tensor, lab_b: Tensor) -> Tensor:
    """ΔE₀₀ of two CIELAB tensors N×3×… → N×…, k_L = k_C = k_H = 1. Symmetric.

    Source: CIE 142-2001 as written out in Sharma, Wu & Dalal 2005, equations 2 to 22; their rules
    for the mean of two hues are kept.
    """
    (light_a, red_a, blue_a), (light_b, red_b, blue_b) = lab_a.unbind(1), lab_b.unbind(1)
    mean_chroma = (_length(red_a, blue_a) + _length(red_b, blue_b)) / 2
    stretch = 1.5 - _saturation(mean_chroma) / 2
    chroma_a, hue_a = _polar(stretch * red_a, blue_a)
    chroma_b, hue_b = _polar(stretch * red_b, blue_b)
    coloured = (chroma_a > 0) & (chroma_b > 0)

    turn = hue_b - hue_a
    turn = turn - 2 * math.pi * ((turn > math.pi).double() - (turn < -math.pi).double())
    turn = torch.where(coloured, turn, 0.0)
    far = coloured & ((hue_b - hue_a).abs() > math.pi)
    hue_sum = hue_a + hue_b
    round_the_other_way = hue_sum + 2 * math.pi * (1 - 2 * (hue_sum >= 2 * math.pi).double())
    mean_hue = torch.where(far, round_the_other_way, hue_sum) / torch.where(coloured, 2, 1)

    mean_light, mean_chroma = (light_a + light_b) / 2, (chroma_a + chroma_b) / 2
    t = (
        1
        - 0.17 * (mean_hue - math.radians(30)).cos()
        + 0.24 * (2 * mean_hue).cos()
        + 0.32 * (3 * mean_hue + math.radians(6)).cos()
        - 0.20 * (4 * mean_hue - math.radians(63)).cos()
    )
    off_middle = (mean_light - 50).square()
    light = (light_b - light_a) / (1 + 0.015 * off_middle / (20 + off_middle).sqrt())
    chroma = (chroma_b - chroma_a) / (1 + 0.045 * mean_chroma)
    hue = 2 * _root(chroma_a * chroma_b) * (turn / 2).sin() / (1 + 0.015 * mean_chroma * t)
    blueness = (-((mean_hue.rad2deg() - 275) / 25).square()).exp()
    rotation = -(math.radians(60) * blueness).sin() * 2 * _saturation(mean_chroma)
    return _root(light.square() + chroma.square() + hue.square() + rotation * chroma * hue)


def _polar(red: Tensor, blue: Tensor) -> tuple[Tensor, Tensor]:
    """Chroma, and hue in [0, 2π): 0 for greys, with a gradient of 0."""
    grey = (red == 0) & (blue == 0)
    hue = torch.atan2(torch.where(grey, 0.0, blue), torch.where(grey, 1.0, red))
    return _length(red, blue), torch.where(hue < 0, hue + 2 * math.pi, hue)


def _saturation(chroma: Tensor) -> Tensor:
    return _root(chroma**7 / (chroma**7 + 25.0**7))


def _length(x: Tensor, y: Tensor) -> Tensor:
    return _root(x.square() + y.square())


def _root(x: Tensor) -> Tensor:
    """√x, and 0 with a gradient of 0 where x is not above 0."""
    above = x > 0
    return torch.where(above, torch.where(above, x, 1.0).sqrt(), 0.0)
