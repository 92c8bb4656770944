"""Seed images made by a formula: the images from which the optimisation can start.

A new kind is a record in SEED_KINDS; its function may be in a file of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.registry import Registry

from .errors import PictureError, unknown_name
from .fitting import check_input_size
from .fourier_noise import fourier_noise

Draw = Callable[[np.random.Generator, tuple[int, int, int]], NDArray[np.float64]]
"""From a random generator and a shape to values, before they are clamped to [0, 1]. The shape is
(3, H, W), or (1, H, W) for a grey image."""


@dataclass(frozen=True)
class SeedKind:
    """A kind of seed image: its name, a title and a sentence for the person choosing."""

    name: str
    title: str
    help: str
    draw: Draw = field(repr=False)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer gallery --json`."""
        return {"name": self.name, "title": self.title, "help": self.help}


def normal(mean: float, deviation: float) -> Draw:
    """Draws from N(mean, deviation)."""
    return lambda rng, shape: mean + deviation * rng.standard_normal(shape)


SEED_KINDS: Registry[SeedKind] = Registry(
    "seed kind",
    "seed",
    (
        SeedKind(
            "noise",
            "Noise",
            "Strong noise around black, N(0, 1) cut to the range from black to white: "
            "half of all values are black, a sixth are white.",
            normal(0, 1),
        ),
        SeedKind(
            "light-noise",
            "Light noise",
            "Very weak noise around black, 0.01·N(0, 1): the image looks black.",
            normal(0, 0.01),
        ),
        SeedKind(
            "grey-noise",
            "Grey noise",
            "Visible noise around middle grey, N(0.5, 0.1).",
            normal(0.5, 0.1),
        ),
        SeedKind(
            "feather-noise",
            "Soft grey noise",
            "Soft noise around middle grey, N(0.5, 0.05), from which Feather et al. (2023) start.",
            normal(0.5, 0.05),
        ),
        SeedKind(
            "fourier-noise",
            "Fourier noise",
            "Cloudy noise around middle grey, N(0, 1) in the spectrum of Fourier losses; "
            "Nanda et al. (2023) start these so.",
            fourier_noise,
        ),
        SeedKind(
            "uniform",
            "Uniform noise",
            "Noise in which every brightness from black to white is equally likely.",
            lambda rng, shape: rng.random(shape),
        ),
        SeedKind("white", "White", "A plain white image.", lambda rng, shape: np.ones(shape)),
        SeedKind("black", "Black", "A plain black image.", lambda rng, shape: np.zeros(shape)),
    ),
)
"""In the order in which they are shown."""


def kinds() -> tuple[str, ...]:
    """The names of the seed kinds, in the order in which they are shown."""
    return tuple(SEED_KINDS)


def describe(kind: str) -> SeedKind:
    """The record of a seed kind.

    Raises
    ------
    PictureError
        If there is no such kind; the message lists the nearest name and all of them.
    """
    if kind not in SEED_KINDS:
        raise unknown_name("seed kind", kind, SEED_KINDS)
    return SEED_KINDS[kind]


def make_seed(
    kind: str, input_size: tuple[int, int], rng_seed: int, channels: int = 3
) -> NDArray[np.float32]:
    """A seed image, float32 3×H×W, clamped to [0, 1].

    The same kind, size and rng_seed give the same image on every platform (numpy's PCG64).

    Parameters
    ----------
    kind : a key of SEED_KINDS
    input_size : (height, width) in px
    rng_seed : seed of the random generator, a whole number of at least 0
    channels : 3, or 1 for a grey image: one channel is drawn, and R, G and B are the same. The luma
        of coloured noise would have two thirds of its deviation.

    Raises
    ------
    PictureError
        If there is no such kind, or the size or rng_seed is out of range.
    """
    draw = describe(kind).draw
    shape = (channels, *check_input_size(input_size))
    try:
        number = operator.index(rng_seed)
    except TypeError:
        number = -1
    if number < 0:
        raise PictureError(f"rng_seed is a whole number of at least 0, not {rng_seed!r}.")
    rng = np.random.Generator(np.random.PCG64(number))
    return in_three_channels(np.clip(draw(rng, shape), 0, 1).astype(np.float32))


def in_three_channels(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """A float32 3×H×W image as it is, a 1×H×W image with its channel three times."""
    return np.repeat(image, 3, axis=0) if len(image) == 1 else image
