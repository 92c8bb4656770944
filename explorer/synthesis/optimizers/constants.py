"""Every tuned constant of the optimisers, each with what it bounds and where it comes from.

"Embedded networks": passes to a relative distance of 0.1, 0.05 and 0.02 and the distance moved
from the seed, from N(0, 1) noise, geometric means over eight embedded networks and 12 to 24 drawn
targets each. "Random networks": resnet18 with random weights, non-zero branches, at 64×64 and
224×224. Distances are relative ℓ₂ distances at the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_SIDE = 64
"""Side in px of the square image that step lengths are given for; they grow with √(pixel count),
so that a step changes each pixel as much at any size."""

TINY = 1e-20
"""The least divisor: keeps a search that stands still finite in float32."""


@dataclass(frozen=True)
class DistanceWidth:
    """ReLU width = width_per_distance · distance^power, at most max_width.

    With `widening_distance`, the maximum is distance / widening_distance between max_width and
    far_max_width. Widths are relative to the root mean square of what enters the ReLU.
    """

    width_per_distance: float
    max_width: float
    power: float = 1.0
    widening_distance: float | None = None
    far_max_width: float = 0.0


@dataclass(frozen=True)
class BudgetWidth:
    """ReLU width = initial_width · (share of the budget left)^power."""

    initial_width: float
    power: float


@dataclass(frozen=True)
class StallRule:
    """Stalled: stall_window steps in a row have not come nearer by the share stall_tolerance."""

    stall_window: int
    stall_tolerance: float


# Published procedures.

PUBLISHED_STEP = 1.0
"""ℓ₂ length of the normalised gradient step (Nanda et al. 2023; Feather et al. 2023)."""

FEATHER_STAGES = 8
"""Stages of equal length, the step halved after each (Feather et al. 2023: 24,000 steps)."""

# Gradient descent with a schedule. Tuned on the embedded networks.

MOMENTUM = 0.8
MOMENTUM_STEP = 1.0
ADAM_BETAS = (0.9, 0.99)
ADAM_STEP = 0.1


@dataclass(frozen=True)
class SurrogateMomentum:
    """Normalised gradients with momentum, surrogate ReLU gradients by the budget.

    The step is step_length · final_step_ratio^spent · √(1 − spent), spent being the share of the
    budget. Tuned on random networks, for what L-BFGS leaves unfinished there.
    """

    momentum: float = 0.85
    step_length: float = 2.0  # ℓ₂, at 64×64
    final_step_ratio: float = 0.1  # for budgets of up to ratio_budget
    min_final_step_ratio: float = 0.03  # longer budgets are best spent in shorter steps
    ratio_budget: int = 100  # beyond, the final ratio falls in proportion to the budget
    max_init_distance: float = 5.0  # from seeds further away steps shrink in proportion
    max_polyak_ratio: float = 0.4  # of Polyak's step, loss / ‖gradient‖
    width: BudgetWidth = BudgetWidth(initial_width=1.5, power=2.5)


SURROGATE_MOMENTUM = SurrogateMomentum()


# Momentum with an adaptive step.


@dataclass(frozen=True)
class AdaptiveMomentum:
    """Momentum whose step is proportional to the distance left, within a trust region.

    Steps are root mean squares over pixels. Tuned on the embedded networks: compared with steps of
    at most 0.04 on any path, a trust region of 0.3 of the seed's contrast takes 0.73, 0.81 and
    0.83 of the passes and moves 1.09 times as far; of 0.12 whatever the seed, 1.13 times.
    """

    step_per_distance: float = 0.3
    min_trust_radius: float = 0.04  # also the largest step from seeds of little contrast
    max_trust_radius: float = 0.3  # per standard deviation of the seed's pixels
    expand_ratio: float = 0.75  # actual / predicted decrease above which the region grows …
    shrink_ratio: float = 0.6  # … and below which it shrinks
    expand_factor: float = 1.15
    shrink_factor: float = 0.5
    gradient_decay: float = 0.8  # of the mean gradient; Adam's β₁
    square_decay: float = 0.95  # of the mean square, one number for an image; Adam's β₂
    stall: StallRule = StallRule(stall_window=10, stall_tolerance=0.05)
    stall_factor: float = 0.8  # of step and ReLU width, after each stall
    # Half as wide is quicker where the search is easy, and fails for 7 of 48 hard targets.
    width: DistanceWidth = DistanceWidth(width_per_distance=3.0, max_width=1.2)


ADAPTIVE_MOMENTUM = AdaptiveMomentum()


# Anderson mixing.


@dataclass(frozen=True)
class Anderson:
    """Anderson mixing of the last images, and a gradient step from the mix.

    Steps are root mean squares over pixels. Tuned on the embedded networks: a memory of 8 with a
    damping of 0.2 takes 5 % fewer passes and moves 3 % further.
    """

    memory: int = 5
    damping: float = 0.3  # per remembered move, in units of its squared length (Marquardt 1963)
    first_step_per_distance: float = 0.025
    max_step: float = 0.04
    expand_factor: float = 1.15  # after a step that came nearer
    shrink_factor: float = 0.5  # after one that did not
    gradient_decay: float = 0.5
    max_mix_distance: float = 1.0  # beyond, the network is too far from linear for a mix
    width: DistanceWidth = DistanceWidth(width_per_distance=2.0, max_width=0.8)


ANDERSON = Anderson()


@dataclass(frozen=True)
class MomentumThenAnderson:
    """When momentum hands over to mixing, and mixing back. Tuned on the embedded networks."""

    max_mix_distance: float = 0.1  # mixes from further away move more of what the network ignores
    stall: StallRule = StallRule(stall_window=10, stall_tolerance=0.05)
    retry_ratio: float = 0.5  # after a stall mixing returns at this share of the distance


MOMENTUM_THEN_ANDERSON = MomentumThenAnderson()


# L-BFGS.

LBFGS_MEMORY = 10
"""Pairs kept. On the embedded networks 20 pairs take 0.99, 0.96 and 0.91 of the passes at twice
the memory traffic; 5 take 1.03, 1.06 and 1.07."""

MIN_CURVATURE = 1e-12
"""sᵀy / (‖s‖·‖y‖) below which a pair is not kept: L-BFGS needs positive curvature."""


@dataclass(frozen=True)
class Backtracking:
    """A projected line search by backtracking with quadratic interpolation."""

    first_step: float = 1.0  # ℓ₂, at 64×64
    sufficient_decrease: float = 1e-4  # c₁ of Armijo's rule (Nocedal & Wright 2006, section 3.1)
    min_shrink: float = 0.1  # the interpolated step is kept within these shares of the last one
    max_shrink: float = 0.5
    min_step_ratio: float = 1e-6  # below, the memory is dropped and the search starts again
    restart_ratio: float = 0.1  # of the first step, with which it starts again
    growth: float = 2.0  # of the last step, while no curvature is known


BACKTRACKING = Backtracking()


@dataclass(frozen=True)
class SurrogateLBFGS:
    """L-BFGS with surrogate ReLU gradients, without a line search; longer steps far off.

    Tuned on random networks: from distances of 8 to 17 (penultimate, 224×224) 11.8, 14.1 and 17.0
    passes instead of 14.6, 17.3 and 20.3, moving 1.12 times as far. All 27 neighbouring settings
    need 10 or 11 passes to 0.1. Embedded networks: 0.76, 0.85 and 0.94 of the passes of
    momentum with Anderson mixing.
    """

    max_step_ratio: float = 3.0  # of the L-BFGS step; the ratio is the distance left, at least 1
    first_step_distance: float = 4.0  # the first step is distance / 4 times Polyak's …
    max_first_step_ratio: float = 1.75  # … between 1 and this
    width: DistanceWidth = DistanceWidth(
        width_per_distance=0.8, power=0.6, max_width=1.0, widening_distance=2.0, far_max_width=1.5
    )


SURROGATE_LBFGS = SurrogateLBFGS()


@dataclass(frozen=True)
class LBFGSOrMomentum:
    """When L-BFGS hands over to momentum permanently.

    Compared: 25 %, 12 %, 5 %, 2 % and never. Handing over early costs trained networks half of
    their way (to 0.05 in 120, 103, 69, 69 and 69 passes); never leaves resnet50 with random weights
    at 0.661 instead of 0.324. On SqueezeNet a window of 15 instead of 5 brings features.12 from
    grey noise to 0.33, 0.20, 0.13 and 0.07 instead of 0.66, 0.50, 0.23 and 0.06 after 50, 100, 200
    and 500 passes of 500 (112 px, one photograph).
    """

    stall: StallRule = StallRule(stall_window=15, stall_tolerance=0.02)
    last_handover: float = 0.5  # share of the budget after which momentum has too little left


LBFGS_OR_MOMENTUM = LBFGSOrMomentum()


# Towards the seed.


@dataclass(frozen=True)
class Nearest:
    """The tightening phase: how a matching image is brought nearest to its seed.

    Compared on residual-multi-adv2, vgg-multi-standard and vgg-multi-adv2, six photographs each: at
    most 200 passes are too few where a search was hard (1.07 times the best known mean distance,
    1.4 times for one target). With 300, windows of 20, 30 and 40 and tolerances of 0.001 to 0.004
    come within 1.03, but for 30 with 0.003 (1.054); 20 with 0.001 takes the fewest passes, 158 to
    248. A memory of 30 instead of 10 brings vit-multi-adv2's images 3 to 4 % nearer in 200 passes,
    those of two others by less than 1 %.
    """

    memory: int = 20
    aim: float = 0.9998  # of the distance allowed: what the search steers for
    max_multiplier_change: float = 1.5  # of one step
    sufficient_decrease: float = 1e-4
    shrink: float = 0.4  # of a step that is taken back
    min_step: float = 0.02  # of the quasi-Newton step; a shorter one is taken as it is
    min_curvature: float = 1e-3  # ½‖x − x₀‖² alone has 1
    first_step_ratio: float = 0.05  # of ‖x − x₀‖, while no curvature is known
    stall_window: int = 20  # passes …
    stall_tolerance: float = 0.001  # … that bring the image nearer by less than this share end it,
    arrival_tolerance: float = 0.02  # unless the iterate is nearer than the image by this share
    min_passes: int = 300  # granted also where the search itself took fewer


NEAREST = Nearest()


# Away from other images, or from what another network sees.


@dataclass(frozen=True)
class Pushing:
    """The phase that moves a matching image to where a difference is largest.

    Strides of 0.03, 0.1, 0.3 and 1 compared on two 64 px networks trained on photographs, both ways
    (controversial; two photographs, 200 passes): the observer's distance is 5.5, 4.8, 4.5 and 3.8
    one way, 2.3, 2.2 and 2.2 the other. Diverse sets of 4, 300 passes: mean distance 0.626, 0.614
    and 0.587 with 0.03, 0.1 and 0.3.
    """

    stride: float = 0.03  # RMS per pixel by which the image would be moved if all of that matched
    stall_window: int = 30  # passes …
    stall_tolerance: float = 0.005  # … that make the difference larger by less than this end it
    min_passes: int = 300  # granted also where the search took fewer


PUSHING = Pushing()
