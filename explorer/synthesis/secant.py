"""Multisecant descent: what moved the representation, and how far, tells how to go on.

A pass says more than a loss and a gradient: by the whole vector g(x) − g(x_t) each image that was
looked at tells how the representation answers to a move. As if all between them were straight,
the last few predict the mix of them whose representation is nearest, and the gradient leads on from
there. Anderson 1965; Fang & Saad 2009 (multisecant methods); De Sterck 2012 (gradients in the mix).
The damping, and gradients through soft corners, are ours.

Images are mixed of images that gradients led to, so that (inside the box) what the network ignores
stays as it was in the seed, or nearly. A longer memory, or less damping, is no faster to speak of,
but moves more of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.synthesis.box import Bounds, pressed
from explorer.synthesis.state import State

MEMORY = 5
DAMPING = 0.3  # of each remembered move, in units of its own squared length (Marquardt)
FIRST, LONGEST = 0.025, 0.04  # the first step per relative distance, and at most; RMS of its pixels
LONGER, SHORTER = 1.15, 0.5  # after a pass that brought the image nearer, and one that didn't
AVERAGE = 0.5  # how much of the average direction a pass keeps
CORNERS, WIDEST = 2.0, 0.8  # how soft corners are per relative distance, and at most
FAR = 1.0  # the relative distance beyond which nothing is straight enough for a mix
_TINY = 1e-20


class Secant(State):
    """Where N samples are on their way, each with a memory and a step length of its own.

    parameters: images N×…, kept within `bounds` (lower, upper). Each call of `next` costs no pass
    of its own and never waits for the device. Nothing hangs on the budget.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        count, size = len(parameters), parameters[0].numel()
        self._shape, self._bounds = parameters.shape[1:], bounds
        self._points = parameters.new_zeros(count, MEMORY, size)
        self._slopes = torch.zeros_like(self._points)
        self._offsets: Tensor | None = None  # N×MEMORY×D, made when D is known
        self._mean = parameters.new_zeros(count, size)
        self._length = parameters.new_zeros(count)
        self._before = parameters.new_full((count,), torch.inf)
        self._lowest = self._before.clone()
        self.corners = parameters.new_full((count,), WIDEST)
        self._calls = torch.zeros((), dtype=torch.long, device=parameters.device)

    def next(
        self,
        parameters: Tensor,
        loss: Tensor,
        gradient: Tensor,
        offset: Tensor,
        led: Tensor,
        wanted: bool = True,
    ) -> Tensor:
        """The next images to look at, N×…

        loss (N,), gradient N×… and offset N×D, (g(x) − g(x_t)) / ‖g(x_t)‖, belong to `parameters`.
        The loss is the offset's length, or a multiple. led: (N,) whose `parameters` are those that
        the last call returned; a sample's first steps may be another's, and are remembered.
        wanted: false where nobody will go there, so that it need not be found: `parameters` then.
        """
        if self._offsets is None:
            self._offsets = offset.new_zeros(len(offset), MEMORY, offset.shape[1])
        point = parameters.flatten(1)
        slope = gradient.flatten(1) * loss[:, None]  # that of half its square
        slope = torch.where(pressed(point, slope, self._bounds), 0.0, slope)
        left = torch.linalg.vector_norm(offset, dim=1)
        after = self._length * torch.where(left < self._before, LONGER, SHORTER)
        led = led & (self._calls > 0)
        self._length = torch.where(led, after, FIRST * left).clamp_max(LONGEST)
        self._before, self._lowest = left, torch.minimum(self._lowest, left)
        self.corners = (CORNERS * self._lowest).clamp_max(WIDEST)

        if not wanted:
            self._remember(point, slope, offset)
            return parameters
        nearest, onwards = self._mixed(point, slope, offset)
        far = (left > FAR)[:, None]
        nearest, onwards = torch.where(far, point, nearest), torch.where(far, slope, onwards)
        self._remember(point, slope, offset)
        averaged = torch.lerp(onwards, self._mean, AVERAGE)
        self._mean = torch.where(led[:, None], averaged, onwards)
        size = self._mean.square().mean(1).sqrt().clamp_min(_TINY)
        step = nearest - (self._length / size)[:, None] * self._mean
        return step.clamp(*self._bounds).view(-1, *self._shape)

    def _mixed(self, point: Tensor, slope: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """The mix of the images remembered and this one that is nearest, if all between them is
        straight, and its slope: the least squares of the offset over the moves from here.
        """
        moves = self._offsets - offset[:, None]
        known = torch.arange(MEMORY, device=point.device) < self._calls
        lengths = torch.linalg.vector_norm(moves, dim=2, keepdim=True) * known[:, None]
        unit = moves / lengths.clamp_min(_TINY).masked_fill(~known[:, None], torch.inf)
        damped = unit @ unit.mT + DAMPING * torch.eye(MEMORY, device=point.device)
        by_move = -(unit @ offset[:, :, None])
        # One system more than is asked for: of a single one torch makes work for a library that
        # cannot be recorded as a CUDA graph, of several for one that can.
        more = [torch.cat([one, one[:1]]) for one in (damped, by_move)]
        by_move = torch.linalg.solve_ex(*more)[0][:-1]
        shares = (by_move / lengths.clamp_min(_TINY)).masked_fill(lengths < _TINY, 0.0).mT
        ways = self._points - point[:, None]
        turns = self._slopes - slope[:, None]
        return point + (shares @ ways)[:, 0], slope + (shares @ turns)[:, 0]

    def _remember(self, point: Tensor, slope: Tensor, offset: Tensor) -> None:
        slot = (self._calls % MEMORY).view(1)
        for memory, newest in (
            (self._points, point),
            (self._slopes, slope),
            (self._offsets, offset),
        ):
            memory.index_copy_(1, slot, newest[:, None])
        self._calls = self._calls + 1
