"""L-BFGS with surrogate gradients, its steps recomputed with NumPy, and its handover."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from explorer.synthesis.optimizers.constants import (
    LBFGS_MEMORY,
    LBFGS_OR_MOMENTUM,
    SURROGATE_LBFGS,
)
from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.optimizers.search import Search
from explorer.synthesis.optimizers.surrogate_lbfgs import SurrogateLBFGS

RULE, WIDTH, STALL = SURROGATE_LBFGS, SURROGATE_LBFGS.width, LBFGS_OR_MOMENTUM.stall

BOX = (-100.0, 100.0)


def begun(parameters: torch.Tensor, bounds: tuple[float, float] = BOX) -> SurrogateLBFGS:
    """The search, begun at these parameters."""
    return SurrogateLBFGS(Start(parameters, 1, bounds, parameters.flatten(1)[:, 0] == 0))


def begun_or_momentum(parameters: torch.Tensor, steps: int) -> Search:
    """The search that hands over to momentum, begun at these parameters."""
    start = Start(parameters, steps, BOX, torch.ones(len(parameters), dtype=torch.bool))
    return OPTIMISERS["surrogate-lbfgs-or-momentum"].build(start)


def tensors(*values: np.ndarray | float) -> tuple[torch.Tensor, ...]:
    """Each with a batch of one in front, in float32."""
    return tuple(torch.from_numpy(np.asarray(value)[None]).float() for value in values)


def two_loops(slope: np.ndarray, moves: list[np.ndarray], turns: list[np.ndarray]) -> np.ndarray:
    """H·slope by the two loops of Nocedal 1980, oldest move first."""
    rest, weights = slope.copy(), []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        weights.append(move @ rest / (move @ turn))
        rest -= weights[-1] * turn
    rest *= moves[-1] @ turns[-1] / (turns[-1] @ turns[-1])
    for move, turn, weight in zip(moves, turns, reversed(weights), strict=True):
        rest += move * (weight - turn @ rest / (move @ turn))
    return rest


@pytest.mark.parametrize("far", [0.9, 6], ids=["near", "far"])
def test_every_step_is_that_of_the_two_loops_and_longer_from_afar_the_first_one_polyak_s(far):
    """On g(x) = W x + (W x)³/10, for longer than the memory."""
    rng = np.random.default_rng(3)
    matrix, start = rng.standard_normal((24, 30)) / 6, far * rng.standard_normal(30)
    wanted = 0.6 * rng.standard_normal(24)
    search, x, nearest = begun(tensors(start)[0]), start, np.inf
    assert search.relu_width.tolist() == [WIDTH.max_width]
    points: list[tuple[np.ndarray, np.ndarray]] = []
    shares, widths = set(), set()
    for _ in range(LBFGS_MEMORY + 26):
        inner = matrix @ x
        offset = (inner + 0.1 * inner**3 - wanted) / np.linalg.norm(wanted)
        loss = np.linalg.norm(offset)
        slope = matrix.T @ ((1 + 0.3 * inner**2) * offset) / np.linalg.norm(wanted)
        after = search.next(*tensors(x, loss, slope / loss, offset))[0].double().numpy()
        nearer, nearest = loss < nearest, min(nearest, loss)
        widest = np.clip(nearest / WIDTH.widening_distance, WIDTH.max_width, WIDTH.far_max_width)
        width = min(widest, WIDTH.width_per_distance * nearest**WIDTH.power)
        widths.add(width)
        assert float(search.relu_width) == pytest.approx(width, rel=1e-5)
        points.append((x, slope))
        if len(points) == 1:
            share = np.clip(loss / RULE.first_step_distance, 1, RULE.max_first_step_ratio)
            expected = -share * 0.5 * loss**2 / (slope @ slope) * slope
        else:
            pairs = list(pairwise(points))[-LBFGS_MEMORY:]
            moves = [b[0] - a[0] for a, b in pairs]
            turns = [b[1] - a[1] for a, b in pairs]
            assert all(move @ turn > 0 for move, turn in zip(moves, turns, strict=True))
            share = np.clip(loss, 1, RULE.max_step_ratio) if nearer else 1.0
            expected = -share * two_loops(slope, moves, turns)
        shares.add(float(share))
        assert np.linalg.norm(after - x - expected) < 0.02 * np.linalg.norm(expected)
        x = after
        if loss < 1e-3:
            break
    assert nearest < 0.05
    assert len(points) > LBFGS_MEMORY + 1, "a pair has to be forgotten"
    assert (shares == {1.0}) == (far < 1)
    if far > 1:
        assert {RULE.max_first_step_ratio, RULE.max_step_ratio} < shares
        assert WIDTH.far_max_width in widths


@pytest.mark.parametrize(
    ("distance", "share"),
    [(9.0, RULE.max_step_ratio), (1.8, 1.8), (0.7, 1.0), (10.1, 1.0), (20.0, 1.0)],
)
def test_only_a_step_that_brought_it_nearer_than_ever_is_followed_by_a_longer_one(distance, share):
    """On ½·x², where the memory alone would go straight to 0; at first it is 10 away."""
    x = torch.tensor([[4.0, -4.0]])
    search = begun(x)
    for given in (10.0, 10.2, distance):
        last, x = x, search.next(x, torch.ones(1), x, torch.tensor([[given]]))
    torch.testing.assert_close(x, (1 - share) * last)


def test_a_move_along_which_the_slope_does_not_turn_up_is_not_remembered():
    """A slope that stays the same says nothing of how far to go: Polyak's step again."""
    search, x = begun(torch.zeros(1, 4)), torch.zeros(1, 4)
    for loss in (1.0, 0.9, 0.8):
        slope = torch.tensor([[0.0, 3.0, 4.0, 0.0]]) / loss
        after = search.next(x, torch.tensor([loss]), slope, torch.tensor([[loss]]))
        expected = 0.5 * loss**2 / 25 * loss * slope
        torch.testing.assert_close(x - after, expected)
        x = after


