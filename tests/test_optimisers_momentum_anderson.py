"""Adaptive momentum and Anderson mixing, their steps recomputed with NumPy."""

import numpy as np
import pytest
import torch

from explorer.synthesis.optimizers.constants import (
    ADAPTIVE_MOMENTUM,
    ANDERSON,
    MOMENTUM_THEN_ANDERSON,
)
from explorer.synthesis.optimizers.momentum_anderson import (
    AdaptiveMomentum,
    AndersonDescent,
    MomentumThenAnderson,
)
from explorer.synthesis.optimizers.record import Start

BOX = (-100.0, 100.0)
MOMENTUM, MIXING, HANDOVER = ADAPTIVE_MOMENTUM, ANDERSON, MOMENTUM_THEN_ANDERSON


def evaluated(
    matrix: np.ndarray, target: np.ndarray, start: np.ndarray, count: int, others: int
) -> list[dict]:
    """The points that a search on g(x) = W x + ½ (W x)² evaluates, with their evaluations.

    The first `others` steps are those of another search: a tenth of the gradient.
    """
    evaluations = []
    x = torch.from_numpy(start)[None].float()
    search = AndersonDescent(x, BOX)
    for call in range(count):
        inner = matrix @ x[0].double().numpy()
        offset = (inner + 0.5 * inner**2 - target) / np.linalg.norm(target)
        loss = np.linalg.norm(offset)
        gradient = matrix.T @ ((1 + inner) * offset) / np.linalg.norm(target) / loss
        evaluations.append({"x": x[0].double().numpy(), "offset": offset, "slope": gradient * loss})
        tensors = (torch.from_numpy(np.atleast_1d(one)).float() for one in (loss, gradient, offset))
        loss, gradient, offset = tensors
        follows = torch.tensor([call > others])
        after = search.next(x, loss, gradient[None], offset[None], follows)
        x = x - 0.1 * gradient[None] if call < others else after
        evaluations[-1]["relu_width"] = float(search.relu_width)
    return [*evaluations, {"x": x[0].double().numpy()}]


@pytest.mark.parametrize(("others", "init_distance"), [(0, 0.9), (3, 0.9), (0, 3.0)])
def test_every_step_is_the_damped_least_squares_mix_and_a_step_along_its_mean_slope(
    others, init_distance
):
    rng = np.random.default_rng(3)
    matrix, start = rng.standard_normal((4, 9)) / 3, 0.3 * rng.standard_normal(9)
    inner = matrix @ start
    # Of such a length that the start is `init_distance` away from it, relative to its own.
    target = (inner + 0.5 * inner**2) / (1 + init_distance)
    evaluations = evaluated(matrix, target, start, MIXING.memory + 4, others)
    mean, length, lowest, mixes = None, None, np.inf, 0
    for call, here in enumerate(evaluations[:-1]):
        known = evaluations[max(0, call - MIXING.memory) : call]
        point, slope, distance = here["x"], here["slope"], np.linalg.norm(here["offset"])
        if call <= others:
            length, mean = MIXING.first_step_per_distance * distance, None
        else:
            length *= (
                MIXING.expand_factor
                if distance < np.linalg.norm(evaluations[call - 1]["offset"])
                else MIXING.shrink_factor
            )
        length, lowest = min(length, MIXING.max_step), min(lowest, distance)
        assert here["relu_width"] == pytest.approx(
            min(MIXING.width.max_width, MIXING.width.width_per_distance * lowest), rel=1e-5
        )
        if known and distance <= MIXING.max_mix_distance:
            mixes += 1
            moves = np.stack([one["offset"] - here["offset"] for one in known], 1)
            sizes = np.linalg.norm(moves, axis=0)
            # The damping as more rows of an ordinary least-squares problem.
            rows = np.concatenate([moves, np.sqrt(MIXING.damping) * np.diag(sizes)])
            right = -np.concatenate([here["offset"], np.zeros(len(known))])
            shares = np.linalg.lstsq(rows, right, rcond=None)[0]
            point = point + shares @ np.stack([one["x"] - here["x"] for one in known])
            slope = slope + shares @ np.stack([one["slope"] - here["slope"] for one in known])
        mean = (
            slope
            if mean is None
            else MIXING.gradient_decay * mean + (1 - MIXING.gradient_decay) * slope
        )
        if call < others:
            continue
        expected = point - length * mean / np.sqrt(np.mean(mean**2))
        np.testing.assert_allclose(evaluations[call + 1]["x"], expected, rtol=2e-3, atol=2e-4)
    assert (mixes > 3) == (init_distance < 1)


