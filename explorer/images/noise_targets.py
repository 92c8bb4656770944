"""Targets made by a formula: noise, unlike any photograph a network has learned from.

Their names are `noise`, `wide-noise` and, for further draws, `noise-1`, `wide-noise-7`, …: the
number is part of the name, so that seeds of any random number meet one and the same target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .errors import unknown_name
from .fitting import check_input_size

MOST = 10**6
_STREAM = 1  # a target and a seed of one kind and number must be two pictures


@dataclass(frozen=True)
class TargetKind:
    """A kind of noise target: its title, a sentence, and N(mean, deviation) cut to [0, 1]."""

    name: str
    title: str
    help: str
    mean: float
    deviation: float


_KINDS = {
    kind.name: kind
    for kind in (
        TargetKind(
            "noise", "Noise", "N(0, 1) cut to the range from black to white.", mean=0, deviation=1
        ),
        TargetKind(
            "wide-noise",
            "Wide noise",
            "N(0.5, 2) cut to the range from black to white: mostly black or white in each colour.",
            mean=0.5,
            deviation=2,
        ),
    )
}
_NAME = re.compile(rf"({'|'.join(_KINDS)})(?:-([1-9][0-9]*))?")


def kinds() -> tuple[str, ...]:
    """The kinds, each also the name of its first picture, in the order in which they are shown."""
    return tuple(_KINDS)


def is_one(name: str) -> bool:
    """Whether this names a noise target: a kind, or a kind with a number from 1 up to MOST."""
    found = _NAME.fullmatch(name)
    return found is not None and int(found[2] or 0) <= MOST


def title(name: str) -> str:
    """`noise-3` → `Noise 3`."""
    kind, number = _parts(name)
    return f"{kind.title} {number}" if number else kind.title


def describe(name: str) -> TargetKind:
    """The kind of this noise target; PictureError lists the kinds."""
    return _parts(name)[0]


def make_target(name: str, input_size: tuple[int, int]) -> np.ndarray:
    """A noise target, float32 3×H×W in [0, 1], on 8-bit levels; the same everywhere (PCG64).

    input_size: (height, width) in px. PictureError if there is no such target or size.
    """
    kind, number = _parts(name)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((number, _STREAM))))
    drawn = kind.mean + kind.deviation * rng.standard_normal((3, *check_input_size(input_size)))
    return (np.rint(np.clip(drawn, 0, 1) * 255) / 255).astype(np.float32)


def _parts(name: str) -> tuple[TargetKind, int]:
    found = _NAME.fullmatch(name)
    if found is None or int(found[2] or 0) > MOST:
        raise unknown_name("noise target", name, _KINDS)
    return _KINDS[found[1]], int(found[2] or 0)
