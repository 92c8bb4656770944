"""The optimisers, as data: how each one moves a batch of images from pass to pass.

Each sample's path is its own, so that it makes the same way alone as in a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from explorer.models.names import LOGITS, PENULTIMATE
from explorer.models.network import Network
from explorer.objectives.variants import Loss
from explorer.synthesis.lbfgs import LBFGS

FEATHER_STAGES = 8
TRIAL = 25
STALLED = 0.2
Bounds = tuple[float, float]


class Descent(Protocol):
    """One run of an optimiser.

    steady: whether a sample's steps don't hang on the budget, so that a plateau, once reached,
    stays one; (N,) or one answer for all.
    """

    steady: bool | Tensor

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """The next parameters to look at, N×… within the bounds.

        loss (N,) and gradient N×… are those of `parameters`, which the last call returned.
        """

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""


@dataclass(frozen=True)
class Optimiser:
    """One way to descend.

    start: (parameters N×…, steps, bounds, squares (N,)) → its run; `squares` says whose loss is a
    norm that ends at 0, see `LBFGS`.
    keeps_last: the last iterate is the outcome, as published, not the best one.
    """

    name: str
    help: str
    start: Callable[[Tensor, int, Bounds, Tensor], Descent]
    keeps_last: bool = False


class FirstOrder:
    """An optimiser of torch's on the gradient, or on the gradient divided by its ℓ₂ norm.

    step: learning rate; of a unit gradient it is the way in pixel space of one step, for a 64×64
    image where `scales` is set (it grows with the square root of the pixel count).
    decay: (share of the budget spent, in [0, 1)) → factor of the step.
    """

    steady = False

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
    ) -> None:
        pixels = parameters.shape[-1] * parameters.shape[-2]
        step *= math.sqrt(pixels / 64**2) if scales else 1.0
        self._at = parameters.clone()
        self._inner = make([self._at], lr=step)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._inner, lambda taken: decay(taken / steps)
        )
        self._bounds, self._unit = bounds, unit_gradient

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        self._at.grad = _unit(gradient) if self._unit else gradient
        self._inner.step()
        self._schedule.step()
        # Outside autograd: torch.clamp passes no gradient at its bounds (torch ≥ 2.15).
        return self._at.clamp_(*self._bounds)

    def keep(self, places: Tensor) -> None:
        before, self._at = self._at, self._at[places]
        (group,) = self._inner.param_groups
        group["params"] = [self._at]
        state = self._inner.state.pop(before, {})
        self._inner.state[self._at] = {
            name: value[places] if torch.is_tensor(value) and value.ndim else value
            for name, value in state.items()
        }


class LBFGSOrAdam:
    """L-BFGS, and after TRIAL passes Adam for the samples that it has not brought near by then.

    Where the loss has many kinks L-BFGS crawls along them; Adam with a decaying step gets across.
    parameters, steps, bounds, squares: as `Optimiser.start`; the losses are relative distances.
    """

    def __init__(self, parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = LBFGS(parameters, bounds, squares)
        self._start_adam = partial(_adam, steps=max(1, steps - TRIAL), bounds=bounds)
        self._adam: FirstOrder | None = None
        self.steady: bool | Tensor = False
        self._squares, self._calls = squares, 0
        self._lowest = torch.full_like(squares, torch.inf, dtype=parameters.dtype)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        self._lowest = torch.minimum(self._lowest, loss)
        self._calls += 1
        after = self._lbfgs.next(parameters, loss, gradient)
        if self._calls <= TRIAL:
            return after
        if self._adam is None:
            self._adam = self._start_adam(parameters, squares=self._squares)
            self.steady = self._lowest <= STALLED
        crossing = self._adam.next(parameters, loss, gradient)
        return torch.where(self.steady.view(-1, *[1] * (parameters.ndim - 1)), after, crossing)

    def keep(self, places: Tensor) -> None:
        self._lbfgs.keep(places)
        self._squares, self._lowest = self._squares[places], self._lowest[places]
        if self._adam is not None:
            self._adam.keep(places)
            self.steady = self.steady[places]


def cosine(spent: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * spent))


def halving(spent: float) -> float:
    """Halved FEATHER_STAGES − 1 times, at equal intervals (Feather et al. 2023)."""
    return 0.5 ** int(FEATHER_STAGES * spent)


def _unit(gradient: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp_min(1e-12)
    return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


def _adam(parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> FirstOrder:
    make = partial(torch.optim.Adam, betas=(0.9, 0.99))
    return FirstOrder(parameters, steps, bounds, squares, make=make, step=0.1, decay=cosine)


def _lbfgs(parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> Descent:
    return LBFGS(parameters, bounds, squares)


OPTIMISERS = {
    optimiser.name: optimiser
    for optimiser in (
        Optimiser(
            "lbfgs",
            "L-BFGS in the box [0, 1], each step only where it brings the image nearer",
            _lbfgs,
        ),
        Optimiser(
            "adam",
            "Adam, step 0.1, cosine decay",
            _adam,
        ),
        Optimiser(
            "lbfgs-or-adam",
            f"L-BFGS; after {TRIAL} passes Adam where the relative distance is still above "
            f"{STALLED:g}",
            LBFGSOrAdam,
        ),
        Optimiser(
            "momentum",
            "gradient of unit norm, momentum 0.8, step 1, cosine decay",
            partial(
                FirstOrder,
                make=partial(torch.optim.SGD, momentum=0.8),
                step=1.0,
                unit_gradient=True,
                scales=True,
                decay=cosine,
            ),
        ),
        Optimiser(
            "paper",
            "gradient of unit norm, step 1, no decay, as published (Nanda et al. 2023)",
            partial(FirstOrder, make=torch.optim.SGD, step=1.0, unit_gradient=True),
        ),
        Optimiser(
            "feather",
            "gradient of unit norm, step 1 halved seven times, the last image kept, as published "
            "(Feather et al. 2023: 24,000 steps)",
            partial(FirstOrder, make=torch.optim.SGD, step=1.0, unit_gradient=True, decay=halving),
            keeps_last=True,
        ),
    )
}
"""`paper` was published for a torch whose clamp passed gradients at its bounds; projecting outside
autograd gives just those gradients with every version of torch."""


def automatic(
    network: Network, layer: str, losses: Sequence[Loss] = (), relu_passes: bool = False
) -> Optimiser:
    """What `auto` stands for: what came nearest in the fewest passes (docs/benchmarks.md).

    L-BFGS for the embedded networks, and at the end of every other one, where the representation
    is a vector. On the maps in the midst of deep networks the loss may have too many kinks for it
    to cross: there Adam takes over if it stalls, or begins if there is more to the loss than the
    match. Adam it is for spectra, too, and where the loss is another one at each step or its
    gradient is not its own. Against an adversary it is momentum.
    """
    if any(loss.uses_distance for loss in losses):
        return OPTIMISERS["momentum"]
    own = all(loss.steady and loss.parametrisation == "pixel" for loss in losses)
    vector = layer in (PENULTIMATE, LOGITS)
    if not own or relu_passes:
        return OPTIMISERS["adam"]
    if vector or network.family == "embedded":
        return OPTIMISERS["lbfgs"]
    return OPTIMISERS["lbfgs-or-adam" if all(loss.only_match for loss in losses) else "adam"]