def test_mixes_stay_in_the_box_and_pixels_at_their_bound_take_no_part_in_a_step():
    start = torch.tensor([[0.0, 1.0, 0.5]])
    search = AndersonDescent(start, (0.0, 1.0))
    x, slope = start, torch.tensor([[1.0, -1.0, 1.0]])
    for call in range(MIXING.memory + 2):
        offset = torch.rand(1, 4) + 0.5
        x = search.next(x, torch.ones(1), slope, offset, torch.tensor([True]))
        assert x[0, 0] == pytest.approx(0.0, abs=1e-6)
        assert x[0, 1] == pytest.approx(1.0, abs=1e-6)
        assert 0.0 <= float(x[0, 2]) <= 1.0
        if call == 0:  # the whole length is that of the one pixel that is free
            moved = min(
                MIXING.first_step_per_distance * float(offset.norm()), MIXING.max_step
            ) * np.sqrt(3)
            assert 0.5 - float(x[0, 2]) == pytest.approx(moved, rel=1e-4)


def test_mixing_that_stands_still_stays_finite():
    x = torch.full((2, 3), 0.5)
    search = AndersonDescent(x, (0.0, 1.0))
    for _ in range(4):
        x = search.next(
            x, torch.zeros(2), torch.zeros(2, 3), torch.zeros(2, 5), torch.tensor([True, False])
        )
    assert torch.equal(x, torch.full((2, 3), 0.5))


def test_mixing_begins_near_the_target_and_momentum_goes_on_where_it_stalls():
    rng = np.random.default_rng(5)
    x = torch.full((1, 3, 4, 4), 0.5)
    search, momentum = (
        MomentumThenAnderson(Start(x, 1, (0.0, 1.0), torch.tensor([True]))),
        AdaptiveMomentum(x, (0.0, 1.0)),
    )

    def is_momentum(distance: float) -> bool:
        """Whether the step after an evaluation of this distance is that of adaptive momentum."""
        offset = rng.standard_normal(6)
        offset = torch.from_numpy(distance * offset / np.linalg.norm(offset)).float()[None]
        gradient = torch.from_numpy(rng.standard_normal((1, 3, 4, 4))).float()
        distance = torch.tensor([distance])
        step = search.next(x, distance, gradient, offset)
        difference = float((step - momentum.next(x, distance, gradient, distance)).abs().max())
        # Rounding of the distance comes to 1e-7; the steps of the two differ by 5e-3 and more.
        assert difference < 1e-6 or difference > 1e-3
        return difference < 1e-6

    assert all(
        is_momentum(distance) for distance in (0.8, 0.4, 0.2, 1.01 * HANDOVER.max_mix_distance)
    )
    assert not any(
        is_momentum(distance)
        for distance in (
            0.99 * HANDOVER.max_mix_distance,
            0.9 * HANDOVER.max_mix_distance,
            0.85 * HANDOVER.max_mix_distance,
        )
    )
    stalls = [
        is_momentum(0.85 * HANDOVER.max_mix_distance)
        for _ in range(HANDOVER.stall.stall_window + 2)
    ]
    assert stalls == [False] * (HANDOVER.stall.stall_window - 1) + [True] * 3
    assert is_momentum(1.01 * HANDOVER.retry_ratio * 0.85 * HANDOVER.max_mix_distance)
    assert not is_momentum(0.99 * HANDOVER.retry_ratio * 0.85 * HANDOVER.max_mix_distance)


# Adaptive momentum

CONTRAST = 0.5


