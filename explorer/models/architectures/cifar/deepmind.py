"""DeepMind's robust CIFAR networks (Gowal et al. 2020, arXiv 2010.03593), in RobustBench's layout.

Wide ResNets and a pre-activation ResNet-18 with SiLU (or, by their tensors the same, ReLU), whose
strided convolutions pad on the right and at the bottom only, as TensorFlow's `SAME` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from torch import Tensor, nn

from explorer.models.architectures.cifar.family import (
    CIFAR10_STD,
    Family,
    Shapes,
    stage_depths,
)
from explorer.models.architectures.cifar.resnet import convolution
from explorer.models.architectures.cifar.wide_resnet import blocks_of

_WIDTHS = (64, 128, 256, 512)
_DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_SIZES = ((28, 10), (34, 10), (34, 20), (70, 16), (94, 16), (106, 16))

Activation = Callable[[], nn.Module]


class SamePadding(nn.Conv2d):
    """A 3×3 convolution without bias, padded as TensorFlow's `SAME` for even sizes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 3, stride, bias=False)
        self.around = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(x, self.around))


class WideBlock(nn.Module):
    """Normalisation, activation, 3×3 convolution, twice; a 1×1 shortcut if the width changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs)
        self.relu_0 = activation()
        self.conv_0 = SamePadding(inputs, outputs, stride)
        self.batchnorm_1 = nn.BatchNorm2d(outputs)
        self.relu_1 = activation()
        self.conv_1 = convolution(outputs, outputs, 3)
        self.shortcut: nn.Module | None = None
        if inputs != outputs:
            self.shortcut = convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu_0(self.batchnorm_0(x))
        out: Tensor = self.conv_1(self.relu_1(self.batchnorm_1(self.conv_0(activated))))
        return out + (x if self.shortcut is None else self.shortcut(activated))


class WideStage(nn.Module):
    """A row of blocks, `block`, of which the first has the stride."""

    def __init__(
        self, blocks: int, inputs: int, outputs: int, stride: int, activation: Activation
    ) -> None:
        super().__init__()
        rest = [WideBlock(outputs, outputs, 1, activation) for _ in range(blocks - 1)]
        self.block = nn.Sequential(WideBlock(inputs, outputs, stride, activation), *rest)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class WideResNet(nn.Module):
    """Normalised N×3×H×W, H and W multiples of 4, to logits, N×classes; classifier `logits`."""

    def __init__(self, blocks: int, width: int, classes: int, activation: Activation) -> None:
        super().__init__()
        widths = [16, 16 * width, 32 * width, 64 * width]
        self.init_conv = convolution(3, 16, 3)
        self.layer = nn.Sequential(
            *(
                WideStage(
                    blocks, widths[index], widths[index + 1], 1 if index == 0 else 2, activation
                )
                for index in range(3)
            )
        )
        self.batchnorm = nn.BatchNorm2d(widths[-1])
        self.relu = activation()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.logits = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.init_conv(x))
        return self.logits(self.flatten(self.avgpool(self.relu(self.batchnorm(x)))))


class PreActBlock(nn.Module):
    """As the wide block, with a 3×3 shortcut that takes the input before normalisation."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs)
        self.relu_0 = activation()
        self.conv_2d_1 = SamePadding(inputs, outputs, stride)
        self.batchnorm_1 = nn.BatchNorm2d(outputs)
        self.relu_1 = activation()
        self.conv_2d_2 = convolution(outputs, outputs, 3)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = SamePadding(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_2d_1(self.relu_0(self.batchnorm_0(x)))
        out = self.conv_2d_2(self.relu_1(self.batchnorm_1(out)))
        return out + (x if self.shortcut is None else self.shortcut(x))


class PreActResNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes; stages `layer_0` to `layer_3`."""

    def __init__(self, depth: int, classes: int, activation: Activation) -> None:
        super().__init__()
        self.conv_2d = convolution(3, _WIDTHS[0], 3)
        inputs = _WIDTHS[0]
        for number, (width, blocks) in enumerate(zip(_WIDTHS, _DEPTHS[depth], strict=True)):
            stage = []
            for index in range(blocks):
                stride = 2 if number > 0 and index == 0 else 1
                stage.append(PreActBlock(inputs, width, stride, activation))
                inputs = width
            self.add_module(f"layer_{number}", nn.Sequential(*stage))
        self.batchnorm = nn.BatchNorm2d(inputs)
        self.relu = activation()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.logits = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_2d(x)
        for number in range(4):
            x = self.get_submodule(f"layer_{number}")(x)
        return self.logits(self.flatten(self.avgpool(self.relu(self.batchnorm(x)))))


def _activation(match: re.Match[str]) -> Activation:
    return nn.ReLU if match["relu"] else nn.SiLU


def _build_wide(match: re.Match[str], classes: int) -> nn.Module:
    depth, width = int(match[1]), int(match[2])
    return WideResNet(blocks_of(depth, width, match[0]), width, classes, _activation(match))


def _build_preact(match: re.Match[str], classes: int) -> nn.Module:
    return PreActResNet(int(match[1]), classes, _activation(match))


def _wide_candidates(shapes: Shapes) -> Iterator[str]:
    depths = stage_depths(shapes, r"layer\.(\d+)\.block\.(\d+)\.")
    width = shapes.get("layer.0.block.0.conv_0.weight", (0,))[0] // 16
    if len(depths) == 3 and width:
        name = f"wrn-{6 * depths[0] + 4}-{width}-deepmind"
        yield from (name, f"{name}-relu")


def _preact_candidates(shapes: Shapes) -> Iterator[str]:
    depths = stage_depths(shapes, r"layer_(\d+)\.(\d+)\.")
    for depth, blocks in _DEPTHS.items():
        if blocks == depths:
            name = f"preact_resnet{depth}-deepmind"
            yield from (name, f"{name}-relu")


FAMILIES = (
    Family(
        layout="DeepMind's robust networks in RobustBench",
        form="wrn-DEPTH-WIDTH-deepmind, with ReLU instead of SiLU …-deepmind-relu",
        pattern=re.compile(r"wrn-(\d+)-(\d+)-deepmind(?P<relu>-relu)?"),
        names=tuple(f"wrn-{depth}-{width}-deepmind" for depth, width in _SIZES),
        build=_build_wide,
        candidates=_wide_candidates,
        std=CIFAR10_STD,
        multiple=4,
        check=lambda match: blocks_of(int(match[1]), int(match[2]), match[0]),
    ),
    Family(
        layout="DeepMind's robust networks in RobustBench",
        form="preact_resnet18 or 34-deepmind, with ReLU instead of SiLU …-deepmind-relu",
        pattern=re.compile(r"preact_resnet(18|34)-deepmind(?P<relu>-relu)?"),
        names=("preact_resnet18-deepmind", "preact_resnet34-deepmind"),
        build=_build_preact,
        candidates=_preact_candidates,
        std=CIFAR10_STD,
    ),
)
