"""A mean and a standard deviation that a checkpoint states: their names, numbers and scale."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explorer.models.origins import printable

_QUALIFIERS = (
    *("", "_", "image", "img", "pixel", "input", "data", "dataset", "channel", "rgb", "new"),
    *("norm", "normalize", "normalise", "normalization", "normalisation", "normalizer"),
)
_PAIRS = (
    *(("mean", "std"), ("means", "stds"), ("mean", "stds"), ("mean", "stdev"), ("mean", "sigma")),
    *(("mean", "sd"), ("means", "sds"), ("mu", "sigma"), ("mu", "std")),
)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LIST = re.compile(rf"[\[(]?\s*{_NUMBER.pattern}(?:[\s,;]+{_NUMBER.pattern})*\s*[\])]?")
_IMAGENET_BGR = (0.406, 0.456, 0.485)
_NEAR = 0.02
_LEVELS = 255.0
_LEAST_LEVEL = 20.0
"""Of pixels in 0 … 255: no data set has a lower deviation, nor, with deviation 1, a lower mean."""

_IMAGENET: dict[str, tuple[float, ...]] = {
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
_NAMES_OF_IMAGENET = re.compile(r"image_?net(_?1k|_?default)?", re.IGNORECASE)
_NOT_OF_INPUT = re.compile(
    r"(^|[._])(targets?|labels?|outputs?|latents?|features?(?!_?extract)|embed|rewards?|actions?"
    r"|text|audio|loss|criterion|inv|(de|un)_?norm)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation per channel, on images in [0, 1].

    names: of the two in the checkpoint. notes: what had to be assumed to read them.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    names: tuple[str, str]
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Both names, for a message."""
        return " and ".join(map(printable, dict.fromkeys(self.names)))

    @property
    def changes_nothing(self) -> bool:
        """Whether images pass as they are: mean 0, deviation 1."""
        return not any(self.mean) and all(value == 1 for value in self.std)

    def same_as(self, other: Statistics) -> bool:
        """Whether the numbers are the same as of another pair, to 1e-4."""
        ours, theirs = (*self.mean, *self.std), (*other.mean, *other.std)
        return len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=0, atol=1e-4)


def paired_names(names: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """The names of means among these, each with that of its deviation, or None without one.

    Such as `image_mean` and `image_std`, `mu` and `sigma`; whatever their case.
    """
    by_lower = {name.lower(): name for name in names}
    for qualifier in _QUALIFIERS:
        joined = f"{qualifier}_" if qualifier.strip("_") else qualifier
        for mean in ("mean", "means", "mu"):
            name = by_lower.get(joined + mean)
            if name is not None:
                deviations = (by_lower.get(joined + std) for first, std in _PAIRS if first == mean)
                yield name, next(filter(None, deviations), None)


def lone_deviations(names: Collection[str]) -> list[str]:
    """The names of deviations among these that no mean stands next to."""
    taken = {std for _, std in paired_names(names)}
    words = {std for _, std in _PAIRS} - {"sigma"}  # also of noise, of a kernel, of a schedule
    written = {
        f"{qualifier}_{word}" if qualifier.strip("_") else f"{qualifier}{word}"
        for qualifier in _QUALIFIERS
        for word in words
    }
    return [name for name in names if name.lower() in written and name not in taken]


def is_of_something_else(name: str) -> bool:
    """Whether a module's or container's name says that its statistics are not of the input."""
    return _NOT_OF_INPUT.search(name) is not None


def read(names: tuple[str, str], mean: object, std: object) -> Statistics | str:
    """The statistics in two values of a checkpoint, or why they are none.

    names: theirs. Tensors of any shape, arrays, lists and texts of one or three numbers, or
    `imagenet`; numbers that can be of pixels in 0 … 255 are divided by 255.
    """
    notes = []
    given: list[tuple[float, ...]] = []
    for name, value, kind in zip(names, (mean, std), _IMAGENET, strict=True):
        if isinstance(value, str) and _NAMES_OF_IMAGENET.fullmatch(value.strip()):
            listed = ", ".join(map(str, _IMAGENET[kind]))
            notes.append(f"{printable(name)} is {printable(value)!r}, so ImageNet's {listed}")
            given.append(_IMAGENET[kind])
        else:
            given.append(numbers_in(value) or ())
    means, deviations = given
    for name, values in zip(names, (means, deviations), strict=True):
        if not values:
            return f"{printable(name)} holds no numbers that can be read"
        if len(values) not in (1, 3):
            return f"{printable(name)} holds {len(values):,} numbers, not one per channel (3, or 1)"
        if not all(map(math.isfinite, values)):
            return f"{printable(name)} holds a number that is not finite"
    if min(deviations) <= 0:
        return f"{printable(names[1])} holds a number that is not above 0"
    if len(means) != len(deviations):
        count = max(len(means), len(deviations))
        means, deviations = (values * (count // len(values)) for values in (means, deviations))
    largest = max(map(abs, means))
    if largest > _LEVELS:
        return f"{printable(names[0])} holds {largest:g}, which is no mean of pixels"
    if largest > 1 or (largest == 0 and max(deviations) == _LEVELS):
        if not _can_be_of_pixels(means, deviations):
            return (
                f"{' and '.join(map(printable, names))} hold {_listed(means)} and "
                f"{_listed(deviations)}, neither of images in [0, 1] nor of pixels in 0 … 255"
            )
        means, deviations = (
            tuple(_rounded(value / _LEVELS) for value in values) for values in (means, deviations)
        )
        notes.append(
            f"{' and '.join(map(printable, names))} are on pixels in 0 … 255 and were divided by "
            "255"
        )
    elif max(deviations) > 1:
        return f"{printable(names[1])} holds {max(deviations):g}, and the mean is on [0, 1]"
    if len(means) == 3 and np.allclose(means, _IMAGENET_BGR, rtol=0, atol=_NEAR):
        notes.append(
            f"{printable(names[0])} looks like ImageNet's mean in the order B, G, R; pictures are "
            "given in R, G, B, and the order in which the network was trained cannot be known"
        )
    return Statistics(means, deviations, names, tuple(notes))


def _can_be_of_pixels(means: Collection[float], deviations: Collection[float]) -> bool:
    """Whether deviations are as of photographs; or 1, where only the mean is taken off."""
    if min(means) < 0:
        return False
    if all(value == 1 for value in deviations):
        return max(means) >= _LEAST_LEVEL
    return all(_LEAST_LEVEL <= value <= _LEVELS for value in deviations)


def _listed(values: Collection[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def numbers_in(value: object) -> tuple[float, ...] | None:
    """The numbers in a tensor, array, list or text, as many as there are; None where it is none."""
    if isinstance(value, Tensor):
        if value.is_complex() or value.numel() > 4096 or value.is_meta:
            return None
        return tuple(map(_rounded, value.detach().flatten().tolist()))
    if isinstance(value, np.ndarray | np.number):
        return numbers_in(np.asarray(value).tolist())
    if isinstance(value, str):
        if len(value) > 200 or not _LIST.fullmatch(value.strip()):
            return None
        return tuple(map(float, _NUMBER.findall(value)))
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (_rounded(value),) if abs(value) < 1e30 or math.isnan(value) else (math.inf,)
    if isinstance(value, list | tuple) and 0 < len(value) <= 4096:
        parts = [numbers_in(each) for each in value]
        return None if None in parts else tuple(number for part in parts for number in part or ())
    return None


def _rounded(value: float) -> float:
    """To six digits: 0.485 and not 0.48500001430511475, which it is in float32."""
    return float(f"{value:.6g}")
