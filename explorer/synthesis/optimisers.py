"""The optimisers, as data: what they do to the gradient, and their step over time.

They move a batch of images; each sample's path is its own (Adam works per pixel, gradients are
normalised per sample), so a sample makes the same way alone as in a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Optimiser:
    """One way to descend.

    step: learning rate; of a unit-norm gradient it is the way in pixel space of one step, for a
        64×64 image where `scales` is set (it grows with the square root of the pixel count).
    unit_gradient: divide each sample's gradient by its ℓ₂ norm.
    cosine: decay the step to zero over the budget, else keep it.
    """

    name: str
    help: str
    make: Callable[[list[Tensor], float], torch.optim.Optimizer]
    step: float
    unit_gradient: bool = False
    scales: bool = False
    cosine: bool = True

    def start(self, images: Tensor) -> torch.optim.Optimizer:
        """The torch optimiser that moves these images."""
        pixels = images.shape[-1] * images.shape[-2]
        step = self.step * math.sqrt(pixels / 64**2) if self.scales else self.step
        return self.make([images], step)

    def schedule(
        self, optimiser: torch.optim.Optimizer, steps: int
    ) -> torch.optim.lr_scheduler.LRScheduler | None:
        """How the step changes over the budget."""
        if not self.cosine:
            return None
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)

    def prepare(self, gradient: Tensor) -> Tensor:
        """The gradient, N×…, as this optimiser wants it."""
        if not self.unit_gradient:
            return gradient
        norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp_min(1e-12)
        return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


OPTIMISERS = {
    optimiser.name: optimiser
    for optimiser in (
        Optimiser(
            "adam",
            "Adam, step 0.05, cosine decay",
            lambda images, step: torch.optim.Adam(images, lr=step),
            step=0.05,
        ),
        Optimiser(
            "momentum",
            "gradient of unit norm, momentum 0.8, step 1, cosine decay",
            lambda images, step: torch.optim.SGD(images, lr=step, momentum=0.8),
            step=1.0,
            unit_gradient=True,
            scales=True,
        ),
        Optimiser(
            "paper",
            "gradient of unit norm, step 1, no decay, as published (Nanda et al. 2023)",
            lambda images, step: torch.optim.SGD(images, lr=step),
            step=1.0,
            unit_gradient=True,
            cosine=False,
        ),
    )
}
"""`paper` was published for a torch whose clamp passed gradients at its bounds; projecting outside
autograd, as the loop does, gives just those gradients with every version of torch.

`momentum` stays at 0.8: with 0.9 the match is a little nearer, but more of what the network ignores
moves, too, until even wrong targets look nearer than the seed (docs/benchmarks.md)."""
