"""The zoo's network designs, built from data.

All end in one linear layer `head`, whose input is `penultimate`, and return the logits of all label
groups, one after the other. Those of this file take normalised N×3×64×64 images and end alike: a
4×4 grid of features, flattened instead of pooled (pooling would forget where things are).
`explorer.zoo.pooled_designs` has those for 32×32 pictures, which pool.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.zoo.pooled_designs import (
    PooledDenseNet,
    PooledInception,
    PooledResNet,
    PooledVGG,
)
from explorer.zoo.residual_block import ResidualBlock
from explorer.zoo.small_network import SmallNetwork

SIDE = 64
GRID = 4


class GridCNN(SmallNetwork):
    """A coarse stem, stages of blocks each at half the size of the last, and the 4×4 grid."""

    def __init__(
        self,
        stem: int,
        widths: list[int],
        depths: list[int],
        grid: int,
        skips: bool,
        outputs: int,
    ):
        super().__init__()
        # Where 4 divides the kernel, every pixel is covered by equally many of its positions;
        # otherwise images made by descent through it show a grid.
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], stem, 4, (stem - 4) // 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            blocks = []
            for i in range(depth):
                stride = 2 if number > 1 and i == 0 else 1
                blocks.append(ResidualBlock(inputs, width, stride, skips))
                inputs = width
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
        self.stages = len(widths)
        self.grid = nn.Sequential(
            nn.Conv2d(inputs, grid, 3, 2, 1, bias=False), nn.BatchNorm2d(grid), nn.ReLU()
        )
        self.flatten = nn.Flatten()
        self.head = nn.Linear(grid * GRID * GRID, outputs)
        self.initialise_convolutions()

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"stage{number}")(x)
        return self.flatten(self.grid(x))


class StackedCNN(SmallNetwork):
    """Stacks of 3×3 convolutions, each ended by max-pooling (Simonyan & Zisserman 2015).

    A first layer of stride 2 stands for the stack at full size, which would cost more than all the
    others together. The grid is the last convolution of the last stack, pooled to 4×4.
    """

    def __init__(self, widths: list[int], depths: list[int], grid: int, outputs: int):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += self._convolution(inputs, width)
                inputs = width
            if number < len(widths):
                layers.append(nn.MaxPool2d(2))
            self.add_module(f"stack{number}", nn.Sequential(*layers))
        self.stacks = len(widths)
        self.grid = nn.Sequential(*self._convolution(inputs, grid), nn.MaxPool2d(2))
        self.flatten = nn.Flatten()
        self.head = nn.Linear(grid * GRID * GRID, outputs)
        self.initialise_convolutions()

    @staticmethod
    def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
        return [
            nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(1, self.stacks + 1):
            x = self.get_submodule(f"stack{number}")(x)
        return self.flatten(self.grid(x))


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017); N×T×width."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, width = x.shape
        split = self.qkv(x).view(count, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(count, tokens, width))


class TransformerBlock(nn.Module):
    """Pre-norm transformer block: attention, then two linear layers per token."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Tokens(nn.Module):
    """Patch embedding with learned positions; N×T×width."""

    def __init__(self, patch: int, width: int):
        super().__init__()
        self.cut = nn.Conv2d(3, width, patch, patch)
        self.places = nn.Parameter(0.02 * torch.randn(1, (SIDE // patch) ** 2, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.cut(x).flatten(2).transpose(1, 2) + self.places


class Grid(nn.Module):
    """Tokens, N×T×width, laid out where they came from and merged to N×outputs×4×4."""

    def __init__(self, side: int, width: int, outputs: int):
        super().__init__()
        self.side = side
        self.norm = nn.LayerNorm(width)
        self.merge = nn.Conv2d(width, outputs, side // GRID, side // GRID)

    def forward(self, x: Tensor) -> Tensor:
        places = self.norm(x).transpose(1, 2).reshape(len(x), -1, self.side, self.side)
        return self.merge(places)


class GridTransformer(SmallNetwork):
    """A small vision transformer (Dosovitskiy et al. 2021) whose tokens are merged to the grid."""

    def __init__(
        self, patch: int, width: int, depth: int, heads: int, hidden: int, grid: int, outputs: int
    ):
        super().__init__()
        self.tokens = Tokens(patch, width)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads, hidden) for _ in range(depth)))
        self.grid = Grid(SIDE // patch, width, grid)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(grid * GRID * GRID, outputs)

    def features(self, x: Tensor) -> Tensor:
        return self.flatten(self.grid(self.blocks(self.tokens(x))))


KINDS: dict[str, Callable[..., SmallNetwork]] = {
    "grid-cnn": GridCNN,
    "stacked-cnn": StackedCNN,
    "grid-transformer": GridTransformer,
    "pooled-resnet": PooledResNet,
    "pooled-vgg": PooledVGG,
    "pooled-densenet": PooledDenseNet,
    "pooled-inception": PooledInception,
}


def build(architecture: dict[str, Any]) -> SmallNetwork:
    """An untrained network from its description, with weights from torch's global generator.

    `architecture` has "kind" (a key of `KINDS`) and that kind's arguments. Raises ValueError for
    an unknown kind and TypeError for arguments the kind doesn't have.
    """
    arguments = dict(architecture)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"unknown architecture kind {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind](**arguments)


def count_parameters(network: nn.Module) -> int:
    """Number of trained values, batch-norm's running statistics not counted."""
    return sum(p.numel() for p in network.parameters())
