"""Seeds made by a formula: the images from which the optimisation can start."""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import PictureError, unknown_name
from .fitting import check_input_size

_Draw = Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]


@dataclass(frozen=True)
class SeedKind:
    """A kind of seed: its name, a title and a sentence for the person choosing."""

    name: str
    title: str
    help: str
    draw: _Draw  # before clamping to [0, 1]


def _normal(mean: float, deviation: float) -> _Draw:
    return lambda rng, shape: mean + deviation * rng.standard_normal(shape)


_KINDS = {
    kind.name: kind
    for kind in (
        SeedKind(
            "noise",
            "Noise",
            "Strong noise around black, N(0, 1) cut to the range from black to white: "
            "half of all values are black, a sixth are white.",
            _normal(0, 1),
        ),
        SeedKind(
            "light-noise",
            "Light noise",
            "Very weak noise around black, 0.01·N(0, 1): the picture looks black.",
            _normal(0, 0.01),
        ),
        SeedKind(
            "grey-noise",
            "Grey noise",
            "Visible noise around middle grey, N(0.5, 0.1).",
            _normal(0.5, 0.1),
        ),
        SeedKind(
            "feather-noise",
            "Soft grey noise",
            "Soft noise around middle grey, N(0.5, 0.05), from which Feather et al. (2023) start.",
            _normal(0.5, 0.05),
        ),
        SeedKind(
            "uniform",
            "Uniform noise",
            "Noise in which every brightness from black to white is equally likely.",
            lambda rng, shape: rng.random(shape),
        ),
        SeedKind("white", "White", "A plain white picture.", lambda rng, shape: np.ones(shape)),
        SeedKind("black", "Black", "A plain black picture.", lambda rng, shape: np.zeros(shape)),
    )
}


def kinds() -> tuple[str, ...]:
    """The names of the seed kinds, in the order in which they are shown."""
    return tuple(_KINDS)


def describe(kind: str) -> SeedKind:
    """Title and help sentence of a seed kind.

    Raises
    ------
    PictureError
        If there is no such kind; the message lists the nearest names.
    """
    try:
        return _KINDS[kind]
    except (KeyError, TypeError):
        raise unknown_name("seed", kind, _KINDS) from None


def make_seed(kind: str, input_size: tuple[int, int], rng_seed: int) -> np.ndarray:
    """A seed image, float32 3×H×W, clamped to [0, 1].

    The same kind, size and rng_seed give the same image on every platform (numpy's PCG64).

    Parameters
    ----------
    kind : one of `kinds()`
    input_size : (height, width) in px
    rng_seed : seed of the random generator, a whole number of at least 0

    Raises
    ------
    PictureError
        If there is no such kind, or the size or rng_seed is out of range.
    """
    draw = describe(kind).draw
    shape = (3, *check_input_size(input_size))
    try:
        number = operator.index(rng_seed)
    except TypeError:
        number = -1
    if number < 0:
        raise PictureError(f"rng_seed is a whole number of at least 0, not {rng_seed!r}.")
    rng = np.random.Generator(np.random.PCG64(number))
    return np.clip(draw(rng, shape), 0, 1).astype(np.float32)
