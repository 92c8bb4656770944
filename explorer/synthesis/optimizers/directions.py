"""Directions: what a gradient is turned into before a step rule decides how far to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from explorer.synthesis.optimizers.search import per_sample
from explorer.synthesis.state import Slot, State


class TorchDirection(State):
    """The step of an optimiser of torch's at a learning rate of 1.

    make: ([tensor], lr=…) → a torch.optim.Optimizer, such as `torch.optim.SGD`.
    """

    def __init__(self, parameters: Tensor, make: Callable[..., torch.optim.Optimizer]) -> None:
        # It moves a tensor that is set to 0 before each step, so that what it holds is the step.
        self._optimiser = make([torch.zeros_like(parameters)], lr=1.0)
        for group in self._optimiser.param_groups:
            if "capturable" in group:
                group["capturable"] = parameters.is_cuda

    def __call__(self, gradient: Tensor) -> Tensor:
        """The step, N×…, downhill; good until the next call."""
        (step,) = self._optimiser.param_groups[0]["params"]
        step.zero_()
        step.grad = gradient
        self._optimiser.step()
        step.grad = None
        return step

    def slots(self) -> Iterator[Slot]:
        """As `State.slots`: what torch's optimiser remembers."""
        (step,) = self._optimiser.param_groups[0]["params"]
        remembered = self._optimiser.state[step]
        yield from [(remembered, name) for name, value in remembered.items() if _is_tensor(value)]

    def select(self, indices: Tensor) -> None:
        """As `State.select`."""
        (group,) = self._optimiser.param_groups
        (before,) = group["params"]
        after = before[indices]
        group["params"] = [after]
        self._optimiser.state[after] = {
            name: value[indices] if _is_tensor(value) and value.ndim else value
            for name, value in self._optimiser.state.pop(before, {}).items()
        }


class MeanGradient(State):
    """The mean gradient over its usual size: Adam's, but with one size for a whole image.

    So steps are combinations of gradients: on a linear network what it ignores stays as it was in
    the seed. Both means are exponential and corrected for their start (Kingma & Ba 2015).
    """

    def __init__(self, parameters: Tensor, gradient_decay: float, square_decay: float) -> None:
        self._decays = gradient_decay, square_decay
        self._mean = torch.zeros_like(parameters)
        self._square = parameters.new_zeros(len(parameters))
        self._calls = parameters.new_zeros((), dtype=torch.float64)

    def update(self, gradient: Tensor) -> None:
        """Take a gradient, N×…, into the means."""
        gradient_decay, square_decay = self._decays
        self._calls = self._calls + 1
        square = gradient.flatten(1).square().mean(1)
        self._mean = torch.lerp(gradient, self._mean, gradient_decay)
        self._square = torch.lerp(square, self._square, square_decay)

    def scaled(self, length: Tensor) -> Tensor:
        """The direction uphill, N×…, times the lengths (N,)."""
        gradient_decay, square_decay = self._decays
        size = (self._square / (1 - square_decay**self._calls)).sqrt().clamp_min(1e-20)
        scale = length / size / (1 - gradient_decay**self._calls)
        return per_sample(scale, self._mean) * self._mean


def _is_tensor(value: object) -> bool:
    return torch.is_tensor(value)
