"""Projected L-BFGS: quasi-Newton descent in a box, a batch of samples side by side.

Steps are combinations of gradients, so that (inside the box) what the network ignores stays as it
was in the seed. Byrd, Lu, Nocedal & Zhu 1995 (compact form), Bertsekas 1982 (projection).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from explorer.synthesis.box import Bounds, pressed
from explorer.synthesis.state import Descent, State

MEMORY = 10
FIRST_STEP = 1.0  # its ℓ₂ length for a 64×64 image; grows with the square root of the pixel count
SUFFICIENT = 1e-4  # share of the promised decrease that a step must bring (Armijo)
SHRINK = (0.1, 0.5)
SMALLEST_SHARE = 1e-6  # a step cut below this share starts afresh along the gradient
_TINY = 1e-30


class LBFGS(Descent):
    """Where N samples are on their way down, each with a memory and a step length of its own.

    parameters: N×…, kept within `bounds` (lower, upper). squares: (N,) true where the loss is a
    norm with a kink at its minimum 0; there ½·loss² is descended on, which is smooth and has the
    same minimum.
    """

    steady = True

    def __init__(self, parameters: Tensor, bounds: Bounds, squares: Tensor) -> None:
        self._shape, self._bounds, self._squares = parameters.shape[1:], bounds, squares
        self._memory = Curvature(parameters.flatten(1))
        self._started = False
        self._first = FIRST_STEP * math.sqrt(parameters[0].numel() / (3 * 64**2))

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The next point to look at, N×…; a look that brings too little is taken back and halved.

        loss (N,) and gradient N×… belong to `parameters`, the last point returned (or the start).
        """
        point, slope, value = parameters.flatten(1), gradient.flatten(1), loss.detach()
        slope = torch.where(self._squares[:, None], slope * value[:, None], slope)
        value = torch.where(self._squares, 0.5 * value.square(), value)
        if self._started:
            self._judge(point, value, slope)
        else:
            self._point, self._value, self._slope = point, value, slope
            self._direction = torch.where(pressed(point, slope, self._bounds), 0.0, -slope)
            self._step = self._first / _norm(self._direction).clamp_min(_TINY)
        self._started = True
        step = self._point + self._step[:, None] * self._direction
        return step.clamp(*self._bounds).view(-1, *self._shape)

    def _judge(self, point: Tensor, value: Tensor, slope: Tensor) -> None:
        """Take the point over where it is good enough, else plan a shorter step."""
        move, turn = point - self._point, slope - self._slope
        taken = value <= self._value + SUFFICIENT * _dot(self._slope, move)
        self._memory.remember(move, turn, taken)

        promised = self._step * _dot(self._slope, self._direction)
        lowest = -promised / (2 * (value - self._value - promised)).clamp_min(_TINY)
        shorter = self._step * lowest.clamp(*SHRINK)
        stuck = ~taken & (shorter < SMALLEST_SHARE)
        self._memory.forget(stuck)

        at = taken[:, None]
        self._point = torch.where(at, point, self._point)
        self._slope = torch.where(at, slope, self._slope)
        self._value = torch.where(taken, value, self._value)
        fresh = taken | stuck
        held = pressed(self._point, self._slope, self._bounds)
        onwards, found = self._memory.aim(self._slope, held, turn)
        downhill = torch.where(held, 0.0, -self._slope)
        onwards = torch.where(found[:, None], onwards, downhill)
        self._direction = torch.where(fresh[:, None], onwards, self._direction)
        started_over = fresh & self._memory.empty
        # Without curvature to go by, longer and longer; after a dead end, short.
        careful = torch.where(taken, 2 * _norm(move), 0.1 * self._first)
        careful = careful / _norm(self._direction).clamp_min(_TINY)
        self._step = torch.where(
            started_over, careful, torch.where(taken, torch.ones_like(shorter), shorter)
        )


