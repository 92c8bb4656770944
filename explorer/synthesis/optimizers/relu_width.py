"""ReLU width rules: how wide the surrogate ReLU gradient is, by distance or by budget."""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import BudgetWidth, DistanceWidth
from explorer.synthesis.optimizers.steps import by_step


def width_by_distance(distance: Tensor, rule: DistanceWidth) -> Tensor:
    """(N,) widths for relative distances (N,)."""
    width = rule.width_per_distance * distance**rule.power
    if rule.widening_distance is None:
        return width.clamp_max(rule.max_width)
    widest = (distance / rule.widening_distance).clamp(rule.max_width, rule.far_max_width)
    return torch.minimum(width, widest)


class WidthByBudget:
    """One width for all samples, which falls to 0 by the end of the budget of `steps`."""

    def __init__(self, steps: int, like: Tensor, rule: BudgetWidth) -> None:
        self._initial = rule.initial_width
        left = [1 - taken / steps for taken in range(steps + 1)]
        widths = [rule.initial_width * share**rule.power for share in left]
        self._width = by_step(widths, like)

    def initial(self, parameters: Tensor) -> Tensor:
        """(N,) widths of the first evaluation."""
        return parameters.new_full((len(parameters),), self._initial)

    def __call__(self, taken: Tensor, like: Tensor) -> Tensor:
        """The widths (N,) after `taken` steps, a tensor without a dimension."""
        return torch.zeros_like(like) + self._width(taken)
