"""L-BFGS with surrogate ReLU gradients, and momentum for the samples on which it stalls.

The kinks of ReLUs are what a quasi-Newton search fails on: its memory records how the gradient
changes, and a gradient that jumps tells nothing of what comes next. A surrogate gradient changes
smoothly, so that the full L-BFGS step can be taken without a line search.

The response of a ReLU network grows about in proportion to the contrast of its input. So from a
seed whose representation is several times as long as the target's, L-BFGS steps fall short; there
they are longer, and the ReLU width is larger.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import (
    LBFGS_OR_MOMENTUM,
    SURROGATE_LBFGS,
    LBFGSOrMomentum,
)
from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule
from explorer.synthesis.optimizers.lbfgs_memory import LBFGSMemory
from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.relu_width import width_by_distance
from explorer.synthesis.optimizers.search import Search, at_bound, per_sample
from explorer.synthesis.optimizers.steps import SlidingStall, polyak


class SurrogateLBFGS(Search):
    """L-BFGS memory × the full step, longer far from the target × width by distance.

    ½·loss² is minimised, so the loss has to be a norm that ends at 0.
    """

    stationary = True

    def __init__(self, start: Start) -> None:
        parameters = start.parameters
        self._rule, self._bounds = SURROGATE_LBFGS, start.bounds
        self._shape = parameters.shape[1:]
        self._memory = LBFGSMemory(parameters.flatten(1))
        self._point: Tensor | None = None  # the last one, and the slope there
        self._slope: Tensor | None = None
        self._lowest = parameters.new_full((len(parameters),), torch.inf)
        self.relu_width = torch.full_like(self._lowest, self._rule.width.max_width)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Search.next`."""
        rule = self._rule
        point, slope = parameters.flatten(1), gradient.flatten(1) * loss[:, None]
        distance = torch.linalg.vector_norm(offset, dim=1)
        # Only while each step comes nearer: one that was too long is not followed by another.
        nearer, self._lowest = distance < self._lowest, torch.minimum(self._lowest, distance)
        self.relu_width = width_by_distance(self._lowest, rule.width)

        active = at_bound(point, slope, self._bounds)
        downhill = torch.where(active, 0.0, -slope)
        length = polyak(loss, downhill)  # where no curvature is known
        if self._point is None or self._slope is None:
            ratio = (distance / rule.first_step_distance).clamp(1, rule.max_first_step_ratio)
            step = (length * ratio)[:, None] * downhill
        else:
            y = slope - self._slope
            self._memory.remember(point - self._point, y)
            direction, known = self._memory.direction(slope, active, y)
            ratio = torch.where(nearer, distance.clamp(1, rule.max_step_ratio), 1.0)
            step = length[:, None] * downhill
            step = torch.where(known[:, None], ratio[:, None] * direction, step)
        self._point, self._slope = point, slope
        return (point + step).clamp(*self._bounds).view(-1, *self._shape)


class SurrogateLBFGSOrMomentum(Search):
    """`SurrogateLBFGS`; then momentum permanently, from the current iterate, once that has stalled.

    Only in the first part of the budget, for momentum's steps shrink with the budget. Where the
    loss has very many kinks, shorter and shorter steps go further in the long run.
    momentum: of the second phase, with a width by the budget.
    """

    def __init__(
        self,
        start: Start,
        momentum: FirstOrderRule,
        rule: LBFGSOrMomentum = LBFGS_OR_MOMENTUM,
    ) -> None:
        parameters = start.parameters
        self._lbfgs, self._momentum = SurrogateLBFGS(start), FirstOrder(start, momentum)
        self._stall = SlidingStall(parameters, rule.stall)
        self._over = torch.zeros_like(start.squared_loss)
        self._all_over = False
        self._last_handover = rule.last_handover * start.steps
        self._calls = torch.zeros((), dtype=torch.long, device=parameters.device)
        self._update()

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Search.next`."""
        self._calls = self._calls + 1
        momentum = self._momentum.next(parameters, loss, gradient, offset)
        if self._all_over:
            self._update()
            return momentum
        lbfgs = self._lbfgs.next(parameters, loss, gradient, offset)
        stalled = self._stall.update(loss) & (self._calls <= self._last_handover)
        self._over = self._over | stalled
        self._update()
        return torch.where(per_sample(self._over, parameters), momentum, lbfgs)

    def phase_changed(self) -> bool:
        """As `Search.phase_changed`: L-BFGS ends once it is over for all samples."""
        before = self._all_over
        self._all_over = bool(self._over.all())
        return self._all_over != before

    def _update(self) -> None:
        self.stationary = ~self._over & (self._calls > self._last_handover)
        momentum, lbfgs = self._momentum.relu_width, self._lbfgs.relu_width
        if momentum is not None and lbfgs is not None:
            self.relu_width = torch.where(self._over, momentum, lbfgs)
