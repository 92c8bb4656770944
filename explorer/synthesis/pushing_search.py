"""The search for the image, of those that match, for which a difference is largest.

Maximises log f(x) subject to r(x) ≤ ε in the box, by proximal steps: minimise
½‖x − (x_k + s·u_k)‖² + ½·μ·r(x)², u_k the ascent direction of f at x_k, of an RMS of 1, without
what the box forbids. That is what `NearestSearch` does, with a seed that goes on before the image;
its quasi-Newton memory of r outlasts each step. It ascends from where it starts, so that what it
finds is a local maximum: a lower bound of the difference that the network allows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.nearest import NearestSearch
from explorer.synthesis.optimizers.constants import PUSHING, TINY
from explorer.synthesis.optimizers.search import norm


class PushingSearch(NearestSearch):
    """N samples under way, from images that match.

    best: N×D, that of r ≤ ε with the largest log f so far; best_value: (N,), its log f, −∞ while
    there is none; best_relative_l2: (N,), r there.
    """

    def __init__(self, points: Tensor, allowed: Tensor, bounds: tuple[float, float]) -> None:
        super().__init__(points, allowed, bounds)
        self.best_value = torch.full_like(allowed, -torch.inf)
        self._value = torch.zeros_like(allowed)
        self._ahead: Tensor | None = None

    def push(
        self, points: Tensor, relative_l2: Tensor, gradient: Tensor, value: Tensor, ascent: Tensor
    ) -> Tensor:
        """The points to evaluate next, N×D within the bounds.

        relative_l2 (N,) with its gradient, and value, log f (N,), with its gradient `ascent`, both
        N×D, are those of `points`, which the last call returned.
        """
        low, high = self._bounds
        blocked = ((points <= low) & (ascent < 0)) | ((points >= high) & (ascent > 0))
        free = torch.where(blocked, 0.0, ascent)
        length = norm(free).clamp_min(TINY) / free.shape[1] ** 0.5
        first = self._ahead is None
        self._value, self._ahead = value, points + PUSHING.stride * free / length[:, None]
        if first:
            self.origin = self._ahead
        return self.next(points, relative_l2, gradient)

    def _on_accepted(self, rows: Tensor) -> None:
        assert self._ahead is not None
        self.origin = torch.where(rows, self._ahead, self.origin)

    def _keep_best(
        self, points: Tensor, relative_l2: Tensor, gradient: Tensor, distance: Tensor
    ) -> None:
        better = (relative_l2 <= self.allowed) & (self._value > self.best_value)
        self.best_value = torch.where(better, self._value, self.best_value)
        self.best_relative_l2 = torch.where(better, relative_l2, self.best_relative_l2)
        self.best = torch.where(better[:, None], points, self.best)
