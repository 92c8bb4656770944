"""Projected L-BFGS: L-BFGS memory × Armijo backtracking × exact gradients, in a box.

Steps combine gradients; on a linear network, inside the box, what it ignores so stays as it was in
the seed. Byrd, Lu, Nocedal & Zhu 1995; Bertsekas 1982 (projection).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import BACKTRACKING, REFERENCE_SIDE
from explorer.synthesis.optimizers.lbfgs_memory import LBFGSMemory
from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.search import Search, at_bound, dot, norm
from explorer.synthesis.optimizers.steps import ArmijoBacktracking

_TINY = 1e-30


class LBFGS(Search):
    """N samples, each with a memory and a step length of its own."""

    stationary = True

    def __init__(self, start: Start) -> None:
        parameters = start.parameters
        self._shape, self._bounds = parameters.shape[1:], start.bounds
        self._squared_loss = start.squared_loss
        self._memory = LBFGSMemory(parameters.flatten(1))
        self._line_search = ArmijoBacktracking(BACKTRACKING)
        self._started = False
        pixels = parameters[0].numel() / 3
        self._first_step = BACKTRACKING.first_step * math.sqrt(pixels / REFERENCE_SIDE**2)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Search.next`; a step that brings too little is taken back and shortened."""
        point, slope, value = parameters.flatten(1), gradient.flatten(1), loss.detach()
        slope = torch.where(self._squared_loss[:, None], slope * value[:, None], slope)
        value = torch.where(self._squared_loss, 0.5 * value.square(), value)
        if self._started:
            self._continue(point, value, slope)
        else:
            self._point, self._value, self._slope = point, value, slope
            self._direction = torch.where(at_bound(point, slope, self._bounds), 0.0, -slope)
            self._step = self._first_step / norm(self._direction).clamp_min(_TINY)
        self._started = True
        step = self._point + self._step[:, None] * self._direction
        return step.clamp(*self._bounds).view(-1, *self._shape)

    def _continue(self, point: Tensor, value: Tensor, slope: Tensor) -> None:
        """Accept the point where it is good enough, else plan a shorter step."""
        s, y = point - self._point, slope - self._slope
        taken = self._line_search.accepts(value, self._value, self._slope, s)
        self._memory.remember(s, y, taken)

        predicted = self._step * dot(self._slope, self._direction)
        shorter, too_short = self._line_search.shorter(self._step, value, self._value, predicted)
        stuck = ~taken & too_short
        self._memory.reset(stuck)

        self._point = torch.where(taken[:, None], point, self._point)
        self._slope = torch.where(taken[:, None], slope, self._slope)
        self._value = torch.where(taken, value, self._value)
        renewed = taken | stuck
        active = at_bound(self._point, self._slope, self._bounds)
        direction, known = self._memory.direction(self._slope, active, y)
        downhill = torch.where(active, 0.0, -self._slope)
        direction = torch.where(known[:, None], direction, downhill)
        self._direction = torch.where(renewed[:, None], direction, self._direction)
        # Without curvature, longer and longer; after a dead end, short.
        rule = BACKTRACKING
        careful = torch.where(taken, rule.growth * norm(s), rule.restart_ratio * self._first_step)
        careful = careful / norm(self._direction).clamp_min(_TINY)
        without_memory = renewed & self._memory.empty
        with_memory = torch.where(taken, torch.ones_like(shorter), shorter)
        self._step = torch.where(without_memory, careful, with_memory)
