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
from explorer.synthesis.paced import NEAR, PacedSecant
from explorer.synthesis.secant import Secant

FEATHER_STAGES = 8
SOFTEST = 1.5  # how soft corners are at the start, where they follow the budget; see `Corners`
SHARPENING = 2.5  # the power of the share of the budget left by which they get sharp
TRIAL, SPRINT = 12, 5
HOPEFUL, BRISK, CRAWLING = 0.4, 0.15, 0.05
MOMENTUM, STRIDE = 0.85, 2.0  # of soft-momentum
FALL, FALL_BY = 1.5, 0.45  # its steps shrink by the power FALL of what is left of 100 passes; FALL
# grows by the power FALL_BY of longer budgets: what more passes are good for is shorter steps.
Bounds = tuple[float, float]


class Descent(Protocol):
    """One run of an optimiser.

    steady: whether a sample's steps don't hang on the budget, so that a plateau, once reached,
    stays one; (N,) or one answer for all. corners: the width (N,) of the soft corners that the
    next gradient is to be looked for through, if the optimiser wants any.
    """

    steady: bool | Tensor
    corners: Tensor | None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The next parameters to look at, N×… within the bounds.

        loss (N,), gradient N×… and offset N×D, see `Scene`, are those of `parameters`, which the
        last call returned.
        """

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""


@dataclass(frozen=True)
class Optimiser:
    """One way to descend.

    start: (parameters N×…, steps, bounds, squares (N,)) → its run; `squares` says whose loss is a
    norm that ends at 0, see `LBFGS`.
    keeps_last: the last iterate is the outcome, as published, not the best one.
    soft: whether it looks through soft corners, see `explorer.synthesis.corners`.
    only_match: whether it goes by the representation itself, and so needs a loss that asks for
    nothing but the match (`Loss.only_match`) of an image in pixels.
    scheduled: whether its steps hang on the budget, so that another budget makes another way.
    """

    name: str
    help: str
    start: Callable[[Tensor, int, Bounds, Tensor], Descent]
    keeps_last: bool = False
    soft: bool = False
    only_match: bool = False
    scheduled: bool = False


class FirstOrder:
    """An optimiser of torch's on the gradient, or on the gradient divided by its ℓ₂ norm.

    step: learning rate; of a unit gradient it is the way in pixel space of one step, for a 64×64
    image where `scales` is set (it grows with the square root of the pixel count).
    decay: (share of the budget spent, in [0, 1)) → factor of the step.
    soft: whether it looks through soft corners, which are sharp by the end of the budget.
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
        soft: bool = False,
    ) -> None:
        pixels = parameters.shape[-1] * parameters.shape[-2]
        step *= math.sqrt(pixels / 64**2) if scales else 1.0
        self._at = parameters.clone()
        self._inner = make([self._at], lr=step)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._inner, lambda taken: decay(taken / steps)
        )
        self._bounds, self._unit = bounds, unit_gradient
        self._steps, self._taken = steps, 0
        self.corners = parameters.new_full((len(parameters),), SOFTEST) if soft else None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        self._at.copy_(parameters)
        self._at.grad = _unit(gradient) if self._unit else gradient
        self._inner.step()
        self._schedule.step()
        self._taken += 1
        if self.corners is not None:
            self.corners.fill_(SOFTEST * (1 - self._taken / self._steps) ** SHARPENING)
        # Outside autograd: torch.clamp passes no gradient at its bounds (torch ≥ 2.15).
        return self._at.clamp(*self._bounds)

    def keep(self, places: Tensor) -> None:
        self._at = _only(self._inner, places)
        self.corners = None if self.corners is None else self.corners[places]


