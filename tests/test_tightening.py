"""The picture nearest to its seed that matches, on networks whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.optimize import NonlinearConstraint, brentq, minimize
from torch import nn

from explorer.losses.variants import loss_named
from explorer.models.loading import load
from explorer.models.network import InputSpec, Network
from explorer.network_reference import NetworkReference
from explorer.synthesis.loop import Cancelled, Problem, synthesise
from explorer.synthesis.nearest import linear_bound
from explorer.synthesis.optimizers.automatic import automatic
from explorer.synthesis.tightening import tighten

SIDE = 6
PIXELS = 3 * SIDE * SIDE
EPSILON = 0.05
FREE = loss_named("regularizer-free")


def network_of(matrix: np.ndarray) -> Network:
    """g(x) = W x."""
    layer = nn.Linear(PIXELS, len(matrix), bias=False)
    layer.weight.data = torch.from_numpy(matrix).float()
    spec = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Network("file:linear", nn.Sequential(nn.Flatten(), layer), spec)


def pictures(count: int, low: float, high: float, rng_seed: int) -> torch.Tensor:
    drawn = np.random.default_rng(rng_seed).uniform(low, high, (count, 3, SIDE, SIDE))
    return torch.from_numpy(drawn).float()


def problem_of(network: Network, targets: torch.Tensor, seeds: torch.Tensor) -> Problem:
    count = len(targets)
    return Problem(network, "logits", targets, seeds, [FREE] * count, [EPSILON] * count)


def closed_form(matrix: np.ndarray, seed: np.ndarray, target: np.ndarray) -> np.ndarray:
    """x₀ + Wᵀν with ‖W x − W x_t‖ = ε‖W x_t‖, by the singular values of W; no box."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    wanted = matrix @ target
    rest = left.T @ (wanted - matrix @ seed)
    radius = EPSILON * np.linalg.norm(wanted)

    def beyond(multiplier: float) -> float:
        return np.linalg.norm(rest / (1 + multiplier * values**2)) - radius

    multiplier = brentq(beyond, 0.0, 1e9, xtol=1e-12, rtol=1e-14)
    along = multiplier * values * rest / (1 + multiplier * values**2)
    return seed + right.T @ along


@pytest.mark.parametrize("smallest", [0.8, 0.05])
def test_the_nearest_iri_of_a_linear_network_is_the_closed_form(smallest):
    rng = np.random.default_rng(0)
    rows = np.linalg.qr(rng.standard_normal((PIXELS, 12)))[0].T
    matrix = np.linalg.qr(rng.standard_normal((12, 12)))[0] @ (
        rows * np.geomspace(smallest, 1.25, 12)[:, None]
    )
    network = network_of(matrix)
    targets, seeds = pictures(3, 0.1, 0.6, 1), pictures(3, 0.5, 0.7, 2)
    # Any picture that matches will do to start from: the target itself, moved where W sees nothing.
    null_space = torch.from_numpy(np.eye(PIXELS) - rows.T @ rows).float()
    starts = targets + ((pictures(3, 0.35, 0.65, 3) - targets).flatten(1) @ null_space).view_as(
        seeds
    )
    found = tighten(problem_of(network, targets, seeds), starts, [EPSILON] * 3, 300)
    for outcome, seed, target in zip(found, seeds, targets, strict=True):
        nearest = closed_form(matrix, seed.flatten().double().numpy(), target.flatten().numpy())
        assert 0 < nearest.min() < nearest.max() < 1
        expected = np.linalg.norm(nearest - seed.flatten().numpy())
        assert outcome.relative_l2 <= EPSILON
        assert outcome.moved[-1] == pytest.approx(expected, rel=1e-4)
        difference = outcome.image.flatten().numpy() - nearest
        assert np.linalg.norm(difference) < 1e-2 * expected
        assert outcome.moved[0] > 1.2 * expected
        # A lower bound that is met where the network is linear.
        assert outcome.bound <= expected * (1 + 1e-4)
        assert outcome.gap < 0.01


