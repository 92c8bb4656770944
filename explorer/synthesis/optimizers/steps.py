"""Step rules: schedules, Polyak's bound, Armijo backtracking, a trust region, and when to give up.

All work sample by sample: tensors of shape (N,) unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import (
    FEATHER_STAGES,
    TINY,
    AdaptiveMomentum,
    Backtracking,
    StallRule,
    SurrogateMomentum,
)
from explorer.synthesis.optimizers.search import dot
from explorer.synthesis.state import State

Schedule = Callable[[float], float]
"""(share of the budget spent, in [0, 1]) → factor of the step."""


def constant(spent: float) -> float:
    """1: the step never shrinks."""
    return 1.0


def cosine(spent: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2017)."""
    return 0.5 * (1 + math.cos(math.pi * spent))


def halving(spent: float) -> float:
    """Halved FEATHER_STAGES − 1 times, at equal intervals (Feather et al. 2023)."""
    return 0.5 ** int(FEATHER_STAGES * spent)


def exponential(steps: int, rule: SurrogateMomentum) -> Schedule:
    """ratio^spent · √(1 − spent); the larger the budget, the more of it goes to short steps."""
    ratio = rule.final_step_ratio * min(1.0, rule.ratio_budget / steps)
    ratio = max(rule.min_final_step_ratio, ratio)
    return lambda spent: ratio**spent * math.sqrt(max(0.0, 1 - spent))


def by_step(values: list[float], like: Tensor) -> Callable[[Tensor], Tensor]:
    """Step number, a tensor without a dimension → its value, on the device of `like`.

    From the last value on it stays the same.
    """
    table = torch.tensor(values, dtype=torch.float64, device=like.device)
    return lambda step: table.take(step.clamp_max(len(values) - 1))


def polyak(loss: Tensor, slope: Tensor) -> Tensor:
    """Polyak's step for a lowest value of 0, to be multiplied by −slope, N×D: the value ½·loss²
    over the squared length of its slope. Polyak 1987, section 5.3.
    """
    return 0.5 * loss.square() / slope.square().sum(1).clamp_min(TINY)


class ArmijoBacktracking:
    """Whether a step is taken, and how it is shortened where it is not (Armijo 1966)."""

    def __init__(self, rule: Backtracking) -> None:
        self._rule = rule

    def accepts(self, value: Tensor, last_value: Tensor, slope: Tensor, moved: Tensor) -> Tensor:
        """Whether the value fell by enough of what the slope, N×D, promised for the move, N×D."""
        return value <= last_value + self._rule.sufficient_decrease * dot(slope, moved)

    def shorter(
        self, step: Tensor, value: Tensor, last_value: Tensor, predicted: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The minimiser of the parabola through both values, and whether it is too short.

        predicted: the change of the value that the slope promised for the step (below 0).
        """
        curvature = (2 * (value - last_value - predicted)).clamp_min(1e-30)
        share = (-predicted / curvature).clamp(self._rule.min_shrink, self._rule.max_shrink)
        shorter = step * share
        return shorter, shorter < self._rule.min_step_ratio


class TrustRegion(State):
    """The largest step allowed, by how much of the predicted decrease the last step brought.

    The ratio test of trust regions (Conn, Gould & Toint 2000, section 6.1), on the slope alone.
    radius: (N,), root mean square over pixels. parameters: N×…, where the search starts.
    """

    def __init__(self, parameters: Tensor, rule: AdaptiveMomentum) -> None:
        self._rule = rule
        contrast = parameters.flatten(1).std(1)
        self._max_radius = (rule.max_trust_radius * contrast).clamp_min(rule.min_trust_radius)
        self.radius = self._max_radius
        # With an infinite loss before it the first step is neither straight nor bent.
        self._loss = torch.full_like(contrast, torch.inf)
        self._point, self._slope = parameters, torch.zeros_like(parameters)

    def update(self, parameters: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Judge the step that led to `parameters`, N×…, with this loss and gradient, N×…"""
        rule = self._rule
        predicted = ((self._point - parameters) * self._slope).flatten(1).sum(1)
        actual = self._loss - loss
        straight = (predicted > 0) & (actual > rule.expand_ratio * predicted)
        bent = actual < rule.shrink_ratio * predicted.clamp_min(0)
        factor = torch.where(bent, rule.shrink_factor, 1.0)
        factor = torch.where(straight, rule.expand_factor, factor)
        radius = (self.radius * factor).clamp_min(rule.min_trust_radius)
        self.radius = torch.minimum(radius, self._max_radius)
        self._point, self._slope, self._loss = parameters, gradient, loss


class Stall(State):
    """Whether the last steps have come no nearer by enough; `lowest` is the lowest distance."""

    def __init__(self, like: Tensor, rule: StallRule) -> None:
        self._rule = rule
        self.lowest = like.new_full((len(like),), torch.inf)
        self._mark = self.lowest.clone()
        self._waited = like.new_zeros(len(like))

    def update(self, distance: Tensor, counts: Tensor | None = None) -> Tensor:
        """True where it has stalled, which starts the count again.

        counts: whether a sample's step counts at all; every one if None.
        """
        self.lowest = torch.minimum(self.lowest, distance)
        nearer = self.lowest < (1 - self._rule.stall_tolerance) * self._mark
        if counts is not None:
            nearer = ~counts | nearer
        self._mark = torch.where(nearer, self.lowest, self._mark)
        self._waited = torch.where(nearer, 0.0, self._waited + 1)
        stalled = self._waited >= self._rule.stall_window
        self._waited = torch.where(stalled, 0.0, self._waited)
        return stalled


class SlidingStall(State):
    """Whether the lowest value of now is hardly below that of stall_window steps ago."""

    def __init__(self, like: Tensor, rule: StallRule) -> None:
        self._rule = rule
        # N×(stall_window + 1), the lowest value after each of the last steps.
        self._lowest = like.new_full((len(like), rule.stall_window + 1), torch.inf)

    def update(self, value: Tensor) -> Tensor:
        """True where it has stalled."""
        lowest = torch.minimum(self._lowest[:, -1], value)
        self._lowest = torch.cat([self._lowest[:, 1:], lowest[:, None]], 1)
        return lowest > (1 - self._rule.stall_tolerance) * self._lowest[:, 0]
