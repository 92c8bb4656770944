"""L-BFGS on trial, and another for those samples that it is slow with."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from explorer.synthesis.first_order import Bounds, FirstOrder, soft_momentum
from explorer.synthesis.lbfgs import LBFGS
from explorer.synthesis.secant import Secant

TRIAL, SPRINT = 12, 5
HOPEFUL = 0.4  # what the SPRINT passes up to the trial have to bring
LEAST_OF_VECTOR, LEAST_OF_MAP = 0.15, 0.25  # what SPRINT passes have to bring from then on
FAR_OFF = 0.4  # on the way to a map, nearer than this it is better to go on than to begin anew
ASK_EVERY = 10  # passes; to ask another device who is still under way makes the host wait


class LBFGSOrSecant:
    """L-BFGS; `Secant` for good where it is slow: from the seed anew at the TRIALth pass (if
    SPRINT passes up to it brought less than HOPEFUL), from where it is later on (less than
    LEAST_OF_VECTOR).

    parameters, bounds, squares: as `Optimiser.start`.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = _Tried(parameters, bounds, squares, slow=LEAST_OF_VECTOR)
        self._other = Secant(parameters, bounds)

    @property
    def steady(self) -> bool:
        return self._lbfgs.calls >= TRIAL

    @property
    def corners(self) -> Tensor:
        return torch.where(self._lbfgs.over, self._other.corners, 0.0)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        led = self._lbfgs.over
        after = self._lbfgs.next(parameters, loss, gradient, offset)
        if self._lbfgs.calls <= TRIAL:
            return after
        onwards = self._other.next(parameters, loss, gradient, offset, led)
        return torch.where(_like(self._lbfgs.over, parameters), onwards, after)

    def keep(self, places: Tensor) -> None:
        for part in (self._lbfgs, self._other):
            part.keep(places)


class LBFGSOrMomentum:
    """L-BFGS; `soft-momentum` for good where it is slow: from the seed anew at the TRIALth pass (if
    SPRINT passes up to it brought less than HOPEFUL, and it is FAR_OFF), from where it is up to
    half of the budget (less than LEAST_OF_MAP).

    Where the loss has many kinks L-BFGS crawls along them, and gets into places that others, too,
    are slow to leave. parameters, steps, bounds, squares: as `Optimiser.start`.
    """

    def __init__(self, parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = _Tried(
            parameters, bounds, squares, slow=LEAST_OF_MAP, far_off=FAR_OFF, until=steps / 2
        )
        rest = max(1, steps - TRIAL)
        self._start_momentum = partial(soft_momentum, steps=rest, bounds=bounds, squares=squares)
        self._momentum: FirstOrder | None = None
        self._left: Tensor | None = None  # the relative distances of the seeds
        self._half = steps / 2

    @property
    def steady(self) -> Tensor:
        return ~self._lbfgs.over & (self._lbfgs.calls > self._half)

    @property
    def corners(self) -> Tensor | None:
        if self._momentum is None:
            return None
        return torch.where(self._lbfgs.over, self._momentum.corners, 0.0)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        if self._left is None:
            self._left = torch.linalg.vector_norm(offset, dim=1)
        after = self._lbfgs.next(parameters, loss, gradient, offset)
        if self._lbfgs.calls < TRIAL:
            return after
        if self._momentum is None:
            self._momentum = self._start_momentum(after, left=self._left)
            return after
        onwards = self._momentum.next(parameters, loss, gradient, offset)
        return torch.where(_like(self._lbfgs.over, parameters), onwards, after)

    def keep(self, places: Tensor) -> None:
        self._left = None if self._left is None else self._left[places]
        for part in (self._lbfgs, self._momentum):
            if part is not None:
                part.keep(places)


class _Tried:
    """L-BFGS on trial: `over` (N,) tells where another is to take over, for good.

    At the TRIALth call that is where SPRINT passes brought less than HOPEFUL and the relative
    distance is still more than `far_off`: these are sent back to where they began. Later on, up to
    `until` calls, it is where they bring less than `slow`.
    """

    def __init__(
        self,
        parameters: Tensor,
        bounds: Bounds,
        squares: Tensor,
        *,
        slow: float,
        far_off: float = 0.0,
        until: float = math.inf,
    ) -> None:
        self._lbfgs = LBFGS(parameters, bounds, squares)
        self._hope, self._speed, self._until = _Speed(HOPEFUL), _Speed(slow), until
        self._far_off = far_off
        self._start, self._all_over = parameters.clone(), False
        self.over, self.calls = torch.zeros_like(squares), 0

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Descent.next`; says nothing of samples that are over, but where these begin."""
        self.calls += 1
        if self._all_over:
            return parameters
        after = self._lbfgs.next(parameters, loss, gradient)
        hopeless, slow = self._hope.slow(loss), self._speed.slow(loss)
        if self.calls == TRIAL:
            self.over = hopeless & (torch.linalg.vector_norm(offset, dim=1) > self._far_off)
            after = torch.where(_like(self.over, parameters), self._start, after)
        elif TRIAL < self.calls <= self._until:
            self.over = self.over | slow
        if self.calls >= TRIAL and (self.calls - TRIAL) % ASK_EVERY == 0:
            self._all_over = bool(self.over.all())
        return after

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self._start, self.over = self._start[places], self.over[places]
        for part in (self._lbfgs, self._hope, self._speed):
            part.keep(places)


class _Speed:
    """Whether the last SPRINT passes brought less than this share of the loss."""

    def __init__(self, least: float) -> None:
        self._least, self._lowest = least, list[Tensor]()

    def slow(self, loss: Tensor) -> Tensor:
        before = self._lowest[-1] if self._lowest else loss
        self._lowest = [*self._lowest[-SPRINT:], torch.minimum(before, loss)]
        if len(self._lowest) <= SPRINT:
            return torch.zeros_like(loss, dtype=torch.bool)
        return self._lowest[-1] > (1 - self._least) * self._lowest[0]

    def keep(self, places: Tensor) -> None:
        self._lowest = [one[places] for one in self._lowest]


def _like(of_samples: Tensor, parameters: Tensor) -> Tensor:
    """(N,) as N×1×…, to go with the parameters."""
    return of_samples.view(-1, *[1] * (parameters.ndim - 1))
