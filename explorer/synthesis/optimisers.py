"""The optimisers, as data: how each one moves a batch of images from pass to pass.

Each sample's path is its own, so that it makes the same way alone as in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from explorer.losses.variants import Loss
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.models.network import Network
from explorer.synthesis.box import Bounds
from explorer.synthesis.first_order import (
    MOMENTUM,
    REACH,
    STRIDE,
    FirstOrder,
    cosine,
    halving,
    soft_momentum,
)
from explorer.synthesis.lbfgs import LBFGS
from explorer.synthesis.paced import NEAR, PacedSecant
from explorer.synthesis.soft_lbfgs import LEAST, SPRINT, SoftLBFGS, SoftLBFGSOrMomentum
from explorer.synthesis.state import Descent


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
            "soft-lbfgs",
            "L-BFGS through soft corners, the softer, the further away it is, and from afar with "
            "longer steps; every look is a step",
            lambda parameters, steps, bounds, squares: SoftLBFGS(parameters, bounds),
            soft=True,
            only_match=True,
        ),
        Optimiser(
            "soft-lbfgs-or-momentum",
            f"the same; soft-momentum, from where it is, once {SPRINT} passes in the first half of "
            f"the budget bring less than {LEAST:.0%}",
            SoftLBFGSOrMomentum,
            soft=True,
            only_match=True,
            scheduled=True,
        ),
        Optimiser(
            "lbfgs",
            "L-BFGS in the box [0, 1], each step only where it brings the image nearer",
            lambda parameters, steps, bounds, squares: LBFGS(parameters, bounds, squares),
        ),
        Optimiser(
            "soft-momentum",
            f"unit gradients through soft corners, momentum {MOMENTUM}, step {STRIDE:g}, shorter "
            f"from seeds more than {REACH:g} away, shrinking the sooner, the more passes there are",
            soft_momentum,
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

    Where the match is all that the loss asks for: `paced-secant` for the embedded networks, whose
    IRIs take on least of any photograph from strong noise; for others `soft-lbfgs` at the vectors
    at their end, and for the maps in their midst, where that may be slow, `soft-lbfgs-or-momentum`.
    Against an adversary it is momentum, whose corners are sharp: soft ones find the match so easily
    that little is left to the push. All of these move along gradients, so that inside the box what
    the network ignores stays as it was in the seed, or nearly. With priors it is L-BFGS for
    embedded networks and vectors; else, and where the loss is another one at each step, or its
    gradient is not its own, Adam.
    """
    if any(loss.uses_distance for loss in losses):
        return OPTIMISERS["momentum"]
    own = all(loss.stationary and loss.parametrisation == "pixel" for loss in losses)
    if not own or relu_passes:
        return OPTIMISERS["adam"]
    embedded, vector = network.family == "embedded", layer in (PENULTIMATE, LOGITS)
    if all(loss.only_match for loss in losses):
        other = "soft-lbfgs" if vector else "soft-lbfgs-or-momentum"
        return OPTIMISERS["paced-secant" if embedded else other]
    return OPTIMISERS["lbfgs" if embedded or vector else "adam"]
