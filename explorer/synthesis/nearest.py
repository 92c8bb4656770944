"""The search for the picture nearest to the seed among those that match.

Minimises ½‖x − x₀‖² + ½·μ·r(x)², r the relative distance at the layer, in the box, by projected
L-BFGS with exact gradients, while μ is driven to where r is the distance allowed: there x is a
stationary point of "nearest to the seed, subject to r ≤ ε". Both terms of every remembered
change of the gradient are kept apart, so that nothing is forgotten where μ changes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import NEAREST, TINY
from explorer.synthesis.optimizers.search import at_bound, dot, norm
from explorer.synthesis.state import State


class NearestSearch(State):
    """N samples under way, from images that match.

    origin: N×D, the seeds. allowed: (N,), the relative distance ε that each may have.
    best: N×D, the one nearest to the seed with r ≤ ε so far; moved: (N,), its ‖x − x₀‖, infinite
    while there is none. best_gradient: N×D, ∇r there; best_relative_l2: (N,), r there.
    """

    def __init__(self, origin: Tensor, allowed: Tensor, bounds: tuple[float, float]) -> None:
        count, size = origin.shape
        self.origin, self.allowed, self._bounds = origin, allowed, bounds
        self.best, self.best_gradient = origin.clone(), torch.zeros_like(origin)
        self.moved = torch.full_like(allowed, torch.inf)
        self.best_relative_l2 = torch.full_like(allowed, torch.inf)
        # The current iterate: point, r, ∇½r², and the line along which the next one is tried.
        self._point, self._slope = origin.clone(), torch.zeros_like(origin)
        self._r = torch.full_like(allowed, torch.inf)
        self._direction, self._step = torch.zeros_like(origin), torch.ones_like(allowed)
        self._multiplier = torch.full_like(allowed, torch.nan)  # μ; nan before the first call
        # The last moves s, and the changes of ∇½r² with them; the newest one last.
        self._moves = origin.new_zeros(count, NEAREST.memory, size)
        self._changes = torch.zeros_like(self._moves)

    def next(self, points: Tensor, relative_l2: Tensor, gradient: Tensor) -> Tensor:
        """The points to evaluate next, N×D within the bounds.

        relative_l2 (N,), and its gradient N×D, are those of `points`, which the last call returned
        (or of the images from which to start). Never waits for the device.
        """
        offset = points - self.origin
        distance, slope = norm(offset), gradient * relative_l2[:, None]
        self._keep_best(points, relative_l2, gradient, distance)

        first = self._multiplier.isnan()
        balanced = distance / norm(slope).clamp_min(TINY)  # what x − x₀ = −μ∇½r² asks for,
        most = (distance / self.allowed.clamp_min(TINY)).square()  # but r may be 0 at the start
        balanced = torch.minimum(balanced, most)
        self._multiplier = torch.where(first, balanced, self._multiplier)
        before = 0.5 * dot(self._offset, self._offset) + 0.5 * self._multiplier * self._r.square()
        after = 0.5 * distance.square() + 0.5 * self._multiplier * relative_l2.square()
        move = points - self._point
        predicted = dot(self._gradient, move)
        accepted = after <= before + NEAREST.sufficient_decrease * predicted
        accepted = first | accepted | (self._step < NEAREST.min_step)
        self._remember(accepted & ~first, move, slope - self._slope)

        rows = accepted[:, None]
        self._point = torch.where(rows, points, self._point)
        self._slope = torch.where(rows, slope, self._slope)
        self._r = torch.where(accepted, relative_l2, self._r)
        self._on_accepted(rows)
        ratio = self._r / (NEAREST.aim * self.allowed).clamp_min(TINY)
        ratio = ratio.clamp(1 / NEAREST.max_multiplier_change, NEAREST.max_multiplier_change)
        self._multiplier = torch.where(
            accepted & ~first, self._multiplier * ratio, self._multiplier
        )
        self._direction = torch.where(rows, self._new_direction(), self._direction)
        self._step = torch.where(accepted, 1.0, self._step * NEAREST.shrink)
        return (self._point + self._step[:, None] * self._direction).clamp(*self._bounds)

    def _on_accepted(self, rows: Tensor) -> None:
        """Called once the current iterates are known; rows N×1: whose are new."""

    @property
    def distance(self) -> Tensor:
        """‖x − x₀‖ of the current iterate, (N,), whether it matches or not."""
        return norm(self._offset)

    @property
    def _offset(self) -> Tensor:
        return self._point - self.origin

    @property
    def _gradient(self) -> Tensor:
        return self._offset + self._multiplier[:, None] * self._slope

    def _keep_best(
        self, points: Tensor, relative_l2: Tensor, gradient: Tensor, distance: Tensor
    ) -> None:
        better = (relative_l2 <= self.allowed) & (distance < self.moved)
        rows = better[:, None]
        self.moved = torch.where(better, distance, self.moved)
        self.best_relative_l2 = torch.where(better, relative_l2, self.best_relative_l2)
        self.best = torch.where(rows, points, self.best)
        self.best_gradient = torch.where(rows, gradient, self.best_gradient)

    def _remember(self, which: Tensor, moves: Tensor, changes: Tensor) -> None:
        rows = which[:, None, None]
        for name, newest in (("_moves", moves), ("_changes", changes)):
            memory = getattr(self, name)
            shifted = torch.cat([memory[:, 1:], newest[:, None]], 1)
            setattr(self, name, torch.where(rows, shifted, memory))

    def _new_direction(self) -> Tensor:
        """−H·gradient, N×D, by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)."""
        gradient, moves = self._gradient, self._moves
        active = at_bound(self._point, gradient, self._bounds)
        changes = moves + self._multiplier[:, None, None] * self._changes
        curvature, lengths = (moves * changes).sum(2), moves.square().sum(2)
        valid = curvature > NEAREST.min_curvature * lengths  # an empty place has length 0
        inverse = torch.where(valid, 1 / curvature.clamp_min(TINY), 0.0)

        downhill = torch.where(active, 0.0, -gradient)
        direction, weights = downhill, []
        for place in reversed(range(moves.shape[1])):
            weights.append(inverse[:, place] * dot(moves[:, place], direction))
            direction = direction - weights[-1][:, None] * changes[:, place]
        newest = valid.long().cumsum(1).argmax(1, keepdim=True)
        scale = curvature.gather(1, newest) / changes.square().sum(2).gather(1, newest)
        known = valid.any(1)
        direction = direction * torch.where(known[:, None], scale, 1.0)
        for place, weight in enumerate(reversed(weights)):
            back = inverse[:, place] * dot(changes[:, place], direction)
            direction = direction + (weight - back)[:, None] * moves[:, place]
        direction = torch.where(active, 0.0, direction)

        short = NEAREST.first_step_ratio * norm(self._offset) / norm(downhill).clamp_min(TINY)
        usable = known & (dot(direction, gradient) < 0)
        return torch.where(usable[:, None], direction, short.clamp_max(1.0)[:, None] * downhill)


def linear_bound(
    origin: Tensor,
    point: Tensor,
    relative_l2: Tensor,
    gradient: Tensor,
    allowed: Tensor,
    bounds: tuple[float, float],
) -> Tensor:
    """The least distance from the seed of any picture in the box that matches to first order, (N,).

    That is of x with r + ∇r·(x − point) ≤ ε. Where the network is affine r is convex, so that no
    picture that matches is nearer: a lower bound. Elsewhere it is a first-order estimate; at a
    stationary point of the search it equals ‖point − origin‖.
    """

    def at(multiplier: Tensor) -> tuple[Tensor, Tensor]:
        """x₀ − λ∇r in the box, and how far r is above ε there, to first order."""
        x = (origin - multiplier[:, None] * gradient).clamp(*bounds)
        return x, relative_l2 + dot(gradient, x - point) - allowed

    low = torch.zeros_like(relative_l2)
    # The largest λ that can be needed: there every pixel is at its bound or far beyond it.
    high = (bounds[1] - bounds[0]) / gradient.abs().amax(1).clamp_min(TINY) + TINY
    for _ in range(60):
        _, above = at(high)
        high = torch.where(above > 0, 2 * high, high)
    for _ in range(60):
        middle = 0.5 * (low + high)
        _, above = at(middle)
        low, high = torch.where(above > 0, middle, low), torch.where(above > 0, high, middle)
    return norm(at(low)[0] - origin)
