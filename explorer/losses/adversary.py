"""Perceptual measures as the distance d of adversarial losses."""

from __future__ import annotations

from torch import Tensor

from explorer.losses.terms import Distance
from explorer.metrics.registry import measure


def adversary_of(name: str) -> Distance:
    """d(a, b) of this measure, N values from 0 up, 0 for identical images.

    A measure that grows with likeness is taken from its largest value: 1 − SSIM, 100 dB − PSNR.
    Raises ValueError for an unknown measure, or one that gradients do not pass through.
    """
    one = measure(name)
    if not one.differentiable:
        raise ValueError(f"{one.title} has no gradient, so it cannot play the adversary")
    if one.nearer == "lower":
        return one.function
    highest = one.range[1]
    if highest is None:
        raise ValueError(f"{one.title} has no largest value to take it from")

    def distance(images_a: Tensor, images_b: Tensor) -> Tensor:
        return highest - one.function(images_a, images_b)

    return distance
