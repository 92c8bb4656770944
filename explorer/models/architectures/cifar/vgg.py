"""VGGs (Simonyan & Zisserman 2015, arXiv 1409.1556) for 32×32 images, in four layouts.

The convolutions are ImageNet's; five poolings leave one pixel of 512 channels. What follows is one
linear layer `classifier` (kuangliu/pytorch-cifar and `robustness`, which always normalise the
batch), or three, as in the original, but 512 wide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from torch import Tensor, nn

from explorer.models.architectures.cifar.family import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MEAN,
    STD,
    Family,
    Scale,
    Shapes,
)

_WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = {
    "11": (1, 1, 2, 2, 2),
    "13": (2, 2, 2, 2, 2),
    "16": (2, 2, 3, 3, 3),
    "19": (2, 2, 4, 4, 4),
}
"""In each of the five stages, which a pooling ends."""

_BASE = r"vgg(11|13|16|19)(_bn)?"

Head = Callable[[int], nn.Module]


def features(depth: str, batch_norm: bool) -> nn.Sequential:
    """The convolutions, N×3×H×W to N×512×H/32×W/32, numbered as in torchvision."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in zip(_WIDTHS, _CONVOLUTIONS[depth], strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(inputs, width, 3, padding=1))
            layers += [nn.BatchNorm2d(width)] if batch_norm else []
            layers.append(nn.ReLU())
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Normalised N×3×H×W, H and W at least 32, to logits; what the convolutions leave is pooled."""

    def __init__(self, convolutions: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.features = convolutions
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = head

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))


def one_layer(classes: int) -> nn.Module:
    """kuangliu's head."""
    return nn.Linear(512, classes)


def dropout_last(classes: int) -> nn.Module:
    """torchvision's head, 512 wide: layers 0, 3 and 6."""
    return nn.Sequential(
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(512, classes),
    )


def dropout_first(classes: int) -> nn.Module:
    """chengyangfu's head: layers 1, 4 and 6."""
    return nn.Sequential(
        nn.Dropout(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, classes),
    )


def _build(head: Head) -> Callable[[re.Match[str], int], nn.Module]:
    def build(match: re.Match[str], classes: int) -> nn.Module:
        return VGG(features(match[1], bool(match[2])), head(classes))

    return build


def _candidates(suffix: str) -> Callable[[Shapes], Iterator[str]]:
    def candidates(shapes: Shapes) -> Iterator[str]:
        if any(name.startswith("pre_logits.") for name in shapes):
            return  # timm's, for ImageNet
        kernels = [
            shape
            for name, shape in shapes.items()
            if name.startswith("features.") and len(shape) == 4
        ]
        batch_norm = "_bn" if "features.1.running_mean" in shapes else ""
        for depth, counts in _CONVOLUTIONS.items():
            if len(kernels) == sum(counts):
                yield f"vgg{depth}{batch_norm}{suffix}"

    return candidates


def _family(
    suffix: str, head: Head, layout: str, scale: tuple[Scale, Scale] = (MEAN, STD)
) -> Family:
    return Family(
        layout=layout,
        form=f"vgg11, 13, 16 or 19{suffix}, with batch normalisation vgg11_bn{suffix}, …",
        pattern=re.compile(f"{_BASE}{suffix}"),
        names=tuple(f"vgg{depth}{bn}{suffix}" for bn in ("_bn", "") for depth in _CONVOLUTIONS),
        build=_build(head),
        candidates=_candidates(suffix),
        mean=scale[0],
        std=scale[1],
        smallest=32,
    )


FAMILIES = (
    _family("", one_layer, "kuangliu/pytorch-cifar, MadryLab/robustness (always vgg…_bn)"),
    _family("-chenyaofo", dropout_last, "chenyaofo/pytorch-cifar-models"),
    _family(
        "-chengyangfu",
        dropout_first,
        "chengyangfu/pytorch-vgg-cifar10",
        (IMAGENET_MEAN, IMAGENET_STD),
    ),
)
