"""Small versions of the four architectures of Nanda et al. (2023), for 32×32 pictures.

ResNet (He et al. 2016), VGG (Simonyan & Zisserman 2015), DenseNet (Huang et al. 2017) and Inception
(Szegedy et al. 2016), each a fraction of a megabyte. As in the published networks, the penultimate
layer is pooled over all places; a 1×1 convolution widens it to `features`. A first layer of stride
2 stands for the layers at full size, which would cost more than all the others together.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from explorer.zoo.residual_block import ResidualBlock
from explorer.zoo.small_network import SmallNetwork, normalised_convolution


class PooledNetwork(SmallNetwork):
    """A stem, a body of named stages, the widening, the mean over all places, and `head`."""

    def __init__(
        self, stem: int, stages: Mapping[str, nn.Module], width: int, features: int, outputs: int
    ):
        super().__init__()
        self.stem = normalised_convolution(3, stem, kernel=4, stride=2)
        self.stages = list(stages)
        for name, stage in stages.items():
            self.add_module(name, stage)
        self.widen = normalised_convolution(width, features, kernel=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(features, outputs)
        self.initialise_convolutions()

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.flatten(self.pool(self.widen(x)))


class PooledResNet(PooledNetwork):
    """Stages of residual blocks, each at half the size of the last."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int], features: int, outputs: int):
        stages, inputs = {}, widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            blocks = []
            for i in range(depth):
                stride = 2 if number > 1 and i == 0 else 1
                blocks.append(ResidualBlock(inputs, width, stride, skip=True))
                inputs = width
            stages[f"stage{number}"] = nn.Sequential(*blocks)
        super().__init__(widths[0], stages, inputs, features, outputs)


class PooledVGG(PooledNetwork):
    """Stacks of 3×3 convolutions, each but the last ended by max-pooling."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int], features: int, outputs: int):
        stages, inputs = {}, widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers.append(normalised_convolution(inputs, width))
                inputs = width
            if number < len(widths):
                layers.append(nn.MaxPool2d(2))
            stages[f"stack{number}"] = nn.Sequential(*layers)
        super().__init__(widths[0], stages, inputs, features, outputs)


class DenseLayer(nn.Module):
    """Adds `growth` channels, computed by a 1×1 and a 3×3 convolution, to those that came in."""

    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.narrow = normalised_convolution(inputs, 4 * growth, kernel=1)
        self.grow = normalised_convolution(4 * growth, growth)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.grow(self.narrow(x))], dim=1)


class PooledDenseNet(PooledNetwork):
    """Blocks of dense layers; between two blocks half the channels at half the size."""

    def __init__(self, stem: int, growth: int, depths: Sequence[int], features: int, outputs: int):
        stages: dict[str, nn.Module] = {}
        channels = stem
        for number, depth in enumerate(depths, start=1):
            layers = [DenseLayer(channels + i * growth, growth) for i in range(depth)]
            channels += depth * growth
            stages[f"dense{number}"] = nn.Sequential(*layers)
            if number < len(depths):
                half = channels // 2
                stages[f"transition{number}"] = nn.Sequential(
                    normalised_convolution(channels, half, kernel=1), nn.AvgPool2d(2)
                )
                channels = half
        super().__init__(stem, stages, channels, features, outputs)


class InceptionModule(nn.Module):
    """Four branches side by side: 1×1, 3×3, two of 3×3, and pooling; `width` channels from each."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.branch_1x1 = normalised_convolution(inputs, width, kernel=1)
        self.branch_3x3 = nn.Sequential(
            normalised_convolution(inputs, width, kernel=1), normalised_convolution(width, width)
        )
        self.branch_double = nn.Sequential(
            normalised_convolution(inputs, width, kernel=1),
            normalised_convolution(width, width),
            normalised_convolution(width, width),
        )
        self.branch_pool = nn.Sequential(
            nn.AvgPool2d(3, 1, 1), normalised_convolution(inputs, width, kernel=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch_1x1, self.branch_3x3, self.branch_double, self.branch_pool)
        return torch.cat([branch(x) for branch in branches], dim=1)


class PooledInception(PooledNetwork):
    """Stages of inception modules, each but the last ended by max-pooling."""

    def __init__(
        self, stem: int, widths: Sequence[int], depths: Sequence[int], features: int, outputs: int
    ):
        stages, inputs = {}, stem
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            modules: list[nn.Module] = []
            for _ in range(depth):
                modules.append(InceptionModule(inputs, width))
                inputs = 4 * width
            if number < len(widths):
                modules.append(nn.MaxPool2d(2))
            stages[f"mixed{number}"] = nn.Sequential(*modules)
        super().__init__(stem, stages, inputs, features, outputs)
