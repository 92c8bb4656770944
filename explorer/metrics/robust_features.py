"""The perceptual distance that ships: the LPIPS recipe on an embedded robust network.

Needs no download. It flatters IRIs of the embedded networks, which learned from the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.metrics.lpips import lpips_baseline
from explorer.models.layers import representations
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.sources import embedded

NETWORK = "residual-multi-adv2"
SIZE = 64


class RobustFeatures(nn.Module):
    """d(a, b) ≥ 0, N values, differentiable in both; images N×3×H×W in [0, 1].

    features: images N×3×SIZE×SIZE in [0, 1] → one N×C×h×w map per layer; by default the stem, each
    stage and the grid of the embedded network NETWORK. Images of another size are resized to
    SIZE×SIZE (antialiased bilinear) first. Zero for identical images, at most 2·layers for features
    that come out of a ReLU.
    """

    def __init__(self, features: Callable[[Tensor], Sequence[Tensor]] | None = None) -> None:
        super().__init__()
        self._features = embedded_features if features is None else features

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """The maps that are compared; make a fixed target's once and give them to `distance`."""
        if images.shape[-2:] != (SIZE, SIZE):
            images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
        return self._features(images)

    @staticmethod
    def distance(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
        """d from what `features` gave for either image."""
        return lpips_baseline(features_a, features_b)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.distance(self.features(a), self.features(b))


def embedded_features(images: Tensor) -> list[Tensor]:
    """Maps of NETWORK's stem, stages and grid, on the images' device; N×3×64×64 in [0, 1]."""
    network = _network(str(images.device))
    layers = [name for name, _ in network.module.named_children() if name not in _NO_MAPS]
    return list(representations(network, layers, images.float()).values())


def robust_features(images_a: Tensor, images_b: Tensor) -> Tensor:
    """The distance of `RobustFeatures` on the embedded network, N values."""
    return RobustFeatures()(images_a, images_b)


def unavailable_reason() -> str | None:
    """Why the embedded network cannot be used, or None if it can."""
    if all((embedded.CARDS / f"{NETWORK}{end}").is_file() for end in (".json", ".safetensors")):
        return None
    return f"the weights of embedded:{NETWORK} are missing from this installation"


_NO_MAPS = ("flatten", "head")


@lru_cache(maxsize=4)
def _network(device: str) -> Network:
    # A caller's inference mode must not leave tensors that later refuse gradients.
    with torch.inference_mode(False):
        return load(f"embedded:{NETWORK}", device=device)
