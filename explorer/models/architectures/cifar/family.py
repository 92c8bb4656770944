"""The record of a family of CIFAR networks, which share a layout of their state dict. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

Shapes = Mapping[str, tuple[int, ...]]
"""The tensors of a state dict: their shapes by name."""

Scale = tuple[float, float, float]

MEAN: Scale = (0.4914, 0.4822, 0.4465)
STD: Scale = (0.2023, 0.1994, 0.2010)
"""kuangliu/pytorch-cifar's, which most repositories took over; the mean is CIFAR-10's."""

CIFAR10_STD: Scale = (0.2471, 0.2435, 0.2616)
"""The deviation over all pixels of CIFAR-10."""

IMAGENET_MEAN: Scale = (0.485, 0.456, 0.406)
IMAGENET_STD: Scale = (0.229, 0.224, 0.225)
UNSCALED: tuple[Scale, Scale] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Of networks that take images in [0, 1] as they are."""


@dataclass(frozen=True)
class Family:
    """CIFAR networks of one layout.

    layout: whose repositories write it. form: how its names are written, for messages.
    pattern: matches its names whole. names: those that lists show; the pattern may allow more.
    build: (match of a name, number of classes) to the module with random weights.
    check: raises RequestError (field `model`) for numbers in a name that cannot be.
    candidates: names of this family for which a checkpoint with these tensors might be; each is
        then compared tensor by tensor.
    mean, std: assumed of a checkpoint that does not say its own.
    smallest, multiple: sides in px that the network can take.
    """

    layout: str
    form: str
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    build: Callable[[re.Match[str], int], nn.Module]
    candidates: Callable[[Shapes], Iterable[str]]
    mean: Scale = MEAN
    std: Scale = STD
    check: Callable[[re.Match[str]], object] = lambda match: None
    smallest: int = 1
    multiple: int = 1


def stage_depths(shapes: Shapes, pattern: str) -> tuple[int, ...]:
    """How many blocks each stage has; `pattern` has two groups, a stage's and a block's number."""
    depths: dict[int, int] = {}
    for name in shapes:
        match = re.match(pattern, name)
        if match:
            stage, block = int(match[1]), int(match[2])
            depths[stage] = max(depths.get(stage, 0), block + 1)
    return tuple(depths[stage] for stage in sorted(depths))


def has_small_stem(shapes: Shapes, name: str = "conv1.weight") -> bool:
    """Whether the first convolution is 3×3; ImageNet's ResNets and DenseNets begin with 7×7."""
    return shapes.get(name, ())[2:] == (3, 3)