class Curvature(State):
    """How the slope turned over the last MEMORY moves, of N samples, each with moves of its own.

    points: N×D, the first ones.
    """

    def __init__(self, points: Tensor) -> None:
        count, size = points.shape
        new = points.new_zeros
        self._pairs = new(count, 2 * MEMORY, size)  # the moves, then the turns of the slope
        self._move_turn, self._turn_turn = new(count, MEMORY, MEMORY), new(count, MEMORY, MEMORY)
        self._valid = torch.zeros(count, MEMORY, dtype=torch.bool, device=points.device)
        self._slot = torch.full((), MEMORY - 1, device=points.device)  # of the newest

    @property
    def empty(self) -> Tensor:
        """(N,) where nothing is remembered."""
        return ~self._valid.any(1)

    def remember(self, move: Tensor, turn: Tensor, which: Tensor | None = None) -> None:
        """Moves and turns of the slope, N×D, where the slope turned upwards; of these (N,) only."""
        upwards = _dot(move, turn) > 1e-12 * _norm(move) * _norm(turn)
        which = upwards if which is None else which & upwards
        self._slot = (self._slot + 1) % MEMORY
        slot = self._slot.view(1)
        self._pairs.index_copy_(1, slot, move[:, None])
        self._pairs.index_copy_(1, MEMORY + slot, turn[:, None])
        self._valid.index_copy_(1, slot, which[:, None])

    def forget(self, which: Tensor) -> None:
        """All that is remembered of these samples, (N,)."""
        self._valid &= ~which[:, None]

    def aim(self, slope: Tensor, held: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
        """−H·slope where parameters are not held, N×D, and (N,) where it is known, and downhill.

        To be called once after each call of `remember`, with the turn that was remembered.
        """
        pairs, slot = self._pairs, self._slot.view(1)
        free = torch.where(held, 0.0, slope)
        # One reading of the memory for all products: with the newest turn, and with the slope.
        both = torch.stack([turn, free], 1)
        of_turn, of_slope = (both @ pairs.mT).unbind(1)
        self._move_turn.index_copy_(2, slot, of_turn[:, :MEMORY, None])
        self._turn_turn.index_copy_(2, slot, of_turn[:, MEMORY:, None])
        self._turn_turn.index_copy_(1, slot, of_turn[:, None, MEMORY:])

        order = (torch.arange(1, MEMORY + 1, device=slot.device) + slot) % MEMORY  # oldest first
        valid = self._valid[:, order]
        both = valid[:, :, None] & valid[:, None, :]
        move_turn = self._move_turn[:, order][:, :, order].where(both, 0.0)
        turn_turn = self._turn_turn[:, order][:, :, order].where(both, 0.0)
        by_move = of_slope[:, :MEMORY][:, order].where(valid, 0.0)
        by_turn = of_slope[:, MEMORY:][:, order].where(valid, 0.0)

        curvature = move_turn.diagonal(dim1=1, dim2=2)
        triangle = move_turn.triu() + torch.diag_embed((~valid).to(move_turn.dtype))
        last = valid.long().cumsum(1).argmax(1, keepdim=True)  # the newest valid one
        scale = curvature.gather(1, last) / turn_turn.diagonal(dim1=1, dim2=2).gather(1, last)
        known = valid.any(1)
        scale = torch.where(known[:, None], scale, 1.0)

        back = _solve(triangle, by_move, upper=True)
        inner = curvature * back + scale * ((turn_turn @ back[:, :, None])[:, :, 0] - by_turn)
        forth = _solve(triangle.mT, inner, upper=False)
        weights = torch.cat([forth, -scale * back], 1)
        places = torch.cat([order, MEMORY + order])
        weights = torch.zeros_like(weights).index_copy(1, places, weights)
        step = scale * free + (weights[:, None] @ pairs)[:, 0]
        direction = torch.where(held, 0.0, -step)
        return direction, known & (_dot(direction, slope) < 0)


def _solve(triangle: Tensor, right: Tensor, upper: bool) -> Tensor:
    return torch.linalg.solve_triangular(triangle, right[:, :, None], upper=upper)[:, :, 0]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1)


def _norm(a: Tensor) -> Tensor:
    return torch.linalg.vector_norm(a, dim=1)
