"""Anderson mixing: the combination of the last images whose representation is nearest.

An evaluation gives more than a loss and a gradient: the whole vector g(x) − g(x_t) shows how the
representation responds to a move. As if it were linear in between, the last few images predict
their combination with the least residual. Anderson 1965; Fang & Saad 2009 (multisecant methods);
De Sterck 2012 (gradients in the combination). The damping is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.optimizers.constants import TINY, Anderson
from explorer.synthesis.state import State


class AndersonMixing(State):
    """The last `rule.memory` points, slopes and offsets of each of N samples.

    points: N×D, where the search starts.
    """

    def __init__(self, points: Tensor, rule: Anderson) -> None:
        count, size = points.shape
        self._rule = rule
        self._points = points.new_zeros(count, rule.memory, size)
        self._slopes = torch.zeros_like(self._points)
        self._offsets: Tensor | None = None  # N×memory×D′, once D′ is known
        self.calls = torch.zeros((), dtype=torch.long, device=points.device)

    def mix(self, point: Tensor, slope: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """The combination of the remembered points and this one, and of their slopes, N×D.

        Least squares of the offset, N×D′, over the moves from here, damped as by Marquardt 1963.
        """
        memory = self._rule.memory
        moves = self._remembered(offset) - offset[:, None]
        known = torch.arange(memory, device=point.device) < self.calls
        lengths = torch.linalg.vector_norm(moves, dim=2, keepdim=True) * known[:, None]
        unit = moves / lengths.clamp_min(TINY).masked_fill(~known[:, None], torch.inf)
        damped = unit @ unit.mT + self._rule.damping * torch.eye(memory, device=point.device)
        right = -(unit @ offset[:, :, None])
        # One system more than is needed: for a single one torch calls a library that cannot be
        # recorded as a CUDA graph, for several one that can.
        padded = [torch.cat([each, each[:1]]) for each in (damped, right)]
        solution = torch.linalg.solve_ex(*padded)[0][:-1]
        shares = (solution / lengths.clamp_min(TINY)).masked_fill(lengths < TINY, 0.0).mT
        to_points = self._points - point[:, None]
        to_slopes = self._slopes - slope[:, None]
        return point + (shares @ to_points)[:, 0], slope + (shares @ to_slopes)[:, 0]

    def remember(self, point: Tensor, slope: Tensor, offset: Tensor) -> None:
        """Put these in the place of the oldest ones; N×D, N×D and N×D′."""
        slot = (self.calls % self._rule.memory).view(1)
        for memory, newest in (
            (self._points, point),
            (self._slopes, slope),
            (self._remembered(offset), offset),
        ):
            memory.index_copy_(1, slot, newest[:, None])
        self.calls = self.calls + 1

    def _remembered(self, offset: Tensor) -> Tensor:
        if self._offsets is None:
            self._offsets = offset.new_zeros(len(offset), self._rule.memory, offset.shape[1])
        return self._offsets
