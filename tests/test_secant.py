"""Multisecant descent, its mix redone with NumPy."""

import numpy as np
import pytest
import torch

from explorer.request import MATCH_OPTIMISERS
from explorer.synthesis.optimisers import OPTIMISERS
from explorer.synthesis.paced import AGAIN, NEAR, PATIENCE, Paced, PacedSecant
from explorer.synthesis.secant import (
    AVERAGE,
    CORNERS,
    DAMPING,
    FAR,
    FIRST,
    LONGER,
    LONGEST,
    MEMORY,
    SHORTER,
    WIDEST,
    Secant,
)

BOX = (-100.0, 100.0)


def test_the_optimisers_for_the_match_alone_are_those_that_the_door_knows():
    assert tuple(n for n, one in OPTIMISERS.items() if one.only_match) == MATCH_OPTIMISERS


def looks(
    matrix: np.ndarray, wanted: np.ndarray, start: np.ndarray, count: int, others: int
) -> list[dict]:
    """The points that a search on g(x) = W x + ½ (W x)² looks at, and what it finds there.

    The first `others` steps are somebody else's: a tenth of the gradient.
    """
    found = []
    x = torch.from_numpy(start)[None].float()
    search = Secant(x, BOX)
    for now in range(count):
        inner = matrix @ x[0].double().numpy()
        offset = (inner + 0.5 * inner**2 - wanted) / np.linalg.norm(wanted)
        loss = np.linalg.norm(offset)
        gradient = matrix.T @ ((1 + inner) * offset) / np.linalg.norm(wanted) / loss
        found.append({"x": x[0].double().numpy(), "offset": offset, "slope": gradient * loss})
        tensors = (torch.from_numpy(np.atleast_1d(one)).float() for one in (loss, gradient, offset))
        loss, gradient, offset = tensors
        led = torch.tensor([now > others])
        after = search.next(x, loss, gradient[None], offset[None], led)
        x = x - 0.1 * gradient[None] if now < others else after
        found[-1]["corners"] = float(search.corners)
    return [*found, {"x": x[0].double().numpy()}]


@pytest.mark.parametrize(("others", "reach"), [(0, 0.9), (3, 0.9), (0, 3.0)])
def test_every_step_is_the_damped_least_squares_mix_and_a_step_along_its_mean_slope(others, reach):
    rng = np.random.default_rng(3)
    matrix, start = rng.standard_normal((4, 9)) / 3, 0.3 * rng.standard_normal(9)
    inner = matrix @ start
    # Of such a length that the start is `reach` away from it, relative to its own.
    wanted = (inner + 0.5 * inner**2) / (1 + reach)
    seen = looks(matrix, wanted, start, MEMORY + 4, others)
    mean, length, lowest, mixes = None, None, np.inf, 0
    for now, here in enumerate(seen[:-1]):
        known = seen[max(0, now - MEMORY) : now]
        point, slope, left = here["x"], here["slope"], np.linalg.norm(here["offset"])
        if now <= others:
            length, mean = FIRST * left, None
        else:
            length *= LONGER if left < np.linalg.norm(seen[now - 1]["offset"]) else SHORTER
        length, lowest = min(length, LONGEST), min(lowest, left)
        assert here["corners"] == pytest.approx(min(WIDEST, CORNERS * lowest), rel=1e-5)
        if known and left <= FAR:
            mixes += 1
            moves = np.stack([one["offset"] - here["offset"] for one in known], 1)
            sizes = np.linalg.norm(moves, axis=0)
            # The damping as more rows of an ordinary least-squares problem.
            rows = np.concatenate([moves, np.sqrt(DAMPING) * np.diag(sizes)])
            right = -np.concatenate([here["offset"], np.zeros(len(known))])
            shares = np.linalg.lstsq(rows, right, rcond=None)[0]
            point = point + shares @ np.stack([one["x"] - here["x"] for one in known])
            slope = slope + shares @ np.stack([one["slope"] - here["slope"] for one in known])
        mean = slope if mean is None else AVERAGE * mean + (1 - AVERAGE) * slope
        if now < others:
            continue
        expected = point - length * mean / np.sqrt(np.mean(mean**2))
        np.testing.assert_allclose(seen[now + 1]["x"], expected, rtol=2e-3, atol=2e-4)
    assert (mixes > 3) == (reach < 1)


def test_mixes_stay_in_the_box_and_pressed_pixels_take_no_part_in_a_step():
    start = torch.tensor([[0.0, 1.0, 0.5]])
    search = Secant(start, (0.0, 1.0))
    x, slope = start, torch.tensor([[1.0, -1.0, 1.0]])
    for call in range(MEMORY + 2):
        offset = torch.rand(1, 4) + 0.5
        x = search.next(x, torch.ones(1), slope, offset, torch.tensor([True]))
        assert x[0, 0] == pytest.approx(0.0, abs=1e-6)
        assert x[0, 1] == pytest.approx(1.0, abs=1e-6)
        assert 0.0 <= float(x[0, 2]) <= 1.0
        if call == 0:  # the whole length is that of the one pixel that is free
            way = min(FIRST * float(offset.norm()), LONGEST) * np.sqrt(3)
            assert 0.5 - float(x[0, 2]) == pytest.approx(way, rel=1e-4)


def test_a_search_that_stands_still_stays_finite():
    x = torch.full((2, 3), 0.5)
    search = Secant(x, (0.0, 1.0))
    for _ in range(4):
        x = search.next(
            x, torch.zeros(2), torch.zeros(2, 3), torch.zeros(2, 5), torch.tensor([True, False])
        )
    assert torch.equal(x, torch.full((2, 3), 0.5))


def test_mixes_begin_near_and_paced_steps_go_on_where_they_come_to_a_stand():
    rng = np.random.default_rng(5)
    x = torch.full((1, 3, 4, 4), 0.5)
    search, paced = PacedSecant(x, (0.0, 1.0)), Paced(x, (0.0, 1.0))

    def is_paced(left: float) -> bool:
        """Whether the step after a look that found this distance is that of paced momentum."""
        offset = rng.standard_normal(6)
        offset = torch.from_numpy(left * offset / np.linalg.norm(offset)).float()[None]
        gradient = torch.from_numpy(rng.standard_normal((1, 3, 4, 4))).float()
        left = torch.tensor([left])
        step = search.next(x, left, gradient, offset)
        apart = float((step - paced.next(x, left, gradient, left)).abs().max())
        # Rounding of the distance comes to 1e-7; the steps of the two are 5e-3 and more apart.
        assert apart < 1e-6 or apart > 1e-3
        return apart < 1e-6

    assert all(is_paced(left) for left in (0.8, 0.4, 0.2, 1.01 * NEAR))
    assert not any(is_paced(left) for left in (0.99 * NEAR, 0.9 * NEAR, 0.85 * NEAR))
    stands = [is_paced(0.85 * NEAR) for _ in range(PATIENCE + 2)]
    assert stands == [False] * (PATIENCE - 1) + [True] * 3
    assert is_paced(1.01 * AGAIN * 0.85 * NEAR)
    assert not is_paced(0.99 * AGAIN * 0.85 * NEAR)
