"""The power spectrum of a picture, as a picture."""

from __future__ import annotations

import numpy as np

from explorer.images.encoding import from_png, to_png


def spectrum(png: bytes) -> bytes:
    """Logarithmic power spectrum of the brightness, PNG; low frequencies in the middle.

    All pictures of one size have the same scale: from 1e-4 to 1 of the largest power possible.
    """
    grey = from_png(png).astype(np.float64).mean(axis=2) / 255
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) / window.sum()
    level = np.clip((np.log10(np.maximum(power, 1e-9)) + 4) / 4 * 1.25, 0, 1)
    return to_png(np.repeat((level * 255).astype(np.uint8)[:, :, None], 3, axis=2))
