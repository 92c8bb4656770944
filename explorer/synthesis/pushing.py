"""The pushing phase: of the images that match, towards one that is as different as possible.

What is made as large as possible is a `Difference`: the distance from other images (`FromImages`),
or from the target to another network (`ToObserver`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from explorer.losses.term import TermInputs
from explorer.losses.terms.representation import cosine, relative_l2
from explorer.models.layers import measure_scales, representation
from explorer.models.precision import full_precision
from explorer.synthesis.evaluator import Evaluator
from explorer.synthesis.folding import folded
from explorer.synthesis.loop import CUDA_CHECK_INTERVAL, Callback, Cancelled
from explorer.synthesis.optimizers.constants import PUSHING
from explorer.synthesis.parametrisation import parametrisation_called
from explorer.synthesis.problem import Problem
from explorer.synthesis.pushing_search import PushingSearch
from explorer.synthesis.state import State

STALLED, BUDGET = "stalled", "budget"


class Difference(Protocol):
    """What is to be made as large as possible, sample by sample."""

    def __call__(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Its logarithm (N,), and the gradient of that by the parameters N×…, of their shape."""

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""


class FromImages(State):
    """The geometric mean of the ℓ₂ distances from other images, per pixel (RMS).

    A mean would let two images coincide where a third is far; the smallest has a kink. Points that
    are chosen one after the other so that the product of distances is largest are Leja's.

    others: N×M×…, parameters (`Parametrisation.start`) of M images for each sample.
    """

    def __init__(self, others: Tensor) -> None:
        self._others = others.flatten(2)

    def __call__(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        offsets = parameters.flatten(1)[:, None] - self._others
        squares = offsets.square().mean(2).clamp_min(1e-12)
        ascent = (offsets / squares[:, :, None]).mean(1) / offsets.shape[2]
        return 0.5 * squares.log().mean(1), ascent.view_as(parameters)


class ToObserver:
    """How different images and targets are to another network: r·(1 − cos) of h(x) and h(x_t).

    r is the relative distance. Without the other factor it grows with the length of h(x) alone:
    then the observer sees the same thing, only more of it.

    problem: the same targets and seeds, with the observer as its network.
    """

    def __init__(self, problem: Problem) -> None:
        measure_scales(problem.network, problem.layer)
        self._network, self._layer = folded(problem.network, problem.layer), problem.layer
        self._targets, self._seeds = problem.targets, problem.seeds
        size = problem.seeds.shape[-2], problem.seeds.shape[-1]
        channels = problem.network.input.channels
        self._parametrisation = parametrisation_called("pixel", size, channels)
        with torch.no_grad():
            self._of_targets = representation(self._network, self._layer, self._targets)

    def __call__(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_(True)
            images = self._parametrisation.images(parameters)
            seen = representation(self._network, self._layer, images)
            inputs = TermInputs(images, seen, self._of_targets, self._targets, self._seeds)
            factors = relative_l2(inputs), cosine(inputs)
            value = sum(each.clamp_min(1e-12).log() for each in factors)
            assert isinstance(value, Tensor)
            (ascent,) = torch.autograd.grad(value.sum(), parameters)
        return value.detach(), ascent

    def select(self, indices: Tensor) -> None:
        self._targets, self._seeds = self._targets[indices], self._seeds[indices]
        self._of_targets = self._of_targets[indices]


@dataclass(frozen=True)
class Pushed:
    """The outcome of one sample.

    image: float32 3×H×W in [0, 1], the most different that was found with a relative distance of at
    most `allowed`. values: the difference after each pass, the largest so far; the first is that of
    the image as searched. stopped: `stalled`, where passes made it hardly larger, or `budget`.
    """

    image: Tensor
    relative_l2: float
    allowed: float
    values: tuple[float, ...]
    stopped: str


@torch.no_grad()
def push(
    problem: Problem,
    images: Tensor,
    allowed: Sequence[float],
    difference: Difference,
    passes: int,
    callback: Callback | None = None,
) -> list[Pushed]:
    """Each image as different as its distance allowed lets it, within `passes`.

    problem: losses that ask for the match alone, in pixels. images: N×3×H×W in [0, 1] on the
    network's device, whose relative distances are at most `allowed`, ε of each. Exact gradients.
    Raises Cancelled when the callback says so.
    """
    with full_precision():
        return _push(problem, images, allowed, difference, passes, callback)


def _push(
    problem: Problem,
    images: Tensor,
    allowed: Sequence[float],
    difference: Difference,
    passes: int,
    callback: Callback | None,
) -> list[Pushed]:
    evaluator = Evaluator(problem)
    parametrisation = evaluator.parametrisation
    points = parametrisation.start(images)
    shape = points.shape[1:]
    limits = torch.tensor(list(allowed), device=images.device)
    search = PushingSearch(points.flatten(1), limits, parametrisation.bounds)
    numbers = torch.arange(len(images), device=images.device)
    shown, distances = images.clone(), images.new_zeros(len(images))
    curve = images.new_zeros(len(images), passes)
    interval = CUDA_CHECK_INTERVAL if images.is_cuda else 1
    outcomes: dict[int, Pushed] = {}

    def finish(ended: Tensor, stalled: Tensor, done: int) -> None:
        found = copy.copy(search)
        found.select(ended)
        best = parametrisation.images(found.best.view(-1, *shape)).cpu()
        rows = zip(
            numbers[ended].tolist(), best, found.best_relative_l2.tolist(), stalled, strict=True
        )
        for number, image, distance, at_rest in rows:
            outcomes[number] = Pushed(
                image.clone(),
                distance,
                float(allowed[number]),
                tuple(curve[number, :done].exp().tolist()),
                STALLED if at_rest else BUDGET,
            )

    for done in range(1, passes + 1):
        if callback is not None and callback.cancelled():
            raise Cancelled(f"cancelled after {done - 1} passes towards a difference")
        evaluation = evaluator(points, None)
        value, ascent = difference(points)
        points = search.push(
            points.flatten(1),
            evaluation.relative_l2,
            evaluation.gradient.flatten(1),
            value,
            ascent.flatten(1),
        ).view_as(points)
        curve[numbers, done - 1] = search.best_value
        if done % interval and done < passes:
            continue
        if callback is not None and callback.due():
            shown[numbers], distances[numbers] = evaluation.images, evaluation.relative_l2
            callback.report(done, distances, shown)
        stalled = torch.zeros(len(numbers), dtype=torch.bool, device=images.device)
        if done > PUSHING.stall_window:
            before = curve[numbers, done - 1 - PUSHING.stall_window]
            little = search.best_value - before < PUSHING.stall_tolerance
            # What does not match yet may be much more different already.
            stalled = little & (value - search.best_value < PUSHING.stall_tolerance)
        ended = stalled if done < passes else torch.ones_like(stalled)
        if bool(ended.any()):
            finish(ended.nonzero()[:, 0], stalled[ended], done)
            unfinished = (~ended).nonzero()[:, 0]
            if not len(unfinished):
                break
            for each in (evaluator, difference, search):
                each.select(unfinished)
            points, numbers = points[unfinished], numbers[unfinished]
    return [outcomes[number] for number in range(len(images))]
