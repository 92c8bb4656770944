"""Momentum with an adaptive step far from the target, Anderson mixing near the target.

Nothing depends on the budget, and the search ends as soon as its goal is met. All steps combine
gradients and images that gradients led to; on a linear network, inside the box, what it ignores so
stays as it was in the seed. On others a search moves further than a match needs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.anderson_mixing import AndersonMixing
from explorer.synthesis.optimizers.constants import (
    ADAPTIVE_MOMENTUM,
    ANDERSON,
    MOMENTUM_THEN_ANDERSON,
    TINY,
)
from explorer.synthesis.optimizers.directions import MeanGradient
from explorer.synthesis.optimizers.record import Bounds, Start
from explorer.synthesis.optimizers.relu_width import width_by_distance
from explorer.synthesis.optimizers.search import Search, at_bound, per_sample
from explorer.synthesis.optimizers.steps import Stall, TrustRegion
from explorer.synthesis.state import State


class AdaptiveMomentum(State):
    """Mean gradient × (proportional to the distance, within a trust region) × width by distance.

    Where the search stalls, step and width shrink beyond that. parameters: images N×…, kept within
    `bounds`.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._rule, self._bounds = ADAPTIVE_MOMENTUM, bounds
        rule = self._rule
        self._direction = MeanGradient(parameters, rule.gradient_decay, rule.square_decay)
        self._trust = TrustRegion(parameters, rule)
        self._stall = Stall(parameters, rule.stall)
        self._factor = parameters.new_ones(len(parameters))
        self.relu_width = torch.full_like(self._factor, rule.width.max_width)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, distance: Tensor) -> Tensor:
        """The images to evaluate next, N×…

        loss (N,), gradient N×… and relative distance (N,) are those of the last, `parameters`.
        """
        rule = self._rule
        stalled = self._stall.update(distance)
        self._factor = torch.where(stalled, rule.stall_factor * self._factor, self._factor)
        self._trust.update(parameters, loss, gradient)
        self._direction.update(gradient)
        scale = self._stall.lowest * self._factor
        self.relu_width = width_by_distance(scale, rule.width)
        length = torch.minimum(rule.step_per_distance * scale, self._trust.radius)
        return (parameters - self._direction.scaled(length)).clamp(*self._bounds)


class AndersonDescent(State):
    """Anderson mixing × (grows and shrinks with success) × width by distance.

    From the mix a step goes along the mean of the mixed slopes. parameters: images N×…, kept
    within `bounds`.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._rule, self._bounds, self._shape = ANDERSON, bounds, parameters.shape[1:]
        self._mixing = AndersonMixing(parameters.flatten(1), self._rule)
        self._mean = torch.zeros_like(parameters.flatten(1))
        self._length = parameters.new_zeros(len(parameters))
        self._last_distance = torch.full_like(self._length, torch.inf)
        self._lowest = self._last_distance.clone()
        self.relu_width = torch.full_like(self._length, self._rule.width.max_width)

    def next(
        self,
        parameters: Tensor,
        loss: Tensor,
        gradient: Tensor,
        offset: Tensor,
        follows: Tensor,
        needed: bool = True,
    ) -> Tensor:
        """The images to evaluate next, N×…

        loss (N,), gradient N×… and offset N×D, (g(x) − g(x_t)) / ‖g(x_t)‖, are those of
        `parameters`; the loss is the offset's length, or a multiple. follows: (N,), true for
        samples whose `parameters` this search returned last; steps of another search are
        remembered all the same. needed: false where no sample will use the result, which then is
        `parameters`.
        """
        rule, calls = self._rule, self._mixing.calls
        point = parameters.flatten(1)
        slope = gradient.flatten(1) * loss[:, None]  # that of half its square
        slope = torch.where(at_bound(point, slope, self._bounds), 0.0, slope)
        distance = torch.linalg.vector_norm(offset, dim=1)
        follows = follows & (calls > 0)
        self._adapt_length(distance, follows)
        self._lowest = torch.minimum(self._lowest, distance)
        self.relu_width = width_by_distance(self._lowest, rule.width)

        if not needed:
            self._mixing.remember(point, slope, offset)
            return parameters
        mix, mixed_slope = self._mixing.mix(point, slope, offset)
        far = (distance > rule.max_mix_distance)[:, None]
        mix, mixed_slope = torch.where(far, point, mix), torch.where(far, slope, mixed_slope)
        self._mixing.remember(point, slope, offset)
        averaged = torch.lerp(mixed_slope, self._mean, rule.gradient_decay)
        self._mean = torch.where(follows[:, None], averaged, mixed_slope)
        size = self._mean.square().mean(1).sqrt().clamp_min(TINY)
        step = mix - (self._length / size)[:, None] * self._mean
        return step.clamp(*self._bounds).view(-1, *self._shape)

    def _adapt_length(self, distance: Tensor, follows: Tensor) -> None:
        rule = self._rule
        nearer = distance < self._last_distance
        adapted = self._length * torch.where(nearer, rule.expand_factor, rule.shrink_factor)
        first = rule.first_step_per_distance * distance
        self._length = torch.where(follows, adapted, first).clamp_max(rule.max_step)
        self._last_distance = distance


class MomentumThenAnderson(Search):
    """`AdaptiveMomentum` until near, then `AndersonDescent`, which remembers the last steps.

    A mix of distant images trusts a linear picture of what is anything but linear, and moves more
    of what the network ignores than careful steps to the same distance. Where mixing stalls,
    momentum goes on until the distance has fallen by retry_ratio.
    skips_unneeded_mixes: whether the device is asked if any sample uses the mix, which on a CPU is
    quicker than mixing; None: on a CPU only.
    """

    stationary = True

    def __init__(self, start: Start, skips_unneeded_mixes: bool | None = None) -> None:
        parameters, rule = start.parameters, MOMENTUM_THEN_ANDERSON
        self._rule = rule
        self._momentum = AdaptiveMomentum(parameters, start.bounds)
        self._anderson = AndersonDescent(parameters, start.bounds)
        self._stall = Stall(parameters, rule.stall)
        self._mixes = torch.zeros(len(parameters), dtype=torch.bool, device=parameters.device)
        self._mix_below = parameters.new_full((len(parameters),), rule.max_mix_distance)
        on_cpu = parameters.device.type == "cpu"
        self._skips = on_cpu if skips_unneeded_mixes is None else skips_unneeded_mixes
        self._set_width()

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Search.next`."""
        distance = torch.linalg.vector_norm(offset, dim=1)
        momentum = self._momentum.next(parameters, loss, gradient, distance)
        mixed_before = self._mixes
        self._choose(distance)
        needed = not self._skips or bool(self._mixes.any())
        mixed = self._anderson.next(parameters, loss, gradient, offset, mixed_before, needed)
        self._set_width()
        return torch.where(per_sample(self._mixes, parameters), mixed, momentum)

    def _choose(self, distance: Tensor) -> None:
        stalled = self._stall.update(distance, self._mixes)
        retry = self._rule.retry_ratio * self._stall.lowest
        self._mix_below = torch.where(stalled, retry, self._mix_below)
        self._mixes = (self._mixes & ~stalled) | (distance < self._mix_below)

    def _set_width(self) -> None:
        widths = self._anderson.relu_width, self._momentum.relu_width
        self.relu_width = torch.where(self._mixes, *widths)
