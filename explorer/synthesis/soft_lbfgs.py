"""L-BFGS through soft corners, and momentum for those samples that it is slow with.

Corners are what a quasi-Newton search founders on: its memory says how the slope turns, and a
slope that jumps tells nothing of what comes next. Through soft corners (explorer.synthesis.corners)
the slope turns evenly, so that steps as long as the memory says can be taken as they are, without
a search along the line.

What a network of ReLUs answers grows with the contrast of what it sees, about in proportion. So
from a seed whose representation is several times as long as the target's, steps that the slope and
the memory of it ask for fall short; there they are longer, and the corners softer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.box import Bounds, pressed
from explorer.synthesis.first_order import soft_momentum
from explorer.synthesis.lbfgs import Curvature
from explorer.synthesis.state import Descent

CORNERS, POWER = 0.8, 0.6  # corners are CORNERS · distance^POWER soft
WIDE, WIDER_AFTER, WIDEST = 1.0, 2.0, 1.5  # at most; of further away in proportion, up to WIDEST
LONGEST = 3.0  # times as long as the memory says, at most: as many as the target's lengths to go
FIRST_AFTER, FIRST_LONGEST = 4.0, 1.75  # the same of the first step, beyond so many lengths
SPRINT, LEAST = 5, 0.02  # passes, and what they have to bring for momentum not to take over
_TINY = 1e-20


class SoftLBFGS(Descent):
    """Where N samples are on their way, each with a memory of its own; every look is a step.

    parameters: images N×…, kept within `bounds` (lower, upper). What is descended on is half the
    square of the loss, which has to be a norm that ends at 0. Nothing hangs on the budget.
    """

    steady = True

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._shape, self._bounds = parameters.shape[1:], bounds
        self._memory = Curvature(parameters.flatten(1))
        self._point: Tensor | None = None  # the last one, and the slope there
        self._slope: Tensor | None = None
        self._nearest = parameters.new_full((len(parameters),), torch.inf)
        self.corners = torch.full_like(self._nearest, WIDE)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The next images to look at, N×…

        loss (N,), gradient N×… and offset N×D, (g(x) − g(x_t)) / ‖g(x_t)‖, belong to `parameters`.
        """
        point, slope = parameters.flatten(1), gradient.flatten(1) * loss[:, None]
        distance = torch.linalg.vector_norm(offset, dim=1)
        # Only while each step brings it nearer: one that was too long is not followed by another.
        nearer, self._nearest = distance < self._nearest, torch.minimum(self._nearest, distance)
        widest = (self._nearest / WIDER_AFTER).clamp(WIDE, WIDEST)
        self.corners = (CORNERS * self._nearest**POWER).minimum(widest)

        held = pressed(point, slope, self._bounds)
        downhill = torch.where(held, 0.0, -slope)
        # Polyak's step, to a lowest value of 0, where no curvature is known.
        length = 0.5 * loss.square() / downhill.square().sum(1).clamp_min(_TINY)
        if self._point is None:
            length = length * (distance / FIRST_AFTER).clamp(1, FIRST_LONGEST)
        step = length[:, None] * downhill
        if self._point is not None:
            turn = slope - self._slope
            self._memory.remember(point - self._point, turn)
            aimed, found = self._memory.aim(slope, held, turn)
            longer = torch.where(nearer, distance.clamp(1, LONGEST), 1.0)
            step = torch.where(found[:, None], longer[:, None] * aimed, step)
        self._point, self._slope = point, slope
        return (point + step).clamp(*self._bounds).view(-1, *self._shape)


class SoftLBFGSOrMomentum(Descent):
    """`SoftLBFGS`; `soft-momentum` for good, from where it is, once that is slow: where SPRINT
    passes in the first half of the budget bring less than LEAST of the loss.

    parameters, steps, bounds, squares: as `Optimiser.start`. Where the loss has very many kinks
    shorter and shorter steps go further, in the long run, than a memory of how the slope turns.
    """

    def __init__(self, parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = SoftLBFGS(parameters, bounds)
        self._momentum = soft_momentum(parameters, steps, bounds, squares)
        # Of the loss, after each of the last passes, N×(SPRINT + 1).
        self._lowest = parameters.new_full((len(parameters), SPRINT + 1), torch.inf)
        self._over, self._all_over = torch.zeros_like(squares), False
        self._half = steps / 2
        self._calls = torch.zeros((), dtype=torch.long, device=parameters.device)

    @property
    def steady(self) -> Tensor:
        return ~self._over & (self._calls > self._half)

    @property
    def corners(self) -> Tensor:
        return torch.where(self._over, self._momentum.corners, self._lbfgs.corners)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Descent.next`."""
        self._calls = self._calls + 1
        after = self._momentum.next(parameters, loss, gradient, offset)
        if self._all_over:
            return after
        aimed = self._lbfgs.next(parameters, loss, gradient, offset)
        self._over = self._over | (self._slow(loss) & (self._calls <= self._half))
        return torch.where(self._over.view(-1, *[1] * (parameters.ndim - 1)), after, aimed)

    def rests(self) -> bool:
        """As `Descent.rests`: L-BFGS does, once it is over for all."""
        begun = self._all_over
        self._all_over = bool(self._over.all())
        return self._all_over != begun

    def _slow(self, loss: Tensor) -> Tensor:
        """(N,) whether the last SPRINT passes brought less than LEAST of the loss."""
        lowest = torch.minimum(self._lowest[:, -1], loss)
        self._lowest = torch.cat([self._lowest[:, 1:], lowest[:, None]], 1)
        return lowest > (1 - LEAST) * self._lowest[:, 0]
