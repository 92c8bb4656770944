"""LPIPS: images compared by the features of a network trained on photos, layer by layer.

The recipe itself takes feature maps and downloads nothing. The three published backbones take
their weights from torchvision and their heads from torchmetrics, which ships them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from explorer.metrics import backbones
from explorer.metrics.backbones import BACKBONES, MeasureUnavailable

# Mean and deviation that LPIPS was published with, for images in [−1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
SMALLEST = 32

_FLOOR = 1e-10


def lpips_baseline(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
    """Σ over layers of the spatial mean of ‖â − b̂‖², N values in [0, 4·layers].

    features_a, features_b: one N×C×H×W map per layer; â, b̂ are scaled to unit length over the
    channels at each place. Differentiable, also where a map is zero. Source: Zhang et al. 2018,
    equation 1 with equal weights (the LPIPS baseline, no learned heads).
    """
    return sum(
        (squared.sum(1).mean((1, 2)) for squared in _squared_differences(features_a, features_b)),
        start=features_a[0].new_zeros(len(features_a[0])),
    )


def lpips_calibrated(
    features_a: Sequence[Tensor], features_b: Sequence[Tensor], heads: Sequence[Tensor]
) -> Tensor:
    """As `lpips_baseline` with the channels of layer l weighted by heads[l], C values: LPIPS."""
    return sum(
        (
            torch.einsum("nchw,c->nhw", squared, head.to(squared)).mean((1, 2))
            for squared, head in zip(
                _squared_differences(features_a, features_b), heads, strict=True
            )
        ),
        start=features_a[0].new_zeros(len(features_a[0])),
    )


def lpips(images_a: Tensor, images_b: Tensor, net: str) -> Tensor:
    """LPIPS, calibrated, N values from 0 up; images N×3×H×W in [0, 1], at least SMALLEST px.

    net: `squeeze`, `alex` or `vgg`. Differentiable. Loads the network at first use, downloading it
    where that is allowed; raises MeasureUnavailable, saying why, where it is not available.
    """
    return lpips_calibrated(*_features(images_a, images_b, net), _heads(net))


def lpips_without_heads(images_a: Tensor, images_b: Tensor, net: str) -> Tensor:
    """The LPIPS baseline on a published backbone, N values in [0, 2·layers]; else as `lpips`."""
    return lpips_baseline(*_features(images_a, images_b, net))


def _features(images_a: Tensor, images_b: Tensor, net: str) -> tuple[list[Tensor], list[Tensor]]:
    """Images in [0, 1] to one map per layer that LPIPS reads, of either batch."""
    images = torch.cat([images_a, images_b])
    shift, scale = (images.new_tensor(each).view(1, 3, 1, 1) for each in (SHIFT, SCALE))
    maps, x, ends = [], (2 * images - 1 - shift) / scale, BACKBONES[net].ends
    for index, layer in enumerate(backbones.layers(net, images.device)[: ends[-1] + 1]):
        x = layer(x)
        if index in ends:
            maps.append(x)
    pairs = [each.chunk(2) for each in maps]
    return [a for a, _ in pairs], [b for _, b in pairs]


@cache
def _heads(net: str) -> list[Tensor]:
    """The learned channel weights, C values per layer, which torchmetrics ships."""
    package = importlib.util.find_spec("torchmetrics")
    if package is None or package.origin is None:
        raise MeasureUnavailable("LPIPS needs torchmetrics, which holds its learned weights")
    path = Path(package.origin).parent / "functional" / "image" / "lpips_models" / f"{net}.pth"
    # A caller's inference mode must not leave tensors that later refuse gradients.
    with torch.inference_mode(False):
        state = torch.load(path, map_location="cpu", weights_only=True)
        return [state[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(state))]


def _squared_differences(
    features_a: Sequence[Tensor], features_b: Sequence[Tensor]
) -> list[Tensor]:
    return [(_unit(a) - _unit(b)).square() for a, b in zip(features_a, features_b, strict=True)]


def _unit(features: Tensor) -> Tensor:
    return features * (features.square().sum(1, keepdim=True) + _FLOOR).rsqrt()
