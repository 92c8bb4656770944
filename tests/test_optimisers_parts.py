"""The parts that optimisers are composed of, each alone: directions, step rules, ReLU widths."""

import math
from collections import OrderedDict

import numpy as np
import pytest
import torch

from explorer.losses.variants import loss_named
from explorer.models.network import InputSpec, Network
from explorer.synthesis.optimizers.anderson_mixing import AndersonMixing
from explorer.synthesis.optimizers.automatic import automatic
from explorer.synthesis.optimizers.constants import (
    ADAPTIVE_MOMENTUM,
    ANDERSON,
    BACKTRACKING,
    LBFGS_MEMORY,
    SURROGATE_MOMENTUM,
    BudgetWidth,
    DistanceWidth,
    StallRule,
)
from explorer.synthesis.optimizers.directions import MeanGradient, TorchDirection
from explorer.synthesis.optimizers.lbfgs_memory import LBFGSMemory
from explorer.synthesis.optimizers.registry import AUTO, OPTIMISERS, choices, title
from explorer.synthesis.optimizers.relu_width import WidthByBudget, width_by_distance
from explorer.synthesis.optimizers.search import at_bound
from explorer.synthesis.optimizers.steps import (
    ArmijoBacktracking,
    SlidingStall,
    Stall,
    TrustRegion,
    constant,
    cosine,
    exponential,
    halving,
)


def drawn(*shape: int, rng_seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(rng_seed))


# Directions


def test_torchs_direction_is_what_its_optimiser_would_step_at_a_learning_rate_of_one():
    start = drawn(2, 3)
    direction = TorchDirection(start, lambda p, lr: torch.optim.Adam(p, lr, betas=(0.8, 0.9)))
    parameter = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([parameter], lr=1.0, betas=(0.8, 0.9))
    for call in range(4):
        before = parameter.detach().clone()
        parameter.grad = drawn(2, 3, rng_seed=call)
        optimiser.step()
        step = direction(drawn(2, 3, rng_seed=call))
        torch.testing.assert_close(before + step, parameter.detach())


def test_a_direction_goes_on_with_the_selected_samples():
    def make(parameters, lr):
        return torch.optim.SGD(parameters, lr, momentum=0.9)

    both, second = TorchDirection(drawn(2, 3), make), TorchDirection(drawn(1, 3), make)
    gradients = [drawn(2, 3, rng_seed=call) for call in range(3)]
    for gradient in gradients[:2]:
        both(gradient)
        second(gradient[1:])
    both.select(torch.tensor([1]))
    assert torch.equal(both(gradients[2][1:]), second(gradients[2][1:]))


def test_a_constant_gradient_has_a_mean_direction_of_unit_size():
    gradient = drawn(2, 3, 4, 4)
    direction = MeanGradient(gradient, 0.8, 0.95)
    for _ in range(3):
        direction.update(gradient)
        step = direction.scaled(torch.tensor([1.0, 0.5]))
        size = step.flatten(1).square().mean(1).sqrt()
        torch.testing.assert_close(size, torch.tensor([1.0, 0.5]))


