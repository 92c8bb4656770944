"""First-order search: torch's optimisers × a schedule × no ReLU width, or one by the budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import REFERENCE_SIDE, BudgetWidth
from explorer.synthesis.optimizers.directions import TorchDirection
from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.relu_width import WidthByBudget
from explorer.synthesis.optimizers.search import Search, per_sample
from explorer.synthesis.optimizers.steps import Schedule, by_step, constant


@dataclass(frozen=True)
class FirstOrderRule:
    """What a first-order search is composed of.

    make: torch's optimiser. step: the learning rate; of a normalised gradient, the ℓ₂ length of a
    step. schedule: factor of the step by the share of the budget spent.
    normalised: whether the gradient is divided by its ℓ₂ norm.
    scales_with_size: whether the step is for a 64×64 image and grows with √(pixel count).
    max_init_distance: from seeds further away normalised steps shrink in proportion: the same step
    moves a distant representation further.
    max_polyak_ratio: the largest share of Polyak's step, loss / ‖gradient‖, that one step takes.
    width: of surrogate ReLU gradients; None for exact gradients.
    """

    make: Callable[..., torch.optim.Optimizer]
    step: float
    schedule: Schedule = constant
    normalised: bool = False
    scales_with_size: bool = False
    max_init_distance: float = math.inf
    max_polyak_ratio: float = math.inf
    width: BudgetWidth | None = None


class FirstOrder(Search):
    """A search along gradients, or along momentum or Adam's direction made of them."""

    def __init__(self, start: Start, rule: FirstOrderRule) -> None:
        parameters, steps = start.parameters, start.steps
        pixels = parameters.shape[-1] * parameters.shape[-2]
        step = rule.step * (math.sqrt(pixels / REFERENCE_SIDE**2) if rule.scales_with_size else 1.0)
        shares = [taken / steps for taken in range(steps + 1)]
        self._rule, self._bounds = rule, start.bounds
        self._length = by_step([step * rule.schedule(share) for share in shares], parameters)
        self._direction = TorchDirection(parameters, rule.make)
        self._taken = torch.zeros((), dtype=torch.long, device=parameters.device)
        self._init_distance: Tensor | None = None  # (N,), of the seeds
        self._width = WidthByBudget(steps, parameters, rule.width) if rule.width else None
        self.relu_width = self._width.initial(parameters) if self._width else None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Search.next`."""
        if self._init_distance is None:
            self._init_distance = torch.linalg.vector_norm(offset, dim=1)
        length = self._length(self._taken)
        if self._rule.normalised:
            gradient = self._normalised(gradient, loss, length, self._init_distance)
        direction = self._direction(gradient)
        self._taken = self._taken + 1
        if self._width is not None and self.relu_width is not None:
            self.relu_width = self._width(self._taken, self.relu_width)
        # Outside autograd: torch.clamp passes no gradient at its bounds (torch ≥ 2.14).
        step = torch.addcmul(parameters, direction, length.to(direction.dtype))
        return step.clamp(*self._bounds)

    def _normalised(
        self, gradient: Tensor, loss: Tensor, step: Tensor, init_distance: Tensor
    ) -> Tensor:
        """The gradient at the length, in units of the step, that it is to have."""
        rule = self._rule
        norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp_min(1e-12)
        length = (rule.max_init_distance / init_distance).clamp_max(1.0)
        if math.isfinite(rule.max_polyak_ratio):
            polyak = rule.max_polyak_ratio / step.clamp_min(1e-12) * loss / norm
            length = torch.minimum(length, polyak)
        return gradient * per_sample(length / norm, gradient)
