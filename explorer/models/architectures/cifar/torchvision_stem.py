"""torchvision's ResNets and DenseNets with a stem for small images: 3×3, stride 1, no max-pooling.

So do most self-supervised repositories (SimCLR, MoCo, solo-learn) on CIFAR; the names of tensors
are torchvision's and timm's. huyvnphan/PyTorch_CIFAR10 leaves the max-pooling in, which no tensor
tells: those names end in `-maxpool`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn
from torchvision import models

from explorer.models.architectures.cifar.family import Family, Shapes, has_small_stem, stage_depths

_RESNETS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
    "resnext50_32x4d": (3, 4, 6, 3),
    "resnext101_32x8d": (3, 4, 23, 3),
    "wide_resnet50_2": (3, 4, 6, 3),
    "wide_resnet101_2": (3, 4, 23, 3),
}
_DENSENETS = {
    "densenet121": (6, 12, 24, 16),
    "densenet161": (6, 12, 36, 24),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
}
_DEPTHS = _RESNETS | _DENSENETS
"""Blocks in each stage, and layers in each dense block."""

_SUFFIXES = ("-torchvision", "-torchvision-maxpool")


def _build(match: re.Match[str], classes: int) -> nn.Module:
    module = models.get_model(match[1], weights=None, num_classes=classes)
    stem, pool = (
        ("features.conv0", "features.pool0") if match[1] in _DENSENETS else ("conv1", "maxpool")
    )
    channels = int(module.get_submodule(stem).weight.shape[0])
    module.set_submodule(stem, nn.Conv2d(3, channels, 3, padding=1, bias=False))
    if not match[2]:
        module.set_submodule(pool, nn.Identity())
    return module


def _candidates(shapes: Shapes) -> Iterator[str]:
    stages = stage_depths(shapes, r"layer(\d+)\.(\d+)\.")
    dense = [
        re.match(r"features\.denseblock(\d+)\.denselayer(\d+)\.norm1\.weight", name)
        for name in shapes
    ]
    layers = [match[1] for match in dense if match]
    blocks = tuple(layers.count(number) for number in sorted(set(layers)))
    if not (has_small_stem(shapes) or has_small_stem(shapes, "features.conv0.weight")):
        return
    for name, depths in _DEPTHS.items():
        if depths == (blocks if name in _DENSENETS else stages):
            yield from (name + suffix for suffix in _SUFFIXES)


FAMILIES = (
    Family(
        layout="torchvision's and timm's names with a stem for small images; "
        "with max-pooling: huyvnphan/PyTorch_CIFAR10",
        form=f"NAME-torchvision or NAME-torchvision-maxpool with {', '.join(_DEPTHS)}",
        pattern=re.compile(rf"({'|'.join(_DEPTHS)})-torchvision(-maxpool)?"),
        names=tuple(name + suffix for suffix in _SUFFIXES for name in _DEPTHS),
        build=_build,
        candidates=_candidates,
    ),
)
