"""Parametrisations: what the optimiser moves, and the image that it stands for.

`pixel` is the image itself, kept in [0, 1]. `fourier` is Lucid's spectrum of
decorrelated colours, so that every frequency and every colour axis is about equally easy to move;
its image lies in (0, 1) by itself. For grey networks either moves one channel, which the image
has three times over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from explorer.images.fourier_noise import COLOUR_ROOT, FOURIER_DIVISOR, LONGEST_COLUMN
from explorer.images.luma import luma

SMALLEST_CHANNEL = 0.5 / 255
"""How near 0 and 1 a channel of a seed may come in `fourier`: half a step of an 8-bit picture."""

IRI_MARGIN = 1e-6
"""The same of an IRI from which a search goes on: as near as float32 tells it from 0 and 1."""


class Parametrisation(Protocol):
    """Between what the optimiser moves and the images; all of it works sample by sample.

    name: as losses give it. bounds: lowest and highest value that a parameter may have; kept by the
    optimiser, outside autograd.
    """

    @property
    def name(self) -> str: ...

    @property
    def bounds(self) -> tuple[float, float]: ...

    def start(self, seeds: Tensor, margin: float = SMALLEST_CHANNEL) -> Tensor:
        """The parameters N×… whose images are the seeds, N×3×H×W in [0, 1], or nearly so.

        margin: how near 0 and 1 a channel may come, where the parametrisation reaches neither.
        """

    def images(self, parameters: Tensor) -> Tensor:
        """The images, N×3×H×W in [0, 1]; differentiable."""


@dataclass(frozen=True)
class Pixel:
    """The parameters are the image.

    torch.clamp inside `images` would pass no gradient at its bounds and freeze every pixel that
    starts there; so the box is the optimiser's to keep.
    """

    name: str = "pixel"
    bounds: tuple[float, float] = (0.0, 1.0)

    def start(self, seeds: Tensor, margin: float = SMALLEST_CHANNEL) -> Tensor:
        """A copy of the seeds: nothing is lost."""
        return seeds.clone()

    def images(self, parameters: Tensor) -> Tensor:
        """The parameters themselves."""
        return parameters


@dataclass(frozen=True)
class Fourier:
    """The parameters are a spectrum: images = sigmoid(C · irfft2(scale · spectrum) / 4).

    Of images with one channel C is 1, as in Lucid.

    scale: 1 / max(frequency in cycles per pixel, 1 / max(H, W)). C: `colour_matrix`. The inverse
    FFT is orthonormal. Source: Lucid (Olah, Mordvintsev & Schubert 2017) and its port Lucent.

    Parameters: real N×3×H×(W//2 + 1)×2 (or N×1×…), real and imaginary part last. H, W: the
    picture's size.
    """

    height: int
    width: int
    name: str = "fourier"
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def start(self, seeds: Tensor, margin: float = SMALLEST_CHANNEL) -> Tensor:
        """The spectrum of the seeds, by undoing each step of `images`.

        Lost: a sigmoid never reaches 0 and 1, so channels nearer to them than `margin` are moved in
        by up to that much; by default an 8-bit picture hardly shows it.
        """
        inside = seeds.clamp(margin, 1 - margin)
        planes = torch.logit(inside)
        if planes.shape[1] != 1:
            unmixed = torch.linalg.inv(colour_matrix(seeds))
            planes = torch.einsum("dc,nchw->ndhw", unmixed, planes)
        spectrum = torch.fft.rfft2(FOURIER_DIVISOR * planes, norm="ortho")
        return torch.view_as_real(spectrum / self.scale(seeds)).contiguous()

    def images(self, parameters: Tensor) -> Tensor:
        """Every frequency scaled, back to pixels, colours mixed, squeezed into (0, 1)."""
        spectrum = self.scale(parameters) * torch.view_as_complex(parameters)
        planes = torch.fft.irfft2(spectrum, s=(self.height, self.width), norm="ortho")
        mixed = planes / FOURIER_DIVISOR
        if mixed.shape[1] != 1:
            mixed = torch.einsum("cd,ndhw->nchw", colour_matrix(parameters), mixed)
        return torch.sigmoid(mixed)

    def scale(self, like: Tensor) -> Tensor:
        """1 / max(frequency, 1 / max(H, W)), H×(W//2 + 1), as real numbers of this kind."""
        kind = {"dtype": like.dtype, "device": like.device}
        rows = torch.fft.fftfreq(self.height, **kind)[:, None]
        columns = torch.fft.rfftfreq(self.width, **kind)[None, :]
        lowest = 1 / max(self.height, self.width)
        return 1 / torch.hypot(rows, columns).clamp_min(lowest)


@dataclass(frozen=True)
class Grey:
    """Grey images, whose one channel `channel` parametrises: R, G and B are the same, bit for bit.

    What is optimised is one channel, so that nothing is moved that a grey network does not see.
    """

    channel: Parametrisation

    @property
    def name(self) -> str:
        """The channel's."""
        return self.channel.name

    @property
    def bounds(self) -> tuple[float, float]:
        """The channel's."""
        return self.channel.bounds

    def start(self, seeds: Tensor, margin: float = SMALLEST_CHANNEL) -> Tensor:
        """The parameters of the seeds' luma."""
        return self.channel.start(luma(seeds), margin)

    def images(self, parameters: Tensor) -> Tensor:
        """The channel three times, N×3×H×W."""
        return self.channel.images(parameters).repeat(1, 3, 1, 1)


def colour_matrix(like: Tensor) -> Tensor:
    """C, 3×3: from decorrelated colour planes to R, G and B; its longest column has length 1."""
    return _colour_matrix(like.dtype, like.device)


@lru_cache
def _colour_matrix(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(COLOUR_ROOT, dtype=dtype, device=device) / LONGEST_COLUMN


def parametrisation_called(name: str, size: tuple[int, int], channels: int = 3) -> Parametrisation:
    """`pixel` or `fourier` for pictures of this size, height and width in px.

    channels: 3, or 1 for images that stay grey.
    """
    parametrisation: Parametrisation = Pixel() if name == "pixel" else Fourier(*size)
    return Grey(parametrisation) if channels == 1 else parametrisation
