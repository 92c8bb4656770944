"""Images as different as a network allows: on linear networks the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer import Request, RequestError, align, diverse_set, generate
from explorer.analysis.continuation import pictures_with
from explorer.analysis.diverse import largest_mean
from explorer.losses.variants import loss_named
from explorer.metrics.spread import Spread
from explorer.models.network import InputSpec, Network
from explorer.result.consistency import checked_result
from explorer.synthesis.loop import Cancelled, Problem
from explorer.synthesis.pushing import FromImages, ToObserver, push

SIDE = 3
PIXELS = 3 * SIDE * SIDE
EPSILON = 0.02
FREE = loss_named("regularizer-free")
RNG = np.random.default_rng(0)


def network_of(matrix: np.ndarray) -> Network:
    """g(x) = W x."""
    layer = nn.Linear(PIXELS, len(matrix), bias=False)
    layer.weight.data = torch.from_numpy(matrix).float()
    spec = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Network("file:linear", nn.Sequential(nn.Flatten(), layer), spec)


def pictures(count: int, low: float, high: float, rng_seed: int) -> torch.Tensor:
    drawn = np.random.default_rng(rng_seed).uniform(low, high, (count, 3, SIDE, SIDE))
    return torch.from_numpy(drawn).float()


def problem_of(matrix: np.ndarray, targets: torch.Tensor) -> Problem:
    count = len(targets)
    return Problem(
        network_of(matrix), "logits", targets, targets, [FREE] * count, [EPSILON] * count
    )


def relative(matrix: np.ndarray, image: torch.Tensor, target: torch.Tensor) -> float:
    x, y = (each.flatten().double().numpy() for each in (image, target))
    return float(np.linalg.norm(matrix @ (x - y)) / np.linalg.norm(matrix @ y))


def rotation(size: int) -> np.ndarray:
    return np.linalg.qr(RNG.standard_normal((size, size)))[0]


def test_a_diverse_set_of_a_linear_network_spreads_in_its_null_space_up_to_the_box():
    # The network sees the first 9 pixels, mixed; the other 18 are its null space, the box ends it.
    seen = 9
    matrix = np.hstack([rotation(seen), np.zeros((seen, PIXELS - seen))])
    target = pictures(1, 0.3, 0.7, 1)
    members = [target[0]]
    for number in range(2):
        start = target.clone().flatten(1)
        start[:, seen:] = pictures(1, 0.3, 0.7, 2 + number).flatten(1)[:, seen:]
        others = torch.stack(members)[None]
        (found,) = push(
            problem_of(matrix, target),
            start.view_as(target),
            [EPSILON],
            FromImages(others),
            300,
        )
        assert found.relative_l2 <= EPSILON
        assert relative(matrix, found.image, target[0]) == pytest.approx(
            found.relative_l2, rel=1e-3
        )
        free = found.image.flatten()[seen:].numpy()
        assert np.all(np.minimum(free, 1 - free) < 1e-6)  # each at an end of the box
        # What the network sees differs by no more than the goal allows (its rows are orthonormal).
        moved = (found.image - target[0]).flatten()[:seen].norm()
        assert moved <= EPSILON * float(target.flatten()[:seen].norm()) * 1.001
        assert found.values[-1] > 1.5 * found.values[0]
        distances = [float((found.image - each).square().mean().sqrt()) for each in members]
        assert found.values[-1] == pytest.approx(float(np.prod(distances) ** (1 / len(distances))))
        members.append(found.image)
    # The third is no copy of the second.
    assert float((members[1] - members[2]).square().mean().sqrt()) > 0.5


def test_a_controversial_image_of_linear_networks_is_the_closed_form():
    # Largest ‖B d‖ where ‖A d‖ ≤ ρ: d = ρ A⁻¹ v, v the first right singular vector of B A⁻¹. With v
    # at a right angle to A x_t, so that B d is to B x_t, the angle is largest there, too.
    a = rotation(PIXELS) @ np.diag(np.geomspace(0.5, 2.0, PIXELS)) @ rotation(PIXELS)
    targets = pictures(2, 0.45, 0.55, 3)
    represented = a @ targets.flatten(1).double().numpy().T
    basis = np.linalg.qr(np.hstack([represented, RNG.standard_normal((PIXELS, 6))]))[0]
    right = np.hstack([basis[:, 2:3], basis[:, :2], basis[:, 3:6]]).T
    b = rotation(6) @ np.diag([2.0, 1.5, 1.2, 1.0, 0.8, 0.6]) @ right @ a
    starts = targets + 0.002 * (pictures(2, 0.0, 1.0, 4) - 0.5)
    found = push(
        problem_of(a, targets),
        starts,
        [EPSILON] * 2,
        ToObserver(problem_of(b, targets)),
        300,
    )
    largest = np.linalg.svd(b @ np.linalg.inv(a), compute_uv=False)[0]
    for outcome, target in zip(found, targets, strict=True):
        x, y = (each.flatten().double().numpy() for each in (outcome.image, target))
        best = EPSILON * np.linalg.norm(a @ y) * largest / np.linalg.norm(b @ y)
        assert 0 < outcome.image.min() < outcome.image.max() < 1  # the box plays no part
        assert relative(a, outcome.image, target) <= EPSILON * (1 + 1e-4)
        distance = relative(b, outcome.image, target)
        cosine = (b @ x) @ (b @ y) / np.linalg.norm(b @ x) / np.linalg.norm(b @ y)
        assert outcome.values[-1] == pytest.approx(distance * (1 - cosine), rel=1e-2)
        assert 0.98 * best < distance <= best * (1 + 1e-4)
        assert all(x <= y for x, y in zip(outcome.values, outcome.values[1:], strict=False))


def test_the_ascent_is_the_gradient_of_the_difference():
    others, points = pictures(6, 0.0, 1.0, 5).view(2, 3, 3, SIDE, SIDE), pictures(2, 0.2, 0.8, 6)
    matrix = RNG.standard_normal((4, PIXELS))
    for difference in (FromImages(others), ToObserver(problem_of(matrix, points.flip(0)))):
        _, ascent = difference(points)
        step = 1e-3 * pictures(2, -1.0, 1.0, 7)
        ahead, behind = (difference(points + sign * step)[0] for sign in (1, -1))
        along = (ascent * step).flatten(1).sum(1)
        assert (ahead - behind).tolist() == pytest.approx((2 * along).tolist(), rel=1e-2)
    d = (points[0] - others[0]).flatten(1).double().square().mean(1).sqrt()
    assert FromImages(others)(points)[0][0].exp() == pytest.approx(float(d.prod() ** (1 / 3)))


def test_the_phase_can_be_followed_and_cancelled():
    class Impatient:
        reports: list[int] = []  # noqa: RUF012

        def cancelled(self) -> bool:
            return len(self.reports) == 3

        def due(self) -> bool:
            return True

        def report(self, step, relative_l2, images) -> None:
            self.reports.append(step)

    targets = pictures(2, 0.3, 0.7, 8)
    problem = problem_of(RNG.standard_normal((4, PIXELS)), targets)
    with pytest.raises(Cancelled):
        push(problem, targets, [EPSILON] * 2, FromImages(targets[:, None] + 0.01), 50, Impatient())
    assert Impatient.reports == [1, 2, 3]


# The one way, on networks that ship

ROBUST, USUAL = "embedded:cifar10-resnet-adv1", "embedded:cifar10-resnet-standard"
REQUEST = Request(model=ROBUST, target="cat", steps=150, goal=0.05, nearest=True)


@pytest.fixture(scope="module")
def found():
    return diverse_set(REQUEST, 3, compare=False)


def test_a_diverse_set_is_within_the_goal_and_farther_apart_than_its_seeds(found):
    first, *others = found.results
    assert first.request.loss == "regularizer-free"
    assert [len(each.request.away_from or ()) for each in others] == [1, 2]
    for result in others:
        assert result.converged
        assert result.match.relative_l2 <= 0.05
        made = result.difference
        assert made.values[-1] > 1.5 * made.values[0]
        distances = dict(made.away_from)
        assert set(distances) == set(result.request.away_from)
        assert distances[first.request.key] == pytest.approx(
            float(np.sqrt(np.mean((result.iri - first.iri) ** 2))), rel=1e-3
        )
        # It answers another question: no measure says whether it looks like its target.
        assert result.person.answer == "not measured"
        assert result.person.counted == 0
        key, data = result.request.key, result.to_bytes()
        assert checked_result(key, data).to_bytes() == data
    grey = [np.random.default_rng(n).normal(0.5, 0.1, first.iri.shape) for n in range(3)]
    assert found.spread.mean > 2 * Spread.of(grey).mean
    assert found.spread.mean < found.largest == largest_mean(3) == pytest.approx((2 / 3) ** 0.5)


def test_a_controversial_pair_is_the_same_to_one_network_and_unrelated_to_the_other():
    made = generate(replace(REQUEST, nearest=None, loss="controversial", observer=USUAL))
    observed = made.difference.observed
    assert made.converged
    assert observed.model == USUAL
    assert observed.layer == "penultimate"
    assert observed.match_8bit.relative_l2 > observed.null.relative_l2.quantiles["q50"]
    assert observed.is_different
    assert observed.sentence(True).startswith("Same to one network, different to the other")
    assert observed.sentence(False).startswith("No match")
    assert (
        observed.match_8bit.values["cosine"]
        < observed.null.distributions["cosine"].quantiles["q50"]
    )
    assert observed.match.relative_l2 > 1.2 * observed.searched_relative_l2
    value = observed.match.relative_l2 * (1 - observed.match.values["cosine"])
    assert value == pytest.approx(made.difference.values[-1], rel=1e-2)
    assert checked_result(made.request.key, made.to_bytes()).to_bytes() == made.to_bytes()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"loss": "diverse"}, "away_from", "keys of earlier results"),
        ({"loss": "controversial"}, "observer", "another network"),
        ({"observer": USUAL}, "observer", "only the loss 'controversial'"),
        ({"away_from": ["0" * 64]}, "away_from", "only the loss 'diverse'"),
        ({"loss": "controversial", "observer": ROBUST}, "observer", "the network itself"),
        ({"loss": "controversial", "observer": "file:x.pt"}, "observer", "cannot be observers"),
        ({"loss": "controversial", "observer": "embedded:vgg-multi-adv2"}, "observer", "64×64 px"),
        ({"loss": "controversial", "observer": USUAL, "goal": 0}, "loss", "goal of 0"),
        ({"loss": "diverse", "away_from": ["0" * 64]}, "away_from", "not in the cache"),
    ],
)
def test_what_a_difference_lacks_is_said(fields, field, said):
    with pytest.raises(RequestError, match=said) as caught:
        generate(replace(REQUEST, nearest=None, **fields))
    assert caught.value.field == field


def test_alignment_is_not_asked_of_images_made_to_differ():
    with pytest.raises(RequestError, match="made to differ") as caught:
        align(replace(REQUEST, loss="controversial", observer=USUAL))
    assert caught.value.field == "loss"


def test_earlier_iris_must_be_of_the_same_target(found):
    first = found.results[0]
    other = replace(
        REQUEST, target="dog", nearest=None, loss="diverse", away_from=(first.request.key,)
    )
    with pytest.raises(RequestError, match="target: cat") as caught:
        generate(other, pictures_with([first]))
    assert caught.value.field == "away_from"


def test_the_largest_mean_distance_is_met_by_opposite_corners():
    corners = [np.zeros((3, 2, 2)), np.ones((3, 2, 2))]
    assert Spread.of(corners).mean == largest_mean(2) == 1.0
    drawn = np.random.default_rng(0).integers(0, 2, (200, 5, 3, 4, 4)).astype(float)
    assert max(Spread.of(list(each)).mean for each in drawn) < largest_mean(5)
