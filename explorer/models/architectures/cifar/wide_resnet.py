"""Wide ResNets (Zagoruyko & Komodakis 2016, arXiv 1605.07146) in the layout of TRADES.

RobustBench has it, too. Depth 6n + 4, three stages of n blocks; width k widens them to 16k, 32k and
64k channels. TRADES' own checkpoints hold a second first stage, `sub_block1`, which is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import Tensor, nn

from explorer.errors import RequestError
from explorer.models.architectures.cifar.family import UNSCALED, Family, Shapes, stage_depths
from explorer.models.architectures.cifar.resnet import convolution

_PUBLISHED = {16: (4, 8), 28: (2, 4, 10), 34: (10, 15, 20), 40: (2, 4), 70: (16,)}
"""Widths by depth, which lists show; any others work as well."""


def blocks_of(depth: int, width: int, name: str) -> int:
    """Blocks in each of the three stages; RequestError for a depth that is not 6n + 4."""
    blocks, rest = divmod(depth - 4, 6)
    if rest or blocks < 1 or width < 1:
        raise RequestError(
            "model", f"{name!r} cannot be: Wide ResNets have 6n + 4 layers (16, 28, 34, 40, …)"
        )
    return blocks


class WideBlock(nn.Module):
    """Normalisation, ReLU and 3×3 convolution, twice; where the width changes, a 1×1 shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.conv2 = convolution(outputs, outputs, 3)
        self.convShortcut: nn.Module | None = None
        if inputs != outputs:
            self.convShortcut = convolution(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu1(self.bn1(x))
        out: Tensor = self.conv2(self.relu2(self.bn2(self.conv1(activated))))
        return out + (x if self.convShortcut is None else self.convShortcut(activated))


class WideStage(nn.Module):
    """A row of blocks, `layer`, of which the first has the stride."""

    def __init__(self, blocks: int, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        rest = [WideBlock(outputs, outputs, 1) for _ in range(blocks - 1)]
        self.layer = nn.Sequential(WideBlock(inputs, outputs, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class WideResNet(nn.Module):
    """Normalised N×3×H×W to logits, N×classes; with `sub_block1`, unused, where it is wanted."""

    def __init__(self, blocks: int, width: int, classes: int, sub_block: bool) -> None:
        super().__init__()
        first, second, third = 16 * width, 32 * width, 64 * width
        self.conv1 = convolution(3, 16, 3)
        self.block1 = WideStage(blocks, 16, first, 1)
        if sub_block:
            self.sub_block1 = WideStage(blocks, 16, first, 1)
        self.block2 = WideStage(blocks, first, second, 2)
        self.block3 = WideStage(blocks, second, third, 2)
        self.bn1 = nn.BatchNorm2d(third)
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(self.flatten(self.avgpool(self.relu(self.bn1(x)))))


def _build(match: re.Match[str], classes: int) -> nn.Module:
    depth, width = int(match[1]), int(match[2])
    return WideResNet(blocks_of(depth, width, match[0]), width, classes, bool(match[3]))


def _candidates(shapes: Shapes) -> Iterator[str]:
    depths = stage_depths(shapes, r"block(\d+)\.layer\.(\d+)\.")
    width = shapes.get("block1.layer.0.conv1.weight", (0,))[0] // 16
    if len(depths) == 3 and width:
        suffix = "-trades" if any(name.startswith("sub_block1.") for name in shapes) else ""
        yield f"wrn-{6 * depths[0] + 4}-{width}{suffix}"


FAMILIES = (
    Family(
        layout="RobustBench, xternalz/WideResNet-pytorch; with sub_block1: TRADES",
        form="wrn-DEPTH-WIDTH (such as wrn-28-10) or wrn-DEPTH-WIDTH-trades",
        pattern=re.compile(r"wrn-(\d+)-(\d+)(-trades)?"),
        names=(
            *(f"wrn-{depth}-{width}" for depth, widths in _PUBLISHED.items() for width in widths),
            *("wrn-28-10-trades", "wrn-34-10-trades", "wrn-34-15-trades", "wrn-34-20-trades"),
        ),
        build=_build,
        check=lambda match: blocks_of(int(match[1]), int(match[2]), match[0]),
        candidates=_candidates,
        mean=UNSCALED[0],
        std=UNSCALED[1],
    ),
)