def test_lbfgs_finds_the_minimum_of_a_quadratic_once_it_has_seen_every_axis():
    """On ½ xᵀAx with as many pairs as dimensions the direction is Newton's: −A⁻¹·gradient."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 3))
    matrix = torch.from_numpy(root @ root.T + np.eye(3)).double()
    memory = LBFGSMemory(torch.zeros(1, 3, dtype=torch.float64))
    gradient = torch.ones(1, 3, dtype=torch.float64)
    active = torch.zeros(1, 3, dtype=torch.bool)
    eigenvectors = torch.linalg.eigh(matrix)[1].T
    for move in eigenvectors:  # conjugate, so that each pair adds what the others do not know
        s = move[None]
        y = s @ matrix
        memory.remember(s, y)
        direction, known = memory.direction(gradient, active, y)
    assert bool(known.all())
    torch.testing.assert_close(direction, -torch.linalg.solve(matrix, gradient.T).T)


def test_lbfgs_leaves_the_active_set_and_pairs_of_negative_curvature_alone():
    memory = LBFGSMemory(torch.zeros(2, 3))
    s = torch.ones(2, 3)
    y = torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
    memory.remember(s, y)
    assert memory.empty.tolist() == [False, True]
    active = torch.tensor([[True, False, False]] * 2)
    direction, known = memory.direction(torch.ones(2, 3), active, y)
    assert known.tolist() == [True, False]
    assert direction[0, 0] == 0
    assert LBFGS_MEMORY > 1


def test_anderson_mixing_finds_where_a_linear_offset_vanishes_but_for_the_damping():
    """The offset falls from 1 to ½ over one move, so that undamped one more move ends at 0."""
    mixing = AndersonMixing(torch.zeros(1, 2), ANDERSON)
    origin, here = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    mixing.remember(origin, origin, torch.tensor([[1.0]]))
    mix, _ = mixing.mix(here, here, torch.tensor([[0.5]]))
    moved = 1 / (1 + ANDERSON.damping)  # of the way that least squares would go
    torch.testing.assert_close(mix, torch.tensor([[1.0 + moved, 0.0]]))


def test_a_parameter_is_at_its_bound_only_where_the_step_would_leave_the_box():
    parameters, gradient = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5]), torch.tensor([1, -1, -1, 1, 1])
    wanted = [True, False, True, False, False]
    assert at_bound(parameters, gradient, (0.0, 1.0)).tolist() == wanted


# Step rules


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        (constant, 1, 1, 1),
        (cosine, 1, 0.5, 0),
        (halving, 1, 0.5**4, 0.5**8),
        (exponential(100, SURROGATE_MOMENTUM), 1, math.sqrt(0.1) * math.sqrt(0.5), 0),
        (exponential(200, SURROGATE_MOMENTUM), 1, math.sqrt(0.05) * math.sqrt(0.5), 0),
        (exponential(9000, SURROGATE_MOMENTUM), 1, math.sqrt(0.03) * math.sqrt(0.5), 0),
    ],
)
def test_schedules_fall_from_one_as_their_formulae_say(schedule, start, middle, end):
    values = [schedule(spent) for spent in (0.0, 0.5, 1.0)]
    assert values == pytest.approx([start, middle, end], abs=1e-12)


def test_backtracking_accepts_enough_decrease_and_else_goes_to_the_parabolas_minimum():
    search = ArmijoBacktracking(BACKTRACKING)
    # On x² from 1 with slope 2: a step of 2 lands at −1, no lower; the minimum is halfway.
    one, slope = torch.ones(1), torch.full((1, 1), 2.0)
    assert not bool(search.accepts(one, one, slope, torch.full((1, 1), -2.0)))
    assert bool(search.accepts(0 * one, one, slope, torch.full((1, 1), -1.0)))
    step, too_short = search.shorter(one, one, one, torch.full((1,), -4.0))
    assert (float(step), bool(too_short)) == (0.5, False)
    step, too_short = search.shorter(1e-6 * one, 1e6 * one, one, torch.full((1,), -1e-9))
    assert bool(too_short)


@pytest.mark.parametrize(
    ("actual", "factor"),
    [(0.9, ADAPTIVE_MOMENTUM.expand_factor), (0.7, 1.0), (0.3, ADAPTIVE_MOMENTUM.shrink_factor)],
)
def test_the_trust_region_follows_the_share_of_the_predicted_decrease(actual, factor):
    start = drawn(1, 1, 8, 8)
    region = TrustRegion(start, ADAPTIVE_MOMENTUM)
    region.radius = region.radius / 2  # below its largest
    before = float(region.radius)
    slope = torch.zeros_like(start)
    slope[0, 0, 0, 0] = 1.0
    region.update(start, torch.tensor([5.0]), slope)
    region.update(start - slope, torch.tensor([5.0 - actual]), slope)  # predicts a decrease of 1
    assert float(region.radius) == pytest.approx(factor * before, rel=1e-5)


def test_a_stall_is_a_window_of_steps_without_progress_and_starts_again():
    stall = Stall(torch.zeros(1), StallRule(stall_window=3, stall_tolerance=0.1))
    distances = [1.0, 0.95, 0.93, 0.92, 0.91, 0.5, 0.49, 0.48, 0.47]
    stalled = [bool(stall.update(torch.tensor([distance]))) for distance in distances]
    assert stalled == [False, False, False, True, False, False, False, False, True]
    assert float(stall.lowest) == pytest.approx(0.47)


def test_steps_that_do_not_count_are_no_stall():
    stall = Stall(torch.zeros(2), StallRule(stall_window=2, stall_tolerance=0.1))
    counts = torch.tensor([True, False])
    for _ in range(3):
        stalled = stall.update(torch.ones(2), counts)
    assert stalled.tolist() == [True, False]


def test_a_sliding_stall_compares_with_the_lowest_value_of_a_window_ago():
    stall = SlidingStall(torch.zeros(1), StallRule(stall_window=2, stall_tolerance=0.1))
    stalled = [bool(stall.update(torch.tensor([value]))) for value in (1.0, 0.9, 0.89, 0.7, 0.69)]
    assert stalled == [False, False, False, False, False]
    assert bool(stall.update(torch.tensor([0.69])))


# ReLU widths


def test_a_width_is_proportional_to_the_distance_up_to_its_maximum():
    rule = DistanceWidth(width_per_distance=3.0, max_width=1.2)
    widths = width_by_distance(torch.tensor([0.1, 0.4, 5.0]), rule)
    torch.testing.assert_close(widths, torch.tensor([0.3, 1.2, 1.2]))


def test_a_width_may_have_a_power_and_a_maximum_that_grows_from_afar():
    rule = DistanceWidth(1.0, max_width=1.0, power=0.5, widening_distance=2.0, far_max_width=1.5)
    widths = width_by_distance(torch.tensor([0.25, 1.5, 2.4, 16.0]), rule)
    torch.testing.assert_close(widths, torch.tensor([0.5, 1.0, 1.2, 1.5]))


def test_a_width_by_the_budget_is_zero_at_its_end():
    samples = torch.zeros(2)
    width = WidthByBudget(4, samples, BudgetWidth(initial_width=2.0, power=2.0))
    assert width.initial(samples).tolist() == [2.0, 2.0]
    taken = [float(width(torch.tensor(count), samples)[0]) for count in range(6)]
    assert taken == pytest.approx([2.0, 1.125, 0.5, 0.125, 0.0, 0.0])


# The choice


def network(family: str, pool: torch.nn.Module | None = None) -> Network:
    """A map `layer2` of 4×6×6, then `pool`, over the whole map unless given, then a classifier."""
    parts = OrderedDict(layer2=torch.nn.Conv2d(3, 4, 3), pool=pool or torch.nn.AdaptiveAvgPool2d(1))
    parts["fc"] = torch.nn.Conv2d(4, 5, 1)
    parts["flat"] = torch.nn.Flatten()
    module = torch.nn.Sequential(parts)
    return Network("file:any", module, InputSpec((8, 8)), classifier="fc", family=family)


@pytest.mark.parametrize(
    ("family", "layer", "loss", "name"),
    [
        ("embedded", "layer2", "regularizer-free", "momentum-anderson"),
        ("resnet", "penultimate", "regularizer-free", "surrogate-lbfgs"),
        ("resnet", "layer2", "regularizer-free", "surrogate-lbfgs-or-momentum"),
        ("embedded", "layer2", "freq", "lbfgs"),
        ("resnet", "logits", "freq", "lbfgs"),
        ("resnet", "layer2", "freq", "adam"),
        ("embedded", "penultimate", "freq+transforms", "adam"),
        ("embedded", "penultimate", "regularizer-free+fourier", "adam"),
        ("embedded", "penultimate", "adversarial", "momentum"),
    ],
)
def test_auto_goes_by_network_layer_and_loss(family, layer, loss, name):
    assert automatic(network(family), layer, [loss_named(loss)]).name == name


def test_auto_goes_by_the_shape_of_the_layer_not_by_its_name():
    """What goes into a classifier may be a map, as in SqueezeNet."""
    unpooled = network("resnet", torch.nn.Identity())
    names = {
        name: automatic(unpooled, name, [loss_named("regularizer-free")]).name
        for name in ("penultimate", "layer2", "layer2@channel=1", "logits+layer2")
    }
    assert set(names.values()) == {"surrogate-lbfgs-or-momentum"}
    assert automatic(network("resnet"), "pool").name == "surrogate-lbfgs"


def test_a_straight_through_gradient_is_for_adam():
    losses = [loss_named("regularizer-free")]
    assert automatic(network("embedded"), "penultimate", losses, True).name == "adam"


def test_choices_are_auto_and_every_record_and_titles_name_them():
    assert list(choices()) == [AUTO, *OPTIMISERS]
    assert title("auto") == "Automatic (auto)"
    assert title("adam") == "Adam (adam)"
    assert title("retired") == "retired"
