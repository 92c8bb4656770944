"""DenseNets (Huang et al. 2017, arXiv 1608.06993) for 32×32 images.

In the layout that kuangliu/pytorch-cifar and MadryLab/robustness share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from explorer.models.architectures.cifar.family import Family, Shapes, stage_depths
from explorer.models.architectures.cifar.resnet import convolution

_DESIGNS = {
    "densenet121": ((6, 12, 24, 16), 32),
    "densenet161": ((6, 12, 36, 24), 48),
    "densenet169": ((6, 12, 32, 32), 32),
    "densenet201": ((6, 12, 48, 32), 32),
    "densenet_cifar": ((6, 12, 24, 16), 12),
}
"""Layers in each of the four blocks, and the growth rate."""


class DenseLayer(nn.Module):
    """A 1×1 and a 3×3 convolution; the new channels are put before those that came in."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = convolution(inputs, 4 * growth, 1)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU()
        self.conv2 = convolution(4 * growth, growth, 3)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(self.relu1(self.bn1(x)))
        new = self.conv2(self.relu2(self.bn2(new)))
        return torch.cat([new, x], dim=1)


class Transition(nn.Module):
    """Between two dense blocks: half the channels, half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU()
        self.conv = convolution(inputs, outputs, 1)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv(self.relu(self.bn(x))))


class DenseNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes."""

    def __init__(self, depths: tuple[int, ...], growth: int, classes: int) -> None:
        super().__init__()
        channels = 2 * growth
        self.conv1 = convolution(3, channels, 3)
        self.parts: list[str] = []
        for number, depth in enumerate(depths, start=1):
            layers = [DenseLayer(channels + index * growth, growth) for index in range(depth)]
            channels += depth * growth
            self._add(f"dense{number}", nn.Sequential(*layers))
            if number < len(depths):
                self._add(f"trans{number}", Transition(channels, channels // 2))
                channels //= 2
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(channels, classes)

    def _add(self, name: str, part: nn.Module) -> None:
        self.add_module(name, part)
        self.parts.append(name)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for name in self.parts:
            x = self.get_submodule(name)(x)
        return self.linear(self.flatten(self.avgpool(self.relu(self.bn(x)))))


def _build(match: re.Match[str], classes: int) -> nn.Module:
    depths, growth = _DESIGNS[match[0]]
    return DenseNet(depths, growth, classes)


def _candidates(shapes: Shapes) -> Iterator[str]:
    found = stage_depths(shapes, r"dense(\d+)\.(\d+)\.")
    yield from (name for name, (depths, _) in _DESIGNS.items() if depths == found)


FAMILIES = (
    Family(
        layout="kuangliu/pytorch-cifar, MadryLab/robustness",
        form="densenet121, 161, 169, 201 or densenet_cifar",
        pattern=re.compile("|".join(_DESIGNS)),
        names=tuple(_DESIGNS),
        build=_build,
        candidates=_candidates,
        smallest=8,
    ),
)
