"""Noise drawn in the spectrum in which `+fourier` losses optimise: the published start of these."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# The square root of the covariance of colours in ImageNet's photos, as published with Lucid.
COLOUR_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))

LONGEST_COLUMN = max(math.hypot(*column) for column in zip(*COLOUR_ROOT, strict=True))

FOURIER_DIVISOR = 4.0


def fourier_noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """The image in (0, 1) of a spectrum drawn from N(0, 1), real and imaginary parts alike.

    shape: (3, H, W), or (1, H, W) for one channel, whose colour is not mixed. Deviation about 0.22,
    more for larger pictures. Source: Nanda et al.'s public code (2023), whose `super-noise` seed is
    drawn so where the spectrum is optimised; the decoding is Lucid's, see
    `explorer.synthesis.parametrisation.Fourier`.
    """
    channels, height, width = shape
    real, imaginary = np.moveaxis(rng.standard_normal((channels, height, width // 2 + 1, 2)), -1, 0)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    spectrum = (real + 1j * imaginary) / np.maximum(frequency, 1 / max(height, width))
    planes = np.fft.irfft2(spectrum, s=(height, width), norm="ortho") / FOURIER_DIVISOR
    if channels == 3:
        planes = np.tensordot(np.array(COLOUR_ROOT) / LONGEST_COLUMN, planes, axes=1)
    return 1 / (1 + np.exp(-planes))
