"""Similarities of two images that need no network: HaarPSI, SSIM, MS-SSIM and PSNR.

Each takes two batches N×3×H×W in [0, 1] and returns N values, the larger the more alike. All are
differentiable.
"""

from __future__ import annotations

import piq
from torch import Tensor
from torch.nn import functional as F

PSNR_CAP_DB = 100.0
SMALL = 16
SMALL_WINDOW, SMALL_SIGMA = 7, 1.0


def haarpsi(a: Tensor, b: Tensor) -> Tensor:
    """HaarPSI in [0, 1], H and W at least 16. Source: Reisenhofer et al. 2018, via piq."""
    # Two black images have no coefficients and piq answers infinity: compare them as white.
    black = (a.flatten(1).amax(1) == 0) & (b.flatten(1).amax(1) == 0)
    lift = black.to(a.dtype).view(-1, 1, 1, 1)
    return piq.haarpsi(a + lift, b + lift, reduction="none").clamp(0, 1)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """SSIM in [−1, 1] at full size, H and W at least 11: 11×11 Gaussian window, σ = 1.5.

    The mean over places where the whole window lies in the image, and over R, G and B. Source:
    Wang et al. 2004, via piq.
    """
    return piq.ssim(a, b, kernel_size=11, kernel_sigma=1.5, downsample=False, reduction="none")


def ssim_small(a: Tensor, b: Tensor) -> Tensor:
    """SSIM in [−1, 1] of both images averaged down to 16×16: 7×7 Gaussian window, σ = 1.

    Each small pixel is the mean of the area it covers; H and W at least 16.
    """
    a, b = (F.interpolate(images, (SMALL, SMALL), mode="area") for images in (a, b))
    return piq.ssim(
        a.clamp(0, 1),
        b.clamp(0, 1),
        kernel_size=SMALL_WINDOW,
        kernel_sigma=SMALL_SIGMA,
        downsample=False,
        reduction="none",
    )


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM in [0, 1] over five scales, H and W at least 161; negative terms count as 0.

    Source: Wang, Simoncelli & Bovik 2003, via piq.
    """
    return piq.multi_scale_ssim(a, b, reduction="none")


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """10·log₁₀(1 / mean squared error) in dB, in [0, PSNR_CAP_DB], the cap for identical images.

    For scale: rounding to 8 bits alone costs everything above 59 dB.
    """
    error = (a.double() - b.double()).square().flatten(1).mean(1)
    return -10 * error.clamp(min=10 ** (-PSNR_CAP_DB / 10)).log10()
