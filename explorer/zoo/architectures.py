"""The zoo's network designs, built from data.

All end alike: a 4×4 grid of features, flattened instead of pooled (pooling would forget where
things are), and one linear layer `head`. So `penultimate` is the input of `head`. They take
normalised N×3×64×64 images and return the logits of all label groups, one after the other.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 64
GRID = 4


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch-norm; with `skip`, their input is added to their output."""

    def __init__(self, inputs: int, outputs: int, stride: int, skip: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.skip: nn.Module | None = None
        if skip:
            self.skip = nn.Identity()
            if stride != 1 or inputs != outputs:
                self.skip = nn.Sequential(
                    nn.AvgPool2d(stride), nn.Conv2d(inputs, outputs, 1, bias=False)
                )
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        if self.skip is not None:
            y = y + self.skip(x)
        return self.relu2(y)


class GridNetwork(nn.Module):
    """What all designs share: `features` computes the flattened grid, `head` the logits of it."""

    head: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """Normalised images, N×3×64×64, to the penultimate layer, N×D."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def _initialise_convolutions(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


class GridCNN(GridNetwork):
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
        self._initialise_convolutions()

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"stage{number}")(x)
        return self.flatten(self.grid(x))


class StackedCNN(GridNetwork):
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
        self._initialise_convolutions()

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


class GridTransformer(GridNetwork):
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


KINDS: dict[str, Callable[..., GridNetwork]] = {
    "grid-cnn": GridCNN,
    "stacked-cnn": StackedCNN,
    "grid-transformer": GridTransformer,
}


def build(architecture: dict[str, Any]) -> GridNetwork:
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