def searched(
    brought: list[float],
    far: float,
    contrast: float = CONTRAST,
    along: list[float] | None = None,
) -> list[float]:
    """The length that each step was allowed, root mean square over its pixels.

    brought: the decrease of each step, as a share of the predicted one. far: the relative distance,
    the same at every step; the loss is another one. along: the gradients as multiples of a single
    one, not drawn anew for each step.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 5, 5))
    x = contrast * (x - x.mean()) / x.std(ddof=1) + 0.5
    search = AdaptiveMomentum(torch.from_numpy(x).float(), BOX)
    mean, size, loss, lengths = np.zeros_like(x), 0.0, 10.0, []
    one = rng.standard_normal(x.shape)
    for call, share in enumerate([*brought, 1.0], start=1):
        gradient = along[call - 1] * one if along else rng.standard_normal(x.shape)
        inputs = (x, loss, gradient, far)
        tensors = (torch.from_numpy(np.atleast_1d(value)).float() for value in inputs)
        after = search.next(*tensors).double().numpy()
        assert float(search.relu_width) == pytest.approx(
            min(MOMENTUM.width.max_width, MOMENTUM.width.width_per_distance * far), rel=1e-5
        )
        mean = MOMENTUM.gradient_decay * mean + (1 - MOMENTUM.gradient_decay) * gradient
        size = MOMENTUM.square_decay * size + (1 - MOMENTUM.square_decay) * np.mean(gradient**2)
        direction = (
            mean
            / (1 - MOMENTUM.gradient_decay**call)
            / np.sqrt(size / (1 - MOMENTUM.square_decay**call))
        )
        step = x - after
        length = float(np.sum(step * direction) / np.sum(direction**2))
        np.testing.assert_allclose(step, length * direction, atol=1e-5)
        lengths.append(length)
        loss -= share * float(np.sum(step * gradient))
        x = after
    return lengths


def test_the_trust_region_grows_on_straight_paths_and_shrinks_on_bent_ones():
    longest = MOMENTUM.max_trust_radius * CONTRAST
    assert (
        longest * MOMENTUM.shrink_factor**2
        < MOMENTUM.min_trust_radius
        < longest * MOMENTUM.shrink_factor
    )
    straight, between, bent = (
        1.1 * MOMENTUM.expand_ratio,
        (MOMENTUM.expand_ratio + MOMENTUM.shrink_ratio) / 2,
        0.9 * MOMENTUM.shrink_ratio,
    )
    lengths = searched([straight, bent, between, bent, bent, straight, straight, straight], far=0.8)
    once = longest * MOMENTUM.shrink_factor
    expected = [longest, longest, once, once, MOMENTUM.min_trust_radius, MOMENTUM.min_trust_radius]
    expected += [
        MOMENTUM.min_trust_radius * MOMENTUM.expand_factor,
        MOMENTUM.min_trust_radius * MOMENTUM.expand_factor**2,
        MOMENTUM.min_trust_radius * MOMENTUM.expand_factor**3,
    ]
    assert lengths == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("share", "change"), [(0.5 * MOMENTUM.shrink_ratio, MOMENTUM.shrink_factor), (-1.0, 1.0)]
)
def test_a_step_without_predicted_decrease_never_counts_as_straight(share, change):
    """The momentum goes on along 1 where the slope says −0.5; it is bent if the loss rises."""
    between, once = (
        0.5 * (MOMENTUM.shrink_ratio + MOMENTUM.expand_ratio),
        MOMENTUM.max_trust_radius * CONTRAST * MOMENTUM.shrink_factor,
    )
    lengths = searched([0.0, between, share], far=0.8, along=[1.0, 1.0, -0.5, 1.0])
    expected = [
        MOMENTUM.max_trust_radius * CONTRAST,
        once,
        once,
        max(MOMENTUM.min_trust_radius, once * change),
    ]
    assert lengths == pytest.approx(expected, rel=1e-3)


def test_near_the_target_a_step_is_proportional_to_the_distance():
    assert MOMENTUM.step_per_distance * 0.1 < MOMENTUM.min_trust_radius
    assert searched([1.0, 0.0], far=0.1) == pytest.approx(
        [MOMENTUM.step_per_distance * 0.1] * 3, rel=1e-3
    )


def test_from_a_seed_of_little_contrast_steps_are_short():
    assert MOMENTUM.max_trust_radius * 0.1 < MOMENTUM.min_trust_radius
    assert searched([1.0, 1.0], far=0.8, contrast=0.1) == pytest.approx(
        [MOMENTUM.min_trust_radius] * 3, rel=1e-3
    )
