"""Targets made by a formula: noise, unlike any photograph a network has learned from.

Their names are `noise`, `wide-noise` and, for further draws, `noise-1`, `wide-noise-7`, …: the
number is part of the name, so that requests of any random seed have one and the same target.
A new one is a record in NOISE_TARGETS; its function may be in a file of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.registry import Registry

from .errors import unknown_name
from .fitting import check_input_size
from .seeds import Draw, in_three_channels, normal

MAX_NUMBER = 10**6
_STREAM = 1  # a target and a seed of one kind and number must be two pictures
_NUMBERED = re.compile(r"(.+)-([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class NoiseTarget:
    """A kind of noise target: its name, a title and a sentence for the person choosing."""

    name: str
    title: str
    help: str
    draw: Draw = field(repr=False)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer gallery --json`."""
        return {"name": self.name, "title": self.title, "help": self.help}


NOISE_TARGETS: Registry[NoiseTarget] = Registry(
    "noise target",
    "target",
    (
        NoiseTarget(
            "noise",
            "Noise",
            "N(0, 1) cut to the range from black to white.",
            normal(0, 1),
        ),
        NoiseTarget(
            "wide-noise",
            "Wide noise",
            "N(0.5, 2) cut to the range from black to white: mostly black or white in each colour.",
            normal(0.5, 2),
        ),
    ),
)
"""In the order in which they are shown."""


def kinds() -> tuple[str, ...]:
    """The kinds, each also the name of its first picture, in the order in which they are shown."""
    return tuple(NOISE_TARGETS)


def is_noise_target(name: str) -> bool:
    """Whether this names a noise target: a kind, or a kind with a number from 1 to MAX_NUMBER."""
    kind, number = _kind_and_number(name)
    return kind in NOISE_TARGETS and number <= MAX_NUMBER


def title(name: str) -> str:
    """`noise-3` → `Noise 3`."""
    _, number = _kind_and_number(name)
    kind = describe(name)
    return f"{kind.title} {number}" if number else kind.title


def describe(name: str) -> NoiseTarget:
    """The kind of this noise target; PictureError lists the kinds."""
    if not is_noise_target(name):
        raise unknown_name("noise target", name, NOISE_TARGETS)
    return NOISE_TARGETS[_kind_and_number(name)[0]]


def make_target(name: str, input_size: tuple[int, int], channels: int = 3) -> NDArray[np.float32]:
    """A noise target, float32 3×H×W in [0, 1], on 8-bit levels; the same everywhere (PCG64).

    input_size: (height, width) in px. channels: as of `explorer.images.seeds.make_seed`.
    PictureError if there is no such target or size.
    """
    kind, (_, number) = describe(name), _kind_and_number(name)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((number, _STREAM))))
    drawn = kind.draw(rng, (channels, *check_input_size(input_size)))
    return in_three_channels((np.rint(np.clip(drawn, 0, 1) * 255) / 255).astype(np.float32))


def _kind_and_number(name: str) -> tuple[str, int]:
    """`wide-noise-7` → (`wide-noise`, 7); the number is 0 where the name has none."""
    match = None if name in NOISE_TARGETS else _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, 0)
