"""Projected gradient ascent in an ℓ₂ ball around pictures in [0, 1] (Madry et al. 2018)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Attack:
    """How an attack goes about it: each step is `relative_step` × ε long."""

    steps: int = 10
    relative_step: float = 0.25
    random_start: bool = True

    def as_dict(self) -> dict[str, object]:
        return {"norm": "l2", **asdict(self)}


def norms(images: Tensor) -> Tensor:
    """ℓ₂ norm of each image, shaped N×1×1×1; never 0, so that it can be divided by."""
    return images.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)


def project(images: Tensor, centres: Tensor, epsilon: float) -> Tensor:
    """The images pulled into the ℓ₂ ball of radius `epsilon` around `centres`, then into [0, 1].

    The centres lie in [0, 1], so the second step cannot leave the ball again.
    """
    change = images - centres
    return (centres + change * (epsilon / norms(change)).clamp_max(1.0)).clamp(0.0, 1.0)


def ascend(images: Tensor, gradient: Tensor, length: float) -> Tensor:
    """One step of ℓ₂ length `length` per image along its own gradient."""
    return images + length * gradient / norms(gradient)


def pgd(
    loss: Callable[[Tensor], Tensor],
    images: Tensor,
    epsilon: float,
    attack: Attack | None = None,
    rng_seed: int = 0,
) -> Tensor:
    """Images (N×3×H×W in [0, 1]) within `epsilon` of the given ones that raise `loss`.

    `loss` maps the batch to one number, the sum over its images. The last iterate is returned.
    """
    attack = attack or Attack()
    attacked = images.clone()
    if attack.random_start:
        generator = torch.Generator().manual_seed(rng_seed)
        direction = torch.randn(images.shape, generator=generator).to(images)
        radius = torch.rand(len(images), generator=generator).to(images).view(-1, 1, 1, 1)
        attacked = project(
            images + epsilon * radius * direction / norms(direction), images, epsilon
        )
    for _ in range(attack.steps):
        attacked.requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(attacked), attacked)
        with torch.no_grad():
            moved = ascend(attacked, gradient, attack.relative_step * epsilon)
            attacked = project(moved, images, epsilon)
    return attacked.detach()
