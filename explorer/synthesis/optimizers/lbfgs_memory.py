"""The direction of L-BFGS: −H·gradient by the compact form, a batch of samples side by side.

Byrd, Nocedal & Schnabel 1994 (compact form); Byrd, Lu, Nocedal & Zhu 1995 (with bounds).
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import LBFGS_MEMORY, MIN_CURVATURE
from explorer.synthesis.optimizers.search import dot, norm
from explorer.synthesis.state import State


class LBFGSMemory(State):
    """The last LBFGS_MEMORY moves s and changes of the gradient y, of each of N samples.

    points: N×D, where the search starts.
    """

    def __init__(self, points: Tensor) -> None:
        count, size = points.shape
        new, memory = points.new_zeros, LBFGS_MEMORY
        self._pairs = new(count, 2 * memory, size)  # every s, then every y
        self._sy, self._yy = new(count, memory, memory), new(count, memory, memory)
        self._valid = torch.zeros(count, memory, dtype=torch.bool, device=points.device)
        self._slot = torch.full((), memory - 1, device=points.device)  # of the newest pair

    @property
    def empty(self) -> Tensor:
        """(N,) where nothing is remembered."""
        return ~self._valid.any(1)

    def remember(self, s: Tensor, y: Tensor, which: Tensor | None = None) -> None:
        """Moves s and changes of the gradient y, N×D, of positive curvature.

        which: (N,), the samples of which they are remembered; None for all.
        """
        convex = dot(s, y) > MIN_CURVATURE * norm(s) * norm(y)
        which = convex if which is None else which & convex
        self._slot = (self._slot + 1) % LBFGS_MEMORY
        slot = self._slot.view(1)
        self._pairs.index_copy_(1, slot, s[:, None])
        self._pairs.index_copy_(1, LBFGS_MEMORY + slot, y[:, None])
        self._valid.index_copy_(1, slot, which[:, None])

    def reset(self, which: Tensor) -> None:
        """Forget all pairs of these samples, (N,)."""
        self._valid &= ~which[:, None]

    def direction(self, gradient: Tensor, active: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """−H·gradient, N×D, 0 on the active set; and (N,) where it is known and leads downhill.

        To be called once after each call of `remember`, with the y that was remembered.
        """
        pairs, slot, memory = self._pairs, self._slot.view(1), LBFGS_MEMORY
        free = torch.where(active, 0.0, gradient)
        # One reading of the memory for all products: with the newest y, and with the gradient.
        products = torch.stack([y, free], 1) @ pairs.mT
        with_y, with_gradient = products.unbind(1)
        self._sy.index_copy_(2, slot, with_y[:, :memory, None])
        self._yy.index_copy_(2, slot, with_y[:, memory:, None])
        self._yy.index_copy_(1, slot, with_y[:, None, memory:])

        order = (torch.arange(1, memory + 1, device=slot.device) + slot) % memory  # oldest first
        valid = self._valid[:, order]
        both = valid[:, :, None] & valid[:, None, :]
        sy = self._sy[:, order][:, :, order].where(both, 0.0)
        yy = self._yy[:, order][:, :, order].where(both, 0.0)
        s_gradient = with_gradient[:, :memory][:, order].where(valid, 0.0)
        y_gradient = with_gradient[:, memory:][:, order].where(valid, 0.0)

        # H = γI + [S γY] [[R⁻ᵀ(D + γYᵀY)R⁻¹, −R⁻ᵀ], [−R⁻¹, 0]] [S γY]ᵀ, R: upper triangle of SᵀY.
        diagonal = sy.diagonal(dim1=1, dim2=2)
        triangle = sy.triu() + torch.diag_embed((~valid).to(sy.dtype))
        newest = valid.long().cumsum(1).argmax(1, keepdim=True)
        scale = diagonal.gather(1, newest) / yy.diagonal(dim1=1, dim2=2).gather(1, newest)
        known = valid.any(1)
        scale = torch.where(known[:, None], scale, 1.0)

        back = _solve(triangle, s_gradient, upper=True)
        inner = diagonal * back + scale * ((yy @ back[:, :, None])[:, :, 0] - y_gradient)
        forth = _solve(triangle.mT, inner, upper=False)
        weights = torch.cat([forth, -scale * back], 1)
        places = torch.cat([order, memory + order])
        weights = torch.zeros_like(weights).index_copy(1, places, weights)
        step = scale * free + (weights[:, None] @ pairs)[:, 0]
        direction = torch.where(active, 0.0, -step)
        return direction, known & (dot(direction, gradient) < 0)


def _solve(triangle: Tensor, right: Tensor, upper: bool) -> Tensor:
    return torch.linalg.solve_triangular(triangle, right[:, :, None], upper=upper)[:, :, 0]
