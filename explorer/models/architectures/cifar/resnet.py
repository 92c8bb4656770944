"""ResNets for 32×32 images (He et al. 2016, arXiv 1512.03385), in three layouts.

kuangliu/pytorch-cifar and `robustness` narrow ImageNet's ResNets to small images by their stem
alone: a 3×3 convolution and no max-pooling. akamaster/pytorch_resnet_cifar10 builds the paper's own
CIFAR networks of depth 6n + 2, whose shortcuts have no parameters (its option A), and
chenyaofo/pytorch-cifar-models the same with convolutions in the shortcuts (option B).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import RequestError
from explorer.models.architectures.cifar.family import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Family,
    Shapes,
    has_small_stem,
    stage_depths,
)

_BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_BOTTLENECK = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_WIDTHS = (64, 128, 256, 512)
_NARROW = (16, 32, 64)

Shortcut = Callable[[int, int, int], nn.Module]
"""(channels in, channels out, stride) to the shortcut of a block that changes either."""


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps the size, but for its stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Option B of He et al.: a 1×1 convolution and batch normalisation."""
    return nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class PaddedSubsampling(nn.Module):
    """Option A of He et al.: every other pixel, and channels of zeros before and after."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.missing = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        before = self.missing // 2
        kept = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(kept, (0, 0, 0, 0, before, self.missing - before))


class ResidualBlock(nn.Module):
    """What both blocks share: the shortcut, under the name that the layout gives it."""

    expansion = 1

    def __init__(
        self, inputs: int, width: int, stride: int, shortcut: Shortcut, shortcut_name: str
    ) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.shortcut_name = shortcut_name
        changes = stride != 1 or inputs != outputs
        self._branch(inputs, width, stride)
        self.add_module(
            shortcut_name, shortcut(inputs, outputs, stride) if changes else nn.Identity()
        )
        self.relu = nn.ReLU()

    def _branch(self, inputs: int, width: int, stride: int) -> None:
        raise NotImplementedError

    def branch(self, x: Tensor) -> Tensor:
        """What the block adds to its shortcut, N×C×H×W."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        shortcut: Tensor = self.get_submodule(self.shortcut_name)(x)
        return self.relu(self.branch(x) + shortcut)


class BasicBlock(ResidualBlock):
    """Two 3×3 convolutions."""

    def _branch(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = convolution(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))


class Bottleneck(ResidualBlock):
    """1×1, 3×3 and 1×1 convolutions; the stride is the 3×3's."""

    expansion = 4

    def _branch(self, inputs: int, width: int, stride: int) -> None:
        self.conv1 = convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv3 = convolution(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)

    def branch(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        return self.bn3(self.conv3(self.relu2(self.bn2(self.conv2(x)))))


class ResNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes; stages `layer1`, … halve the size but for the first.

    names: of the shortcuts and of the classifier, as the layout writes them.
    """

    def __init__(
        self,
        block: type[ResidualBlock],
        widths: Sequence[int],
        depths: Sequence[int],
        classes: int,
        shortcut: Shortcut = projection,
        names: tuple[str, str] = ("shortcut", "linear"),
    ) -> None:
        super().__init__()
        shortcut_name, self.classifier_name = names
        self.conv1 = convolution(3, widths[0], 3)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            blocks = []
            for index in range(depth):
                stride = 2 if number > 1 and index == 0 else 1
                blocks.append(block(inputs, width, stride, shortcut, shortcut_name))
                inputs = width * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.stages = len(widths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.add_module(self.classifier_name, nn.Linear(inputs, classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
        logits: Tensor = self.get_submodule(self.classifier_name)(self.flatten(self.avgpool(x)))
        return logits


def _build(match: re.Match[str], classes: int) -> nn.Module:
    depth = int(match[1])
    if depth in _BASIC:
        return ResNet(BasicBlock, _WIDTHS, _BASIC[depth], classes)
    return ResNet(Bottleneck, _WIDTHS, _BOTTLENECK[depth], classes)


def _candidates(shapes: Shapes) -> Iterator[str]:
    known = _BOTTLENECK if "layer1.0.conv3.weight" in shapes else _BASIC
    depths = stage_depths(shapes, r"layer(\d+)\.(\d+)\.")
    if has_small_stem(shapes):
        yield from (f"resnet{depth}" for depth, blocks in known.items() if blocks == depths)


def _blocks_of(match: re.Match[str]) -> int:
    """Blocks in each of the three stages; RequestError for a depth that is not 6n + 2."""
    blocks, rest = divmod(int(match[1]) - 2, 6)
    if rest or blocks < 1:
        raise RequestError(
            "model", f"{match[0]!r} cannot be: ResNets of CIFAR have 6n + 2 layers (20, 32, 44, …)"
        )
    return blocks


def _build_narrow(match: re.Match[str], classes: int) -> nn.Module:
    depths = (_blocks_of(match),) * 3
    if match[2]:
        return ResNet(BasicBlock, _NARROW, depths, classes, projection, ("downsample", "fc"))
    return ResNet(BasicBlock, _NARROW, depths, classes, PaddedSubsampling)


def _narrow_candidates(suffix: str) -> Callable[[Shapes], Iterator[str]]:
    def candidates(shapes: Shapes) -> Iterator[str]:
        depths = stage_depths(shapes, r"layer(\d+)\.(\d+)\.")
        if len(depths) == 3 and shapes.get("conv1.weight", (0,))[0] == _NARROW[0]:
            yield f"resnet{6 * depths[0] + 2}{suffix}"

    return candidates


FAMILIES = (
    Family(
        layout="kuangliu/pytorch-cifar, MadryLab/robustness, RobustBench",
        form="resnet18, 34, 50, 101 or 152",
        pattern=re.compile(r"resnet(18|34|50|101|152)"),
        names=tuple(f"resnet{depth}" for depth in (*_BASIC, *_BOTTLENECK)),
        build=_build,
        candidates=_candidates,
    ),
    Family(
        layout="akamaster/pytorch_resnet_cifar10",
        form="resnet20, 32, 44, 56, 110 or 1202",
        pattern=re.compile(r"resnet(\d+)()"),
        names=tuple(f"resnet{depth}" for depth in (20, 32, 44, 56, 110, 1202)),
        build=_build_narrow,
        check=_blocks_of,
        candidates=_narrow_candidates(""),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    ),
    Family(
        layout="chenyaofo/pytorch-cifar-models",
        form="resnet20, 32, 44 or 56-chenyaofo",
        pattern=re.compile(r"resnet(\d+)(-chenyaofo)"),
        names=tuple(f"resnet{depth}-chenyaofo" for depth in (20, 32, 44, 56)),
        build=_build_narrow,
        check=_blocks_of,
        candidates=_narrow_candidates("-chenyaofo"),
    ),
)
