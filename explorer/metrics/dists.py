"""DISTS: images compared by structure and texture of VGG-16's features.

The recipe itself takes feature maps and downloads nothing. VGG-16 comes from torchvision; the
learned weights and the ℓ₂ pooling from torchmetrics, whose own DISTS is not used because building
it unpickles the VGG checkpoint and downloads without a time-out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.metrics import backbones
from explorer.metrics.backbones import BACKBONES, MeasureUnavailable

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
LONGEST_SHORT_SIDE = 256

_NET = "vgg"
_CHANNELS = (3, 64, 128, 256, 512, 512)
_FLOOR = 1e-6


def dists_of_features(
    features_a: Sequence[Tensor],
    features_b: Sequence[Tensor],
    alpha: Sequence[Tensor],
    beta: Sequence[Tensor],
) -> Tensor:
    """1 − Σ over layers and channels of (α·l + β·s), N values, 0 for identical maps.

    features_a, features_b: one N×C×H×W map per layer. alpha, beta: C weights per layer; all of them
    together are scaled to sum to 1. With means μ, variances σ² and covariance σ_ab over the places
    of a channel, l = (2μ_a·μ_b + c) / (μ_a² + μ_b² + c) compares texture and
    s = (2σ_ab + c) / (σ_a² + σ_b² + c) structure, c = 10⁻⁶. Differentiable. Source: Ding, Ma, Wang
    & Simoncelli 2020, equations 5 to 7.
    """
    whole = torch.cat([*alpha, *beta]).sum()
    alike = features_a[0].new_zeros(len(features_a[0]))
    for a, b, texture, structure in zip(features_a, features_b, alpha, beta, strict=True):
        mean_a, mean_b = a.mean((2, 3), keepdim=True), b.mean((2, 3), keepdim=True)
        spread_a, spread_b = a - mean_a, b - mean_b
        variances = (spread_a.square() + spread_b.square()).mean((2, 3))
        together = (spread_a * spread_b).mean((2, 3))
        mean_a, mean_b = mean_a[..., 0, 0], mean_b[..., 0, 0]
        means = mean_a.square() + mean_b.square()
        alike = alike + (
            texture.to(a) * (2 * mean_a * mean_b + _FLOOR) / (means + _FLOOR)
            + structure.to(a) * (2 * together + _FLOOR) / (variances + _FLOOR)
        ).sum(1)
    return 1 - alike / whole.to(alike)


def dists(images_a: Tensor, images_b: Tensor) -> Tensor:
    """DISTS, N values from 0 up, seldom above 1; images N×3×H×W in [0, 1], at least 32 px.

    As its authors do, images whose shorter side is above LONGEST_SHORT_SIDE are shrunk to that
    first. Differentiable. Loads VGG-16 at first use, downloading it where that is allowed; raises
    MeasureUnavailable, saying why, where it is not available.
    """
    maps = [each.chunk(2) for each in _features(_shrunk(torch.cat([images_a, images_b])))]
    return dists_of_features([a for a, _ in maps], [b for _, b in maps], *_weights())


def _shrunk(images: Tensor) -> Tensor:
    short = min(images.shape[-2:])
    if short <= LONGEST_SHORT_SIDE:
        return images
    size = [round(side * LONGEST_SHORT_SIDE / short) for side in images.shape[-2:]]
    return F.interpolate(images, size, mode="bilinear", antialias=True)


def _features(images: Tensor) -> list[Tensor]:
    """The images themselves and VGG-16's maps, its max pooling replaced by ℓ₂ pooling."""
    from torchmetrics.functional.image.dists import L2pooling

    shift, scale = (images.new_tensor(each).view(1, 3, 1, 1) for each in (MEAN, STD))
    maps, x, ends = [images], (images - shift) / scale, BACKBONES[_NET].ends
    for index, layer in enumerate(backbones.layers(_NET, images.device)[: ends[-1] + 1]):
        pools = isinstance(layer, nn.MaxPool2d)
        x = L2pooling(channels=x.shape[1]).to(x)(x) if pools else layer(x)
        if index in ends:
            maps.append(x)
    return maps


@cache
def _weights() -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """α and β, C values per layer, which torchmetrics ships."""
    package = importlib.util.find_spec("torchmetrics")
    if package is None or package.origin is None:
        raise MeasureUnavailable("DISTS needs torchmetrics, which holds its learned weights")
    path = Path(package.origin).parent / "functional" / "image" / "dists_models" / "weights.pt"
    # A caller's inference mode must not leave tensors that later refuse gradients.
    with torch.inference_mode(False):
        state = torch.load(path, map_location="cpu", weights_only=True)
        alpha, beta = (state[name].flatten().split(_CHANNELS) for name in ("alpha", "beta"))
    return alpha, beta
