"""Momentum in step with the distance left, and multisecant descent at the end of the way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from explorer.synthesis.box import Bounds
from explorer.synthesis.secant import Secant
from explorer.synthesis.state import Descent, State

PACE = 0.3  # a step per relative distance; RMS of its pixels
SHORT = 0.04  # the most that a step is on bent ways, and from seeds of little contrast; the same
OF_CONTRAST = 0.3  # the most on straight ways, per standard deviation of the seed's pixels
STRAIGHT, BENT = 0.75, 0.6  # shares of what the slope promised: more than, and less than
LONGER, SHORTER = 1.15, 0.5  # how the most changes after a straight pass, and a bent one
CORNERS, WIDEST = 3.0, 1.2  # how soft corners are per relative distance, and at most
PATIENCE, WORTH = 10, 0.05
MEAN_OVER, SIZE_OVER = 0.8, 0.95  # how much of the means a pass keeps
NEAR = 0.1  # the relative distance from which on the secant leads
ASKED = ("cpu",)  # devices that say sooner whether a mix is wanted than they make it
AGAIN = 0.5  # where it comes to a stand: how much nearer it has another try


class Paced(State):
    """Momentum whose steps, and the soft corners it looks through, shrink with the distance left.

    So nothing hangs on the budget, and it ends as soon as the goal is met. Far away a step is no
    longer than the way is straight: a share of the seed's contrast at first, less after passes that
    bring less than the slope promised (as in trust regions: Conn, Gould & Toint 2000). Where the
    best of the last PATIENCE passes is not WORTH nearer than the one before, steps and corners
    shrink beyond that. As in Adam a step is the mean gradient by its usual size, but the size is
    one number for an image, so that steps are made of gradients, and what the network ignores stays
    as it was in the seed. parameters: images N×…, kept within `bounds`.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._bounds = bounds
        new = parameters.new_full
        count = len(parameters)
        self._progress, self._share = _Progress(count, new), new((count,), 1.0)
        self._mean, self._size = torch.zeros_like(parameters), new((count,), 0.0)
        self._calls = new((), 0.0, dtype=torch.float64)
        self._longest = (OF_CONTRAST * parameters.flatten(1).std(1)).clamp_min(SHORT)
        self._most = self._longest
        # A first loss that is infinite: no way was taken yet that could be called bent.
        self._point, self._slope, self._loss = parameters, self._mean, new((count,), torch.inf)
        self.corners = new((count,), WIDEST)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, left: Tensor) -> Tensor:
        """The next images to look at, N×…

        loss (N,), gradient N×… and distance left (N,) are those of the last, `parameters`.
        """
        stands = self._progress.stands(left, torch.ones_like(left, dtype=torch.bool))
        self._share = torch.where(stands, 0.8 * self._share, self._share)

        self._judge(parameters, loss)
        self._point, self._slope, self._loss = parameters, gradient, loss
        self._calls = self._calls + 1
        square = gradient.flatten(1).square().mean(1)
        self._mean = torch.lerp(gradient, self._mean, MEAN_OVER)
        self._size = torch.lerp(square, self._size, SIZE_OVER)
        size = (self._size / (1 - SIZE_OVER**self._calls)).sqrt().clamp_min(1e-20)
        held = self._progress.lowest * self._share
        self.corners = (CORNERS * held).clamp_max(WIDEST)
        step = torch.minimum(PACE * held, self._most) / size / (1 - MEAN_OVER**self._calls)
        step = step.view(-1, *[1] * (parameters.ndim - 1))
        return (parameters - step * self._mean).clamp(*self._bounds)

    def _judge(self, parameters: Tensor, loss: Tensor) -> None:
        """Allow for longer steps if the way here was straight, for shorter ones if it was bent."""
        promised = ((self._point - parameters) * self._slope).flatten(1).sum(1)
        brought = self._loss - loss
        straight = (promised > 0) & (brought > STRAIGHT * promised)
        bent = brought < BENT * promised.clamp_min(0)
        change = torch.where(straight, LONGER, torch.where(bent, SHORTER, 1.0))
        self._most = torch.minimum((self._most * change).clamp_min(SHORT), self._longest)


class PacedSecant(Descent):
    """`Paced` as far as NEAR, then `Secant`, which remembers the last of the way there.

    A mix of images from far away goes by what is anything but straight, and moves more of what the
    network ignores than a careful way to the same distance does (docs/method.md). Where PATIENCE
    mixes bring less than WORTH, the paced steps go on, down to AGAIN of the distance left.
    parameters: images N×…, kept within `bounds`.
    """

    steady = True

    def __init__(self, parameters: Tensor, bounds: Bounds) -> None:
        self._paced, self._secant = Paced(parameters, bounds), Secant(parameters, bounds)
        count, new = len(parameters), parameters.new_full
        self._progress = _Progress(count, new)
        self._near, self._begins = new((count,), 0.0).bool(), new((count,), NEAR)

    @property
    def corners(self) -> Tensor:
        """As `Descent`."""
        return torch.where(self._near, self._secant.corners, self._paced.corners)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Descent.next`."""
        left = torch.linalg.vector_norm(offset, dim=1)
        onwards, led = self._paced.next(parameters, loss, gradient, left), self._near
        self._take_turns(left)
        wanted = self._near.device.type not in ASKED or bool(self._near.any())
        mixed = self._secant.next(parameters, loss, gradient, offset, led, wanted)
        near = self._near.view(-1, *[1] * (parameters.ndim - 1))
        return torch.where(near, mixed, onwards)

    def _take_turns(self, left: Tensor) -> None:
        stands = self._progress.stands(left, self._near)
        self._begins = torch.where(stands, AGAIN * self._progress.lowest, self._begins)
        self._near = (self._near & ~stands) | (left < self._begins)


class _Progress(State):
    """The lowest distance (N,) so far, and how long that has hardly changed."""

    def __init__(self, count: int, new: Callable[..., Tensor]) -> None:
        self.lowest, self._mark = new((count,), torch.inf), new((count,), torch.inf)
        self._waited = new((count,), 0.0)

    def stands(self, left: Tensor, counts: Tensor) -> Tensor:
        """(N,) where the last PATIENCE passes that counted, (N,), have not brought WORTH."""
        self.lowest = torch.minimum(self.lowest, left)
        gets_on = ~counts | (self.lowest < (1 - WORTH) * self._mark)
        self._mark = torch.where(gets_on, self.lowest, self._mark)
        self._waited = torch.where(gets_on, 0.0, self._waited + 1)
        stands = self._waited >= PATIENCE
        self._waited = torch.where(stands, 0.0, self._waited)
        return stands
