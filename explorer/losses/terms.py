"""The terms that losses are made of: one small pure function each, per sample.

Images are float32, N×3×H×W in [0, 1], un-normalised; every term returns (N,). Sums run over
C, H, W as in the public code of Nanda et al. (AAAI 2023), so they grow with the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR_KERNEL = 5
BLUR_SIGMA = 1.0

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Scene:
    """All that a term may look at. The target, the seed and their parts take no gradient."""

    images: Tensor
    representation: Tensor
    target_representation: Tensor
    targets: Tensor
    seeds: Tensor
    distance: Distance | None = None

    @property
    def offset(self) -> Tensor:
        """(g(x) − g(x_t)) / ‖g(x_t)‖₂, N×D, in the network's precision."""
        wanted = self.target_representation.flatten(1)
        size = torch.linalg.vector_norm(wanted, dim=1, keepdim=True).clamp_min(1e-12)
        return (self.representation.flatten(1) - wanted) / size


def relative_l2(scene: Scene) -> Tensor:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂ on the flattened representation, in the network's precision."""
    return torch.linalg.vector_norm(scene.offset, dim=1)


def cosine(scene: Scene) -> Tensor:
    """1 − cos(g(x), g(x_t)) on the flattened representation, in [0, 2]: blind to its length."""
    ours, wanted = scene.representation.flatten(1), scene.target_representation.flatten(1)
    sizes = torch.linalg.vector_norm(ours, dim=1) * torch.linalg.vector_norm(wanted, dim=1)
    return 1 - (ours * wanted).sum(1) / sizes.clamp_min(1e-12)


def gram(scene: Scene) -> Tensor:
    """‖G(x) − G(x_t)‖_F / ‖G(x_t)‖_F: which channels are active together, wherever that is.

    The style term of Gatys, Ecker & Bethge (2016), relative to the target's.
    """
    difference = gram_matrix(scene.representation) - gram_matrix(scene.target_representation)
    size = torch.linalg.vector_norm(gram_matrix(scene.target_representation), dim=(1, 2))
    return torch.linalg.vector_norm(difference, dim=(1, 2)) / size.clamp_min(1e-12)


def gram_matrix(representation: Tensor) -> Tensor:
    """G = F·Fᵀ / places, N×C×C, of maps N×C×H×W or tokens N×T×C.

    Raises ValueError for other shapes: a vector has no places over which to average.
    """
    if representation.ndim == 4:
        features = representation.flatten(2)
    elif representation.ndim == 3:
        features = representation.transpose(1, 2)
    else:
        shape = "×".join(map(str, representation.shape[1:]))
        raise ValueError(f"a Gram matrix needs channels at several places, not {shape} numbers")
    return features @ features.transpose(1, 2) / features.shape[2]


def tv(scene: Scene) -> Tensor:
    """Total variation with β = 2: Σ Δy² + Σ Δx²."""
    x = scene.images
    return (x.diff(dim=2).square().sum((1, 2, 3))) + (x.diff(dim=3).square().sum((1, 2, 3)))


def blur(scene: Scene) -> Tensor:
    """½‖x − blur(x)‖², the blurred image held constant (Gaussian, 5×5, σ = 1)."""
    x = scene.images
    return 0.5 * (x - gaussian_blur(x.detach())).square().sum((1, 2, 3))


def gaussian_blur(images: Tensor) -> Tensor:
    """Images blurred with a 5×5 Gaussian of σ = 1, mirrored at the edges.

    As torchvision's function of this name, whose import would cost every worker seconds.
    """
    offsets = torch.arange(BLUR_KERNEL, dtype=images.dtype, device=images.device) - BLUR_KERNEL // 2
    line = torch.exp(-0.5 * (offsets / BLUR_SIGMA).square())
    line = (line / line.sum()).expand(images.shape[1], 1, 1, BLUR_KERNEL)
    padded = F.pad(images, [BLUR_KERNEL // 2] * 4, mode="reflect")
    channels = images.shape[1]
    rows = F.conv2d(padded, line, groups=channels)
    return F.conv2d(rows, line.transpose(2, 3), groups=channels)


def l1(scene: Scene) -> Tensor:
    """‖x − 0.5‖₁."""
    return (scene.images - 0.5).abs().sum((1, 2, 3))


def l6(scene: Scene) -> Tensor:
    """‖x‖₆ (Mahendran and Vedaldi, 2015)."""
    return torch.linalg.vector_norm(scene.images.flatten(1), ord=6, dim=1)


def to_target(scene: Scene) -> Tensor:
    """d(x, x_t), d the perceptual distance that plays the adversary."""
    return _distance(scene)(scene.images, scene.targets)


def to_seed(scene: Scene) -> Tensor:
    """d(x, x_0), d the perceptual distance that plays the adversary."""
    return _distance(scene)(scene.images, scene.seeds)


def _distance(scene: Scene) -> Distance:
    if scene.distance is None:
        raise ValueError("an adversarial loss needs a perceptual distance as its adversary")
    return scene.distance


RELATIVE_L2 = "relative-l2"
TERMS: dict[str, Callable[[Scene], Tensor]] = {
    RELATIVE_L2: relative_l2,
    "cosine": cosine,
    "gram": gram,
    "tv": tv,
    "blur": blur,
    "l1": l1,
    "l6": l6,
    "to-target": to_target,
    "to-seed": to_seed,
}
