"""Perceptual measures as the distance d of adversarial losses."""

from __future__ import annotations

from torch import Tensor

from explorer.losses.term import Distance
from explorer.metrics.registry import PERCEPTUAL_MEASURES


def adversary_of(name: str) -> Distance:
    """d(a, b) of this measure, N values from 0 up, 0 for identical images.

    A measure that grows with likeness is taken from its largest value: 1 − SSIM, 100 dB − PSNR.
    Raises ValueError for an unknown measure, or one that gradients do not pass through.
    """
    measure = PERCEPTUAL_MEASURES.named(name)
    if not measure.differentiable:
        raise ValueError(f"{measure.title} has no gradient, so it cannot play the adversary")
    if measure.nearer == "lower":
        return measure.function
    highest = measure.range[1]
    if highest is None:
        raise ValueError(f"{measure.title} has no largest value to take it from")

    def distance(images_a: Tensor, images_b: Tensor) -> Tensor:
        return highest - measure.function(images_a, images_b)

    return distance