def test_steps_stay_in_the_box_and_pixels_at_their_bound_take_no_part_in_them():
    x = torch.tensor([[0.0, 1.0, 0.5]])
    search = begun(x, (0.0, 1.0))
    for call in range(4):
        loss = torch.tensor([0.5])
        slope = torch.tensor([[1.0, -1.0, 0.8 + 0.4 * float(x[0, 2])]])
        after = search.next(x, loss, slope, loss[:, None])
        assert after[0, :2].tolist() == [0.0, 1.0]
        # Polyak's step as if the one pixel that is free were all there is, then to the box's end.
        assert float(after[0, 2]) == pytest.approx(0.0 if call else 0.25, abs=1e-6)
        x = after


@pytest.mark.parametrize("loss", [0.0, 1e6])
def test_a_search_that_stands_still_stays_finite(loss):
    x = torch.full((2, 3, 1, 1), 0.5)
    search = begun(x, (0.0, 1.0))
    for _ in range(4):
        x = search.next(x, torch.full((2,), loss), torch.zeros_like(x), torch.ones(2, 5))
    assert torch.equal(x, torch.full((2, 3, 1, 1), 0.5))


# Where it stalls

RECOVERS = 29


def run(budget: int, stalls: int, calls: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The ReLU widths (2,) and the images after each call.

    The first sample makes progress all the time, the second none from call `stalls` to RECOVERS.
    """
    x = torch.full((2, 3, 2, 2), 0.5)
    search = begun_or_momentum(x, budget)
    drawn = torch.Generator().manual_seed(0)
    outcomes = []
    for call in range(1, calls + 1):
        progress = min(call, stalls) + max(0, call - RECOVERS)
        loss = torch.tensor([0.9**call, 0.9**progress])
        gradient = torch.randn(x.shape, generator=drawn)
        x = search.next(x, loss, gradient, loss[:, None])
        outcomes.append((search.relu_width, x))
    return outcomes


def test_a_stalled_sample_is_handed_over_from_where_it_is_and_for_good():
    assert 0.9**STALL.stall_window < 1 - STALL.stall_tolerance
    stalls, budget = 13, 60
    # The step after which the last `stall_window` of them have brought less than the tolerance.
    handover = stalls + next(
        n
        for n in range(STALL.stall_window + 1)
        if 0.9 ** (STALL.stall_window - n) > 1 - STALL.stall_tolerance
    )
    last = None
    for call, (width, images) in enumerate(run(budget, stalls, 36), start=1):
        alone = min(WIDTH.max_width, WIDTH.width_per_distance * (0.9**call) ** WIDTH.power)
        stalled = min(
            WIDTH.max_width, WIDTH.width_per_distance * (0.9 ** min(call, stalls)) ** WIDTH.power
        )
        momentum = 1.5 * (1 - call / budget) ** 2.5
        wanted = torch.tensor([alone, stalled if call < handover else momentum])
        torch.testing.assert_close(width, wanted, rtol=1e-4, atol=1e-6)
        if call == handover:
            moved = torch.linalg.vector_norm((images - last)[1])
            assert 0 < float(moved) < 1
        last = images


@pytest.mark.parametrize(("budget", "hands_over"), [(60, True), (30, False)])
def test_a_sample_that_stalls_in_the_second_half_of_the_budget_is_left_alone(budget, hands_over):
    (width, _) = run(budget, 13, RECOVERS)[-1]
    width_of_lbfgs = min(WIDTH.max_width, WIDTH.width_per_distance * (0.9**13) ** WIDTH.power)
    assert (float(width[1]) == pytest.approx(width_of_lbfgs, rel=1e-4)) == (not hands_over)


def test_a_search_that_does_not_stall_takes_the_same_path_as_without_momentum():
    x = torch.full((2, 3, 2, 2), 0.5)
    alone, both = begun(x), begun_or_momentum(x, 40)
    drawn, one, other = torch.Generator().manual_seed(1), x, x
    for call in range(1, 40):
        loss = torch.full((2,), 0.9**call)
        gradient = torch.randn(x.shape, generator=drawn)
        one = alone.next(one, loss, gradient, loss[:, None])
        other = both.next(other, loss, gradient, loss[:, None])
        assert torch.equal(one, other)
    assert bool(both.stationary.all())
