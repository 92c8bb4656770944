"""Pre-activation ResNets for 32×32 images (He et al. 2016, arXiv 1603.05027), in three layouts.

kuangliu/pytorch-cifar's; Wong et al.'s (arXiv 2001.03994), whose tensors are the same, though its
shortcuts take the block's input before normalisation; and Rice et al.'s (arXiv 2002.11569), which
normalises once more before the classifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from explorer.models.architectures.cifar.family import (
    UNSCALED,
    Family,
    Shapes,
    has_small_stem,
    stage_depths,
)
from explorer.models.architectures.cifar.resnet import convolution

_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_WIDTHS = (64, 128, 256, 512)


class PreActBlock(nn.Module):
    """Normalisation, ReLU, convolution; twice, or three times in a bottleneck.

    kernels: the convolutions' sizes. raw_shortcut: the shortcut's convolution takes the block's
        input as it is, instead of what the first ReLU makes of it.
    """

    def __init__(
        self, inputs: int, width: int, stride: int, kernels: Sequence[int], raw_shortcut: bool
    ) -> None:
        super().__init__()
        bottleneck = len(kernels) == 3
        outputs = 4 * width if bottleneck else width
        self.raw_shortcut, self.convolutions = raw_shortcut, len(kernels)
        strided = 2 if bottleneck else 1
        channels = [inputs, *[width] * (len(kernels) - 1), outputs]
        for number, kernel in enumerate(kernels, start=1):
            before, after = channels[number - 1 : number + 1]
            step = stride if number == strided else 1
            self.add_module(f"bn{number}", nn.BatchNorm2d(before))
            self.add_module(f"relu{number}", nn.ReLU())
            self.add_module(f"conv{number}", convolution(before, after, kernel, step))
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.get_submodule("relu1")(self.get_submodule("bn1")(x))
        out: Tensor = self.get_submodule("conv1")(activated)
        for number in range(2, self.convolutions + 1):
            for part in ("bn", "relu", "conv"):
                out = self.get_submodule(f"{part}{number}")(out)
        if self.shortcut is None:
            return out + x
        shortcut: Tensor = self.shortcut(x if self.raw_shortcut else activated)
        return out + shortcut


class PreActResNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes; `bn`, if wanted, before the classifier `linear`."""

    def __init__(self, depth: int, classes: int, raw_shortcut: bool, last_bn: bool) -> None:
        super().__init__()
        kernels = (3, 3) if depth in _BASIC else (1, 3, 1)
        self.conv1 = convolution(3, _WIDTHS[0], 3)
        inputs = _WIDTHS[0]
        depths = (_BASIC | _BOTTLENECK)[depth]
        for number, (width, blocks) in enumerate(zip(_WIDTHS, depths, strict=True), start=1):
            stage = []
            for index in range(blocks):
                stride = 2 if number > 1 and index == 0 else 1
                stage.append(PreActBlock(inputs, width, stride, kernels, raw_shortcut))
                inputs = width if depth in _BASIC else 4 * width
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        self.bn = nn.BatchNorm2d(inputs) if last_bn else None
        self.relu = nn.ReLU() if last_bn else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        if self.bn is not None and self.relu is not None:
            x = self.relu(self.bn(x))
        return self.linear(self.flatten(self.avgpool(x)))


def _build(match: re.Match[str], classes: int) -> nn.Module:
    suffix = match[2]
    return PreActResNet(int(match[1]), classes, suffix == "-wong", suffix == "-rice")


def _candidates(shapes: Shapes) -> Iterator[str]:
    known = _BOTTLENECK if "layer1.0.conv3.weight" in shapes else _BASIC
    depths = stage_depths(shapes, r"layer(\d+)\.(\d+)\.")
    if has_small_stem(shapes):
        yield from (f"preact_resnet{depth}" for depth, blocks in known.items() if blocks == depths)


def _robust_candidates(shapes: Shapes) -> Iterator[str]:
    if "preact_resnet18" in _candidates(shapes):
        yield "preact_resnet18-rice" if "bn.weight" in shapes else "preact_resnet18-wong"


FAMILIES = (
    Family(
        layout="kuangliu/pytorch-cifar",
        form="preact_resnet18, 34, 50, 101 or 152",
        pattern=re.compile(r"preact_resnet(18|34|50|101|152)()"),
        names=tuple(f"preact_resnet{depth}" for depth in (*_BASIC, *_BOTTLENECK)),
        build=_build,
        candidates=_candidates,
    ),
    Family(
        layout="RobustBench (Wong et al. 2020, Rice et al. 2020)",
        form="preact_resnet18-wong or -rice",
        pattern=re.compile(r"preact_resnet(18)(-wong|-rice)"),
        names=("preact_resnet18-wong", "preact_resnet18-rice"),
        build=_build,
        candidates=_robust_candidates,
        mean=UNSCALED[0],
        std=UNSCALED[1],
    ),
)
