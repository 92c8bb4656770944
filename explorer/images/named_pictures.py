"""The image that a request's target or seed names: drawn, or of the gallery and fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import gallery, noise_targets, seeds
from .fitting import fit
from .luma import grey_picture


class Fitting(Protocol):
    """How pictures are brought to a network: what its input, and a result's record of it, say.

    size: (height, width) px. channels: 3, or 1 for a grey network. mean: one value per channel, of
    images in [0, 1]; the border of `explorer.images.fitting.fit`, whose arguments the others are.
    """

    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def channels(self) -> int: ...
    @property
    def mean(self) -> tuple[float, ...]: ...
    @property
    def crop_pct(self) -> float: ...
    @property
    def interpolation(self) -> str: ...
    @property
    def crop_mode(self) -> str: ...


@dataclass(frozen=True)
class PlainFitting:
    """Resized so that the shorter side fits, and cropped: for a network that is not loaded."""

    size: tuple[int, int]
    channels: int = 3
    crop_pct: float = 1.0
    interpolation: str = "bilinear"
    crop_mode: str = "center"

    @property
    def mean(self) -> tuple[float, ...]:
        """Middle grey."""
        return (0.5,) * self.channels


def fit_picture(picture: NDArray[np.uint8], how: Fitting) -> NDArray[np.float32]:
    """A uint8 H×W×3 picture as a network sees it: float32 3×H×W in [0, 1], on 8-bit levels.

    For a grey network it is made grey first (`explorer.images.luma`), then resized and cropped, and
    its three channels are the same. Raises PictureError as `explorer.images.fitting.fit` does.
    """
    picture = grey_picture(picture) if how.channels == 1 else picture
    border = how.mean * (3 // how.channels)
    return fit(picture, how.size, how.crop_pct, how.interpolation, how.crop_mode, border)


def target_image(name: str, how: Fitting) -> NDArray[np.float32]:
    """The noise target or gallery picture of this name, float32 3×H×W in [0, 1].

    Raises PictureError where there is none, or it cannot be fitted so.
    """
    if noise_targets.is_noise_target(name):
        return noise_targets.make_target(name, how.size, how.channels)
    return fit_picture(gallery.load(name), how)


def seed_image(name: str, rng_seed: int, how: Fitting) -> NDArray[np.float32]:
    """The seed kind, drawn with rng_seed, or gallery picture of this name; as `target_image`."""
    if name in seeds.kinds():
        return seeds.make_seed(name, how.size, rng_seed, how.channels)
    return fit_picture(gallery.load(name), how)