def test_the_box_is_kept_as_a_solver_with_bounds_does():
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((4, PIXELS))
    network = network_of(matrix)
    targets, seeds = pictures(1, 0.0, 1.0, 4), pictures(1, 0.0, 0.2, 5)
    outcome = tighten(problem_of(network, targets, seeds), targets, [EPSILON], 300)[0]
    seed, target = (each[0].flatten().double().numpy() for each in (seeds, targets))
    wanted = matrix @ target
    radius = EPSILON * np.linalg.norm(wanted)
    match = NonlinearConstraint(
        lambda x: ((matrix @ x - wanted) ** 2).sum() / radius**2,
        -np.inf,
        1.0,
        jac=lambda x: 2 * (matrix.T @ (matrix @ x - wanted)) / radius**2,
    )
    solved = minimize(
        lambda x: ((x - seed) ** 2).sum(),
        target,
        jac=lambda x: 2 * (x - seed),
        bounds=[(0, 1)] * PIXELS,
        constraints=[match],
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert solved.success
    assert (solved.x < 1e-6).any()  # the box holds
    assert outcome.moved[-1] == pytest.approx(np.linalg.norm(solved.x - seed), rel=1e-3)
    assert outcome.image.min() >= 0
    assert outcome.image.max() <= 1


def test_a_lower_bound_of_a_linear_network_holds_for_any_picture_that_matches():
    rng = np.random.default_rng(6)
    matrix = rng.standard_normal((2, PIXELS))
    target, seed = (rng.uniform(0, 1, PIXELS) for _ in range(2))
    wanted = matrix @ target
    others = [seed + (target - seed) * share for share in (0.96, 1.0)]
    for other in others:
        difference = matrix @ other - wanted + 1e-9
        r = np.linalg.norm(difference) / np.linalg.norm(wanted)
        gradient = matrix.T @ difference / np.linalg.norm(difference) / np.linalg.norm(wanted)
        rows = (torch.from_numpy(each)[None].float() for each in (seed, other, gradient))
        origin, point, slope = rows
        one = torch.ones(1)
        bound = linear_bound(origin, point, r * one, slope, EPSILON * one, (0.0, 1.0))
        assert 0 < float(bound) <= np.linalg.norm(target - seed) * 1.0001


@pytest.fixture(scope="module")
def searched():
    network = load(NetworkReference("embedded:residual-multi-standard"), "cpu")
    drawn = torch.from_numpy(np.random.default_rng(7).standard_normal((2, 3, 64, 64)))
    seeds = drawn.clamp(0, 1).float()
    smooth = nn.functional.interpolate(pictures(2, 0.0, 1.0, 8), 64, mode="bilinear")
    problem = Problem(network, "penultimate", smooth, seeds, [FREE] * 2, [EPSILON] * 2)
    traces = synthesise(problem, automatic(network, "penultimate", [FREE]), 200)
    return problem, torch.stack([trace.iri for trace in traces])


def test_a_matching_image_comes_nearer_to_its_seed_and_matches_still(searched):
    problem, images = searched
    outcomes = tighten(problem, images, [EPSILON] * 2, 60)
    for outcome, image, seed in zip(outcomes, images, problem.seeds, strict=True):
        assert outcome.moved[0] == pytest.approx(float((image - seed).norm()), rel=1e-5)
        assert outcome.moved[-1] == pytest.approx(float((outcome.image - seed).norm()), rel=1e-5)
        assert outcome.moved[-1] < 0.8 * outcome.moved[0]
        assert all(a >= b for a, b in zip(outcome.moved, outcome.moved[1:], strict=False))
        assert outcome.relative_l2 <= EPSILON
        assert outcome.passes <= 60
    alone = tighten(problem.part(1, 2), images[1:], [EPSILON], 60)[0]
    assert alone.moved[-1] == pytest.approx(outcomes[1].moved[-1], rel=0.02)


def test_the_phase_can_be_followed_and_cancelled(searched):
    problem, images = searched

    class Impatient:
        reports: list[int] = []  # noqa: RUF012

        def cancelled(self) -> bool:
            return len(self.reports) > 3

        def due(self) -> bool:
            return True

        def report(self, step, relative_l2, shown) -> None:
            assert relative_l2.shape == (2,)
            assert shown.shape == images.shape
            self.reports.append(step)

    callback = Impatient()
    with pytest.raises(Cancelled):
        tighten(problem, images, [EPSILON] * 2, 60, callback)
    assert callback.reports == [1, 2, 3, 4]