class LBFGSOrSecant:
    """L-BFGS; `Secant` for good where it is slow: from the seed anew at the TRIALth pass (if
    SPRINT passes up to it brought less than HOPEFUL), from where it is later on (less than BRISK).

    parameters, bounds, squares: as `Optimiser.start`.
    """

    def __init__(self, parameters: Tensor, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = LBFGS(parameters, bounds, squares)
        self._other = Secant(parameters, bounds)
        self._hope, self._speed = _Speed(HOPEFUL), _Speed(BRISK)
        self._start = parameters.clone()
        self._over = torch.zeros_like(squares)
        self._calls = 0

    @property
    def steady(self) -> bool:
        return self._calls >= TRIAL

    @property
    def corners(self) -> Tensor:
        return torch.where(self._over, self._other.corners, 0.0)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        self._calls += 1
        after = self._lbfgs.next(parameters, loss, gradient, offset)
        hopeless, slow = self._hope.slow(loss), self._speed.slow(loss)
        if self._calls < TRIAL:
            return after
        if self._calls == TRIAL:
            self._over = hopeless
            return torch.where(_like(self._over, parameters), self._start, after)
        onwards = self._other.next(parameters, loss, gradient, offset, self._over)
        self._over = self._over | slow
        return torch.where(_like(self._over, parameters), onwards, after)

    def keep(self, places: Tensor) -> None:
        self._over, self._start = self._over[places], self._start[places]
        for part in (self._lbfgs, self._other, self._hope, self._speed):
            part.keep(places)


class LBFGSOrMomentum:
    """L-BFGS; `soft-momentum` for good where it is slow: from the seed anew at the TRIALth pass (if
    SPRINT passes up to it brought less than HOPEFUL), from where it is up to half of the budget
    (less than CRAWLING).

    Where the loss has many kinks L-BFGS crawls along them, and gets into places that others, too,
    are slow to leave. parameters, steps, bounds, squares: as `Optimiser.start`.
    """

    def __init__(self, parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> None:
        self._lbfgs = LBFGS(parameters, bounds, squares)
        self._hope, self._speed = _Speed(HOPEFUL), _Speed(CRAWLING)
        self._start, self._squares, self._half = parameters.clone(), squares, steps / 2
        self._start_momentum = partial(_soft_momentum, steps=max(1, steps - TRIAL), bounds=bounds)
        self._momentum: FirstOrder | None = None
        self._over = torch.zeros_like(squares)
        self._calls = 0

    @property
    def steady(self) -> Tensor:
        return ~self._over & (self._calls > self._half)

    @property
    def corners(self) -> Tensor | None:
        if self._momentum is None:
            return None
        return torch.where(self._over, self._momentum.corners, 0.0)

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        self._calls += 1
        after = self._lbfgs.next(parameters, loss, gradient, offset)
        hopeless, crawls = self._hope.slow(loss), self._speed.slow(loss)
        if self._calls < TRIAL:
            return after
        if self._momentum is None:
            self._over = hopeless
            self._momentum = self._start_momentum(self._start, squares=self._squares)
            onwards = self._start
        else:
            onwards = self._momentum.next(parameters, loss, gradient, offset)
            if self._calls <= self._half:
                self._over = self._over | crawls
        return torch.where(_like(self._over, parameters), onwards, after)

    def keep(self, places: Tensor) -> None:
        self._start, self._squares = self._start[places], self._squares[places]
        self._over = self._over[places]
        for part in (self._lbfgs, self._hope, self._speed, self._momentum):
            if part is not None:
                part.keep(places)


class _Speed:
    """Whether the last SPRINT passes brought less than this share of the loss."""

    def __init__(self, least: float) -> None:
        self._least, self._lowest = least, list[Tensor]()

    def slow(self, loss: Tensor) -> Tensor:
        before = self._lowest[-1] if self._lowest else loss
        self._lowest = [*self._lowest[-SPRINT:], torch.minimum(before, loss)]
        if len(self._lowest) <= SPRINT:
            return torch.zeros_like(loss, dtype=torch.bool)
        return self._lowest[-1] > (1 - self._least) * self._lowest[0]

    def keep(self, places: Tensor) -> None:
        self._lowest = [one[places] for one in self._lowest]


def _like(of_samples: Tensor, parameters: Tensor) -> Tensor:
    """(N,) as N×1×…, to go with the parameters."""
    return of_samples.view(-1, *[1] * (parameters.ndim - 1))


def _only(inner: torch.optim.Optimizer, places: Tensor) -> Tensor:
    """Make an optimiser of one tensor go on with some of its rows; the tensor of these."""
    (group,) = inner.param_groups
    (before,) = group["params"]
    after = before[places]
    group["params"] = [after]
    inner.state[after] = {
        name: value[places] if torch.is_tensor(value) and value.ndim else value
        for name, value in inner.state.pop(before, {}).items()
    }
    return after


def cosine(spent: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * spent))


def halving(spent: float) -> float:
    """Halved FEATHER_STAGES − 1 times, at equal intervals (Feather et al. 2023)."""
    return 0.5 ** int(FEATHER_STAGES * spent)


def _unit(gradient: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1).clamp_min(1e-12)
    return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


def _soft_momentum(parameters: Tensor, steps: int, bounds: Bounds, squares: Tensor) -> FirstOrder:
    power = FALL * max(1.0, steps / 100) ** FALL_BY
    return FirstOrder(
        parameters,
        steps,
        bounds,
        squares,
        make=partial(torch.optim.SGD, momentum=MOMENTUM),
        step=STRIDE,
        unit_gradient=True,
        scales=True,
        decay=lambda spent: (1 - spent) ** power,
        soft=True,
    )


OPTIMISERS = {
    optimiser.name: optimiser
    for optimiser in (
        Optimiser(
            "paced-secant",
            "momentum through soft corners, steps and softness in proportion to the distance left; "
            f"from a distance of {NEAR} on along the mix of the last images that is nearest",
            lambda parameters, steps, bounds, squares: PacedSecant(parameters, bounds),
            soft=True,
            only_match=True,
        ),
        Optimiser(
            "lbfgs-or-secant",
            f"L-BFGS; once {SPRINT} passes bring less than {BRISK:.0%}, along the mix of the last "
            f"images that is nearest, from the seed anew if those up to the {TRIAL}th bring less "
            f"than {HOPEFUL:.0%}",
            lambda parameters, steps, bounds, squares: LBFGSOrSecant(parameters, bounds, squares),
            soft=True,
            only_match=True,
        ),
        Optimiser(
            "lbfgs-or-momentum",
            f"L-BFGS; soft-momentum, from the seed anew, if {SPRINT} passes up to the {TRIAL}th "
            f"bring less than {HOPEFUL:.0%}, or from where it is if later ones bring less than "
            f"{CRAWLING:.0%}",
            LBFGSOrMomentum,
            soft=True,
            scheduled=True,
        ),
        Optimiser(
            "lbfgs",
            "L-BFGS in the box [0, 1], each step only where it brings the image nearer",
            lambda parameters, steps, bounds, squares: LBFGS(parameters, bounds, squares),
        ),
        Optimiser(
            "soft-momentum",
            f"unit gradients through soft corners, momentum {MOMENTUM}, step {STRIDE:g}, shrinking "
            "the sooner, the more passes there are",
            _soft_momentum,
            soft=True,
            scheduled=True,
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
            scheduled=True,
        ),
        Optimiser(
            "adam",
            "Adam, step 0.1, cosine decay",
            partial(
                FirstOrder,
                make=partial(torch.optim.Adam, betas=(0.9, 0.99)),
                step=0.1,
                decay=cosine,
            ),
            scheduled=True,
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
            scheduled=True,
        ),
    )
}
"""`paper` was published for a torch whose clamp passed gradients at its bounds; projecting outside
autograd gives just those gradients with every version of torch."""


def automatic(
    network: Network, layer: str, losses: Sequence[Loss] = (), relu_passes: bool = False
) -> Optimiser:
    """What `auto` stands for: what came nearest in the fewest passes (docs/benchmarks.md).

    Where the match is all that the loss asks for: `paced-secant` for the embedded networks; for
    others L-BFGS, and where that is slow secant steps for the vectors at their end, momentum for
    the maps in their midst. Against an adversary it is momentum, whose corners
    are sharp: soft ones find the match so easily that little is left to the push. All of these move
    along gradients, so that inside the box what the network ignores stays as it was in the
    seed, or nearly. With priors it is L-BFGS for embedded networks and vectors; else, and where the
    loss is another one at each step, or its gradient is not its own, Adam.
    """
    if any(loss.uses_distance for loss in losses):
        return OPTIMISERS["momentum"]
    own = all(loss.steady and loss.parametrisation == "pixel" for loss in losses)
    if not own or relu_passes:
        return OPTIMISERS["adam"]
    embedded, vector = network.family == "embedded", layer in (PENULTIMATE, LOGITS)
    if all(loss.only_match for loss in losses):
        other = "lbfgs-or-secant" if vector else "lbfgs-or-momentum"
        return OPTIMISERS["paced-secant" if embedded else other]
    return OPTIMISERS["lbfgs" if embedded or vector else "adam"]
