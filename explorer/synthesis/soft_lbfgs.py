"""L-BFGS through soft corners, and momentum for those samples that it is slow with.

Corners are what a quasi-Newton search founders on: its memory says how the slope turns, and a
slope that jumps tells nothing of what comes next. Through soft corners (explorer.synthesis.corners)
the slope turns evenly, so that steps as long as the memory says can be taken as they are, without
a search along the line.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.first_order import Bounds, soft_momentum
from explorer.synthesis.lbfgs import Curvature

CORNERS, POWER, WIDEST = 0.8, 0.6, 1.0  # corners are CORNERS · distance^POWER soft, and at most
SPRINT, LEAST = 5, 0.02  # passes, and what they have to bring for momentum not to take over
ASK_EVERY = 10  # passes; to ask another device who is still under way makes the host wait
_TINY = 1e-20


class SoftLBFGS:
    """Where N samples are on their way, each with a memory of its own; every look is a step.

    parameters: images N×…, kept within `bounds` (lower, upper). What is descended on is half the
    square of the loss, which has to be a norm that ends at 0. Each call of `next` costs no pass of
    its own and never waits for the device. Nothing hangs on the budget.
    """

    steady = True

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._shape, self._bounds = parameters.shape[1:], bounds
        self._memory = Curvature(parameters.flatten(1), bounds)
        self._before: tuple[Tensor, Tensor] | None = None
        self._nearest = parameters.new_full((len(parameters),), torch.inf)
        self.corners = torch.full_like(self._nearest, WIDEST)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The next images to look at, N×…

        loss (N,), gradient N×… and offset N×D, (g(x) − g(x_t)) / ‖g(x_t)‖, belong to `parameters`.
        """
        point, slope = parameters.flatten(1), gradient.flatten(1) * loss[:, None]
        self._nearest = torch.minimum(self._nearest, torch.linalg.vector_norm(offset, dim=1))
        self.corners = (CORNERS * self._nearest**POWER).clamp_max(WIDEST)

        downhill = -self._memory.free(point, slope)
        # Polyak's step, to a lowest value of 0, where no curvature is known.
        length = 0.5 * loss.square() / downhill.square().sum(1).clamp_min(_TINY)
        step = length[:, None] * downhill
        if self._before is not None:
            point_before, slope_before = self._before
            self._memory.remember(point - point_before, slope - slope_before)
            aimed, found = self._memory.aim(point, slope)
            step = torch.where(found[:, None], aimed, step)
        self._before = point, slope
        return (point + step).clamp(*self._bounds).view(-1, *self._shape)

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self._memory.keep(places)
        self._nearest, self.corners = self._nearest[places], self.corners[places]
        if self._before is not None:
            point, slope = self._before
            self._before = point[places], slope[places]


class SoftLBFGSOrMomentum:
    """`SoftLBFGS`; `soft-momentum` for good, from where it is, once that is slow: where SPRINT
    passes in the first half of the budget bring less than LEAST of the loss.

    parameters, steps, bounds, squares: as `Optimiser.start`. Where the loss has very many kinks
    shorter and shorter steps go further, in the long run, than a memory of how the slope turns.
    """

    def __init__(self, parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = SoftLBFGS(parameters, bounds)
        self._momentum = soft_momentum(parameters, steps, bounds, squares)
        self._lowest: list[Tensor] = []  # of the loss, after each of the last passes
        self._over, self._all_over = torch.zeros_like(squares), False
        self._half, self._calls = steps / 2, 0

    @property
    def steady(self) -> Tensor:
        return ~self._over & (self._calls > self._half)

    @property
    def corners(self) -> Tensor:
        return torch.where(self._over, self._momentum.corners, self._lbfgs.corners)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        self._calls += 1
        after = self._momentum.next(parameters, loss, gradient, offset)
        if self._all_over:
            return after
        aimed = self._lbfgs.next(parameters, loss, gradient, offset)
        if self._calls <= self._half:
            self._over = self._over | self._slow(loss)
        if self._calls % ASK_EVERY == 0:
            self._all_over = bool(self._over.all())
        return torch.where(self._over.view(-1, *[1] * (parameters.ndim - 1)), after, aimed)

    def keep(self, places: Tensor) -> None:
        for part in (self._lbfgs, self._momentum):
            part.keep(places)
        self._over = self._over[places]
        self._lowest = [one[places] for one in self._lowest]

    def _slow(self, loss: Tensor) -> Tensor:
        """(N,) whether the last SPRINT passes brought less than LEAST of the loss."""
        before = self._lowest[-1] if self._lowest else loss
        self._lowest = [*self._lowest[-SPRINT:], torch.minimum(before, loss)]
        if len(self._lowest) <= SPRINT:
            return torch.zeros_like(self._over)
        return self._lowest[-1] > (1 - LEAST) * self._lowest[0]
