"""The zoo's network designs, built from data.

All end alike: a 4×4 grid of features, flattened with its places kept (pooling would forget where
things are), and one linear layer `head`. So `penultimate` is the input of `head`. They take
normalised N×3×64×64 images and return the logits of all label groups, one after the other.
"""

from collections.abc import Callable

from torch import Tensor, nn

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


class GridCNN(nn.Module):
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
        # Where 4 divides the kernel, every pixel lies under equally many of its positions;
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
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"stage{number}")(x)
        return self.head(self.flatten(self.grid(x)))


KINDS: dict[str, Callable[..., nn.Module]] = {"grid-cnn": GridCNN}


def build(architecture: dict) -> nn.Module:
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
