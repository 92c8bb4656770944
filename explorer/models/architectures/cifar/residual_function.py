"""ResNets for 32×32 images (He et al. 2016) in the layout of weiaicunzai/pytorch-cifar100.

They compute what kuangliu's do; stages are `conv2_x` to `conv5_x`, a block's convolutions are
numbered within its `residual_function`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import Tensor, nn

from explorer.models.architectures.cifar.family import Family, Shapes, stage_depths
from explorer.models.architectures.cifar.resnet import convolution, projection

_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def normalised(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution and its batch normalisation."""
    return [convolution(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs)]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, or in a bottleneck 1×1, 3×3 and 1×1, and the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        layers = (
            [
                *(*normalised(inputs, width, 1), nn.ReLU()),
                *(*normalised(width, width, 3, stride), nn.ReLU()),
                *normalised(width, outputs, 1),
            ]
            if bottleneck
            else [
                *(*normalised(inputs, width, 3, stride), nn.ReLU()),
                *normalised(width, outputs, 3),
            ]
        )
        self.residual_function = nn.Sequential(*layers)
        changes = stride != 1 or inputs != outputs
        self.shortcut = projection(inputs, outputs, stride) if changes else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.residual_function(x) + self.shortcut(x))


class ResNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes."""

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        bottleneck = depth in _BOTTLENECK
        self.conv1 = nn.Sequential(*normalised(3, 64, 3), nn.ReLU())
        inputs = 64
        for stage, blocks in enumerate((_BASIC | _BOTTLENECK)[depth]):
            width = 64 * 2**stage
            row = []
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                row.append(ResidualBlock(inputs, width, stride, bottleneck))
                inputs = 4 * width if bottleneck else width
            self.add_module(f"conv{stage + 2}_x", nn.Sequential(*row))
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for number in range(2, 6):
            x = self.get_submodule(f"conv{number}_x")(x)
        return self.fc(self.flatten(self.avg_pool(x)))


def _candidates(shapes: Shapes) -> Iterator[str]:
    known = _BOTTLENECK if "conv2_x.0.residual_function.6.weight" in shapes else _BASIC
    depths = stage_depths(shapes, r"conv(\d+)_x\.(\d+)\.")
    yield from (f"resnet{each}-weiaicunzai" for each, blocks in known.items() if blocks == depths)


FAMILIES = (
    Family(
        layout="weiaicunzai/pytorch-cifar100",
        form="resnet18, 34, 50, 101 or 152-weiaicunzai",
        pattern=re.compile(r"resnet(18|34|50|101|152)-weiaicunzai"),
        names=tuple(f"resnet{depth}-weiaicunzai" for depth in (*_BASIC, *_BOTTLENECK)),
        build=lambda match, classes: ResNet(int(match[1]), classes),
        candidates=_candidates,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    ),
)
