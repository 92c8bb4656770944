"""The optimisers there are, one record each; what they need is imported when a search begins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from explorer.synthesis.optimizers import constants
from explorer.synthesis.optimizers.record import Optimiser, Start

if TYPE_CHECKING:
    from explorer.synthesis.optimizers.first_order import FirstOrderRule
    from explorer.synthesis.optimizers.search import Search


def _momentum_then_anderson(start: Start) -> Search:
    from explorer.synthesis.optimizers.momentum_anderson import MomentumThenAnderson

    return MomentumThenAnderson(start)


_HANDOVER = constants.MOMENTUM_THEN_ANDERSON

MOMENTUM_ANDERSON = Optimiser(
    name="momentum-anderson",
    title="Adaptive momentum, then Anderson mixing",
    help=(
        "momentum with surrogate ReLU gradients, step and ReLU width in proportion to the "
        f"distance; below a distance of {_HANDOVER.max_mix_distance:g} Anderson mixing of the last "
        "images"
    ),
    short_help="momentum with adaptive step, then Anderson mixing of the last images",
    build=_momentum_then_anderson,
    aliases=("paced-secant",),
    only_match=True,
    surrogate_gradient=True,
)


def _surrogate_lbfgs(start: Start) -> Search:
    from explorer.synthesis.optimizers.surrogate_lbfgs import SurrogateLBFGS

    return SurrogateLBFGS(start)


SURROGATE_LBFGS = Optimiser(
    name="surrogate-lbfgs",
    title="L-BFGS, surrogate ReLU gradients",
    help=(
        "L-BFGS with surrogate ReLU gradients, wider the further away, and longer steps far "
        "from the target; no line search"
    ),
    short_help="L-BFGS with surrogate ReLU gradients",
    build=_surrogate_lbfgs,
    aliases=("soft-lbfgs",),
    only_match=True,
    surrogate_gradient=True,
)


def _surrogate_lbfgs_or_momentum(start: Start) -> Search:
    from explorer.synthesis.optimizers.surrogate_lbfgs import SurrogateLBFGSOrMomentum

    return SurrogateLBFGSOrMomentum(start, momentum_rule(start.steps))


_STALL = constants.LBFGS_OR_MOMENTUM.stall

SURROGATE_LBFGS_OR_MOMENTUM = Optimiser(
    name="surrogate-lbfgs-or-momentum",
    title="L-BFGS or momentum, surrogate ReLU gradients",
    help=(
        "L-BFGS with surrogate ReLU gradients; surrogate-momentum, from where it is, once "
        f"{_STALL.stall_window} steps in the first half of the budget bring less than "
        f"{_STALL.stall_tolerance:.0%}"
    ),
    short_help="L-BFGS with surrogate ReLU gradients, or momentum where it stalls",
    build=_surrogate_lbfgs_or_momentum,
    aliases=("soft-lbfgs-or-momentum",),
    only_match=True,
    scheduled=True,
    surrogate_gradient=True,
)


def _lbfgs(start: Start) -> Search:
    from explorer.synthesis.optimizers.lbfgs import LBFGS

    return LBFGS(start)


LBFGS = Optimiser(
    name="lbfgs",
    title="L-BFGS",
    help="L-BFGS in the box [0, 1] with a backtracking line search",
    short_help="L-BFGS with a line search",
    build=_lbfgs,
    needs_stationary_loss=True,
)


def momentum_rule(steps: int) -> FirstOrderRule:
    """What `surrogate-momentum` is composed of, for a budget of `steps`."""
    import torch

    from explorer.synthesis.optimizers.first_order import FirstOrderRule
    from explorer.synthesis.optimizers.steps import exponential

    rule = constants.SURROGATE_MOMENTUM
    return FirstOrderRule(
        partial(torch.optim.SGD, momentum=rule.momentum),
        rule.step_length,
        exponential(steps, rule),
        normalised=True,
        scales_with_size=True,
        max_init_distance=rule.max_init_distance,
        max_polyak_ratio=rule.max_polyak_ratio,
        width=rule.width,
    )


def _surrogate_momentum(start: Start) -> Search:
    from explorer.synthesis.optimizers.first_order import FirstOrder

    return FirstOrder(start, momentum_rule(start.steps))


_MOMENTUM = constants.SURROGATE_MOMENTUM

SURROGATE_MOMENTUM = Optimiser(
    name="surrogate-momentum",
    title="Momentum, surrogate ReLU gradients",
    help=(
        f"normalised surrogate gradients, momentum {_MOMENTUM.momentum}, step "
        f"{_MOMENTUM.step_length:g}, shorter from seeds more than {_MOMENTUM.max_init_distance:g} "
        "away, shrinking the sooner, the larger the budget"
    ),
    short_help="normalised gradient with momentum, surrogate ReLU gradients",
    build=_surrogate_momentum,
    aliases=("soft-momentum",),
    scheduled=True,
    surrogate_gradient=True,
)


def _momentum(start: Start) -> Search:
    import torch

    from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule
    from explorer.synthesis.optimizers.steps import cosine

    rule = FirstOrderRule(
        partial(torch.optim.SGD, momentum=constants.MOMENTUM),
        constants.MOMENTUM_STEP,
        cosine,
        normalised=True,
        scales_with_size=True,
    )
    return FirstOrder(start, rule)


MOMENTUM = Optimiser(
    name="momentum",
    title="Momentum",
    help=(
        f"normalised gradient, momentum {constants.MOMENTUM}, step {constants.MOMENTUM_STEP:g}, "
        "cosine decay"
    ),
    short_help="normalised gradient with momentum",
    build=_momentum,
    scheduled=True,
)


def _adam(start: Start) -> Search:
    import torch

    from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule
    from explorer.synthesis.optimizers.steps import cosine

    make = partial(torch.optim.Adam, betas=constants.ADAM_BETAS)
    return FirstOrder(start, FirstOrderRule(make, constants.ADAM_STEP, cosine))


ADAM = Optimiser(
    name="adam",
    title="Adam",
    help=f"Adam, step {constants.ADAM_STEP}, cosine decay",
    short_help="Adam",
    build=_adam,
    scheduled=True,
)


def _paper(start: Start) -> Search:
    import torch

    from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule

    # Published for a torch whose clamp passed gradients at its bounds; projecting outside autograd
    # gives just those gradients with every version of torch.
    rule = FirstOrderRule(torch.optim.SGD, constants.PUBLISHED_STEP, normalised=True)
    # The published step clips whatever is optimised, a spectrum as well as pixels.
    return FirstOrder(replace(start, bounds=(0.0, 1.0)), rule)


PAPER = Optimiser(
    name="paper",
    title="As published (Nanda et al. 2023)",
    help="normalised gradient, step 1, no decay, as published (Nanda et al. 2023)",
    short_help="as published (Nanda et al. 2023)",
    build=_paper,
    as_published=True,
)


def _feather(start: Start) -> Search:
    import torch

    from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule
    from explorer.synthesis.optimizers.steps import halving

    rule = FirstOrderRule(torch.optim.SGD, constants.PUBLISHED_STEP, halving, normalised=True)
    return FirstOrder(start, rule)


FEATHER = Optimiser(
    name="feather",
    title="As published (Feather et al. 2023)",
    help=(
        "normalised gradient, step 1 halved seven times, the last image kept, as published "
        "(Feather et al. 2023: 24,000 steps)"
    ),
    short_help="as published (Feather et al. 2023)",
    build=_feather,
    scheduled=True,
    keeps_last=True,
    as_published=True,
)
