"""Paced momentum, its steps redone with NumPy."""

import numpy as np
import pytest
import torch

from explorer.synthesis.paced import (
    BENT,
    CORNERS,
    LONGER,
    MEAN_OVER,
    OF_CONTRAST,
    PACE,
    SHORT,
    SHORTER,
    SIZE_OVER,
    STRAIGHT,
    WIDEST,
    Paced,
)

BOX = (-100.0, 100.0)
CONTRAST = 0.5


def searched(
    brought: list[float],
    far: float,
    contrast: float = CONTRAST,
    along: list[float] | None = None,
) -> list[float]:
    """The most that each step was allowed, by the steps that were taken, RMS over their pixels.

    brought: what each step brings, as a share of what the slope there promised. far: the relative
    distance, which stays that far away; `brought` is said of a loss that is another one. along: the
    gradients as multiples of a single one, not drawn anew for each step.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 5, 5))
    x = contrast * (x - x.mean()) / x.std(ddof=1) + 0.5
    search = Paced(torch.from_numpy(x).float(), BOX)
    mean, size, loss, most = np.zeros_like(x), 0.0, 10.0, []
    one = rng.standard_normal(x.shape)
    for call, share in enumerate([*brought, 1.0], start=1):
        gradient = along[call - 1] * one if along else rng.standard_normal(x.shape)
        said = (x, loss, gradient, far)
        tensors = (torch.from_numpy(np.atleast_1d(value)).float() for value in said)
        after = search.next(*tensors).double().numpy()
        assert float(search.corners) == pytest.approx(min(WIDEST, CORNERS * far), rel=1e-5)
        mean = MEAN_OVER * mean + (1 - MEAN_OVER) * gradient
        size = SIZE_OVER * size + (1 - SIZE_OVER) * np.mean(gradient**2)
        direction = mean / (1 - MEAN_OVER**call) / np.sqrt(size / (1 - SIZE_OVER**call))
        step = x - after
        length = float(np.sum(step * direction) / np.sum(direction**2))
        np.testing.assert_allclose(step, length * direction, atol=1e-5)
        most.append(length)
        loss -= share * float(np.sum(step * gradient))
        x = after
    return most


def test_a_step_is_no_longer_than_the_way_is_straight():
    longest = OF_CONTRAST * CONTRAST
    assert longest * SHORTER**2 < SHORT < longest * SHORTER
    straight, between, bent = 1.1 * STRAIGHT, (STRAIGHT + BENT) / 2, 0.9 * BENT
    found = searched([straight, bent, between, bent, bent, straight, straight, straight], far=0.8)
    once = longest * SHORTER
    wanted = [longest, longest, once, once, SHORT, SHORT]
    wanted += [SHORT * LONGER, SHORT * LONGER**2, SHORT * LONGER**3]
    assert found == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(("share", "change"), [(0.5 * BENT, SHORTER), (-1.0, 1.0)])
def test_a_way_that_promised_nothing_is_never_straight(share, change):
    """The momentum goes on along 1 where the slope says −0.5; it is bent if the loss rises."""
    between, once = 0.5 * (BENT + STRAIGHT), OF_CONTRAST * CONTRAST * SHORTER
    found = searched([0.0, between, share], far=0.8, along=[1.0, 1.0, -0.5, 1.0])
    wanted = [OF_CONTRAST * CONTRAST, once, once, max(SHORT, once * change)]
    assert found == pytest.approx(wanted, rel=1e-3)


def test_near_the_target_a_step_is_in_proportion_to_the_distance_left():
    assert PACE * 0.1 < SHORT
    assert searched([1.0, 0.0], far=0.1) == pytest.approx([PACE * 0.1] * 3, rel=1e-3)


def test_a_seed_of_little_contrast_is_left_in_short_steps():
    assert OF_CONTRAST * 0.1 < SHORT
    assert searched([1.0, 1.0], far=0.8, contrast=0.1) == pytest.approx([SHORT] * 3, rel=1e-3)
