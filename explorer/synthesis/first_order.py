"""Optimisers of torch's, along gradients whose images stay in a box."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from explorer.synthesis.box import Bounds
from explorer.synthesis.state import Descent, Slot, Table

FEATHER_STAGES = 8
SOFTEST = 1.5  # how soft corners are at the start, where they follow the budget; see `Corners`
SHARPENING = 2.5  # the power of the share of the budget left by which they get sharp
MOMENTUM, STRIDE = 0.85, 2.0  # of `soft_momentum`
# Its steps shrink as FALL^(share of the budget spent) · √(share left); of more than 100 passes the
# fall is the deeper, down to LOWEST, for what more of them are good for is shorter steps.
FALL, LOWEST = 0.1, 0.03
REACH = 5.0  # the relative distance of the seed beyond which its steps are the shorter, the further
POLYAK = 0.4  # the most of Polyak's step, which ends at 0 if the way is straight, that a step takes
_TINY = 1e-12


class FirstOrder(Descent):
    """An optimiser of torch's on the gradient, or on the gradient divided by its ℓ₂ norm.

    step: learning rate; of a unit gradient it is the way in pixel space of one step, for a 64×64
    image where `scales` is set (it grows with the square root of the pixel count).
    decay: (share of the budget spent, in [0, 1)) → factor of the step.
    soft: whether it looks through soft corners, which are sharp by the end of the budget.
    reach: unit steps from a seed further away than this are the shorter, in proportion: where
    pictures are so far apart, the same step takes the representation further.
    polyak: unit steps are at most so much of Polyak's, loss / ‖gradient‖, to a lowest loss of 0.
    """

    def __init__(
        self,
        parameters: Tensor,
        steps: int,
        bounds: Bounds,
        squares: Tensor,
        *,
        make: Callable[..., torch.optim.Optimizer],
        step: float,
        unit_gradient: bool = False,
        scales: bool = False,
        decay: Callable[[float], float] = lambda spent: 1.0,
        soft: bool = False,
        reach: float = math.inf,
        polyak: float = math.inf,
    ) -> None:
        pixels = parameters.shape[-1] * parameters.shape[-2]
        step *= math.sqrt(pixels / 64**2) if scales else 1.0
        shares = [taken / steps for taken in range(steps + 1)]
        self._length = Table([step * decay(share) for share in shares], parameters)
        self._softness = Table(
            [SOFTEST * (1 - share) ** SHARPENING for share in shares], parameters
        )
        # It moves a tensor that starts at 0 each time, by 1 · its direction.
        self._inner = make([torch.zeros_like(parameters)], lr=1.0)
        for group in self._inner.param_groups:
            if "capturable" in group:
                group["capturable"] = parameters.is_cuda
        self._bounds, self._unit = bounds, unit_gradient
        self._reach, self._polyak = reach, polyak
        self._taken = torch.zeros((), dtype=torch.long, device=parameters.device)
        self._left: Tensor | None = None  # the relative distances of the seeds
        self.corners = parameters.new_full((len(parameters),), SOFTEST) if soft else None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """As `Descent.next`."""
        if self._left is None:
            self._left = torch.linalg.vector_norm(offset, dim=1)
        length = self._length(self._taken)
        (way,) = self._inner.param_groups[0]["params"]
        way.zero_()
        way.grad = self._step_along(gradient, loss, length) if self._unit else gradient
        self._inner.step()
        way.grad = None
        self._taken = self._taken + 1
        if self.corners is not None:
            self.corners = torch.zeros_like(self.corners) + self._softness(self._taken)
        # Outside autograd: torch.clamp passes no gradient at its bounds (torch ≥ 2.15).
        return torch.addcmul(parameters, way, length.to(way.dtype)).clamp(*self._bounds)

    def _step_along(self, gradient: Tensor, loss: Tensor, step: Tensor) -> Tensor:
        """The gradient at the length, in steps of the inner optimiser, that it is to have."""
        norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp_min(1e-12)
        length = (self._reach / self._left).clamp_max(1.0)
        if math.isfinite(self._polyak):
            length = torch.minimum(length, self._polyak / step.clamp_min(_TINY) * loss / norm)
        return gradient * (length / norm).view(-1, *[1] * (gradient.ndim - 1))

    def slots(self) -> Iterator[Slot]:
        """As `State.slots`, with what the inner optimiser remembers."""
        yield from super().slots()
        (way,) = self._inner.param_groups[0]["params"]
        remembered = self._inner.state[way]
        yield from [(remembered, name) for name, one in remembered.items() if torch.is_tensor(one)]

    def keep(self, places: Tensor) -> None:
        """As `State.keep`."""
        super().keep(places)
        (group,) = self._inner.param_groups
        (before,) = group["params"]
        after = before[places]
        group["params"] = [after]
        self._inner.state[after] = {
            name: value[places] if torch.is_tensor(value) and value.ndim else value
            for name, value in self._inner.state.pop(before, {}).items()
        }


def soft_momentum(parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> FirstOrder:
    """Unit gradients through soft corners; parameters, steps, bounds, squares as `Optimiser.start`.

    The longer the budget, the more of it goes by in short steps.
    """
    fall = max(LOWEST, FALL * min(1.0, 100 / steps))
    return FirstOrder(
        parameters,
        steps,
        bounds,
        squares,
        make=partial(torch.optim.SGD, momentum=MOMENTUM),
        step=STRIDE,
        unit_gradient=True,
        scales=True,
        decay=lambda spent: fall**spent * math.sqrt(max(0.0, 1 - spent)),
        soft=True,
        reach=REACH,
        polyak=POLYAK,
    )


def cosine(spent: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * spent))


def halving(spent: float) -> float:
    """Halved FEATHER_STAGES − 1 times, at equal intervals (Feather et al. 2023)."""
    return 0.5 ** int(FEATHER_STAGES * spent)
