"""What every optimiser does: from one evaluation of N samples to the parameters of the next."""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.record import Bounds
from explorer.synthesis.state import State


class Search(State):
    """One run of an optimiser over N samples.

    stationary: whether a sample's steps do not depend on the budget, so that a plateau, once
    reached, stays one; (N,) or one answer for all. relu_width: the width (N,) of the surrogate
    ReLU gradient with which the next gradient is to be computed, if the optimiser uses any.

    `next` may be recorded as a CUDA graph and replayed: from the second call on it does the same
    work each time, and what differs from call to call is in its tensors.
    """

    stationary: bool | Tensor = False
    relu_width: Tensor | None = None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The parameters to evaluate next, N×… within the bounds.

        loss (N,), gradient N×… and offset N×D, (g(x) − g(x_t)) / ‖g(x_t)‖, are those of
        `parameters`, which the last call returned. Costs no evaluation and, on a GPU, never waits
        for the device.
        """
        raise NotImplementedError

    def phase_changed(self) -> bool:
        """Whether a part of the search has ended since the last call, so that `next` does other
        work from here on. Asked now and then; waits for the device.
        """
        return False


def at_bound(parameters: Tensor, gradient: Tensor, bounds: Bounds) -> Tensor:
    """The active set: where the step downhill would leave the box, so that a parameter stays.

    Of the gradient's shape. Bertsekas 1982 (projected Newton methods).
    """
    low, high = bounds
    return ((parameters <= low) & (gradient > 0)) | ((parameters >= high) & (gradient < 0))


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """(N,) as N×1×…, with as many dimensions as `like`."""
    return values.view(-1, *[1] * (like.ndim - 1))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(N,) dot products of the rows of two N×D tensors."""
    return (a * b).sum(1)


def norm(a: Tensor) -> Tensor:
    """(N,) ℓ₂ norms of the rows of an N×D tensor."""
    return torch.linalg.vector_norm(a, dim=1)
