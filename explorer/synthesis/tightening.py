"""The tightening phase: of the images that match, towards the one nearest to the seed.

IRI_ε(x₀, x_t) is the picture in [0, 1] nearest to the seed (ℓ₂ on pixels) whose relative distance
is at most ε. What a search for the match alone finds depends on the search; this does not, or by
the gap that it reports.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.models.precision import full_precision
from explorer.synthesis.cuda_graphs import CudaGraphs, Recorder, Replay
from explorer.synthesis.evaluator import Evaluation, Evaluator
from explorer.synthesis.loop import CUDA_CHECK_INTERVAL, Callback, Cancelled
from explorer.synthesis.nearest import NearestSearch, linear_bound
from explorer.synthesis.optimizers.constants import NEAREST
from explorer.synthesis.problem import Problem
from explorer.synthesis.state import State

STALLED, BUDGET = "stalled", "budget"


@dataclass(frozen=True)
class Tightened:
    """The outcome of one sample.

    image: float32 3×H×W in [0, 1], the nearest to the seed that was found with a relative distance
    of at most `allowed`. moved: ‖x − x₀‖ after each pass, the least so far, of all pixels and
    channels; the first one is where the phase started. bound: see
    `explorer.synthesis.nearest.linear_bound`. stopped: `stalled`, where passes brought the image
    no nearer, or `budget`.
    """

    image: Tensor
    relative_l2: float
    allowed: float
    moved: tuple[float, ...]
    bound: float
    stopped: str

    @property
    def passes(self) -> int:
        """Forward and backward passes, the one that evaluates the start included."""
        return len(self.moved)

    @property
    def gap(self) -> float:
        """By how much the image may still be too far from the seed, as a share of the bound."""
        return self.moved[-1] / self.bound - 1 if self.bound > 0 else 0.0


def budget_after(search_passes: int) -> int:
    """How many passes the phase may take after a search that took so many."""
    return max(search_passes, NEAREST.min_passes)


def tighten(
    problem: Problem,
    images: Tensor,
    allowed: Sequence[float],
    passes: int,
    callback: Callback | None = None,
    recorder: Recorder | None = None,
) -> list[Tightened]:
    """Each image as near to its seed as its distance allowed lets it, within `passes`.

    problem: losses that ask for the match alone, in pixels. images: N×3×H×W in [0, 1] on the
    network's device, whose relative distances are at most `allowed`, ε of each. recorder: as of
    `explorer.synthesis.loop.synthesise`. Exact gradients, whatever the search before it used.
    Where the device has too little memory for all samples at once, one half is made after the
    other. Raises Cancelled when the callback says so.
    """
    recorder = recorder or (CudaGraphs() if problem.targets.is_cuda else None)
    shown = images.clone()

    def part(first: int, last: int) -> list[Tightened]:
        try:
            return _tighten(
                problem.part(first, last),
                images[first:last],
                allowed[first:last],
                passes,
                callback,
                recorder,
                _Shown(shown, first),
            )
        except torch.OutOfMemoryError:
            if last - first == 1:
                raise
        middle = (first + last) // 2
        return part(first, middle) + part(middle, last)

    with full_precision():
        return part(0, len(problem))


class _Shown:
    """What a callback sees of all samples: the images N×3×H×W, written in place from `first` on."""

    def __init__(self, images: Tensor, first: int) -> None:
        self.images, self._first = images, first
        self.relative_l2 = images.new_zeros(len(images))

    def update(self, numbers: Tensor, images: Tensor, relative_l2: Tensor) -> None:
        self.images[self._first + numbers] = images
        self.relative_l2[self._first + numbers] = relative_l2


class _TighteningStep(State):
    """One pass of all samples: evaluate, record the distance moved, ask where to go next.

    number: (N,), of each sample. curve: N×passes, the least distance from the seed so far.
    stalled: (N,), whether the last NEAREST.stall_window passes brought too little.
    """

    label = "tightening passes"

    def __init__(self, evaluate: Evaluator, search: NearestSearch, points: Tensor, passes: int):
        self._evaluate, self.search, self.points = evaluate, search, points.flatten(1)
        self._shape = points.shape[1:]
        count, device = len(points), points.device
        self.number = torch.arange(count, device=device)
        self.curve = torch.zeros(count, passes, device=device)
        self.stalled = torch.zeros(count, dtype=torch.bool, device=device)
        self._pass = torch.zeros((), dtype=torch.long, device=device)

    def __call__(self) -> Evaluation:
        """The evaluation of this pass."""
        evaluation = self._evaluate(self.points.view(-1, *self._shape), None)
        self.points = self.search.next(
            self.points, evaluation.relative_l2, evaluation.gradient.flatten(1)
        )
        index, moved = self._pass.view(1), self.search.moved
        self.curve.index_copy_(1, index, moved[:, None])
        window = NEAREST.stall_window
        before = self.curve.index_select(1, (index - window).clamp_min(0))[:, 0]
        little = moved >= (1 - NEAREST.stall_tolerance) * before
        # What does not match yet may be much nearer already.
        arrived = self.search.distance >= (1 - NEAREST.arrival_tolerance) * moved
        self.stalled = little & arrived & before.isfinite() & (self._pass >= window)
        self._pass = self._pass + 1
        return evaluation


def _tighten(
    problem: Problem,
    images: Tensor,
    allowed: Sequence[float],
    passes: int,
    callback: Callback | None,
    recorder: Recorder | None,
    shown: _Shown,
) -> list[Tightened]:
    """As `tighten`, all samples at once."""
    evaluator = Evaluator(problem)
    parametrisation = evaluator.parametrisation
    bounds = parametrisation.bounds
    origin, points = (parametrisation.start(each) for each in (problem.seeds, images))
    limits = torch.tensor(list(allowed), device=images.device)
    step = _TighteningStep(
        evaluator, NearestSearch(origin.flatten(1), limits, bounds), points, passes
    )
    replay = Replay(step, recorder if evaluator.deterministic else None)
    # Of a grey image the one channel counts three times, as in the image.
    scale = (images[0].numel() / points[0].numel()) ** 0.5
    interval = CUDA_CHECK_INTERVAL if images.is_cuda else 1
    outcomes: dict[int, Tightened] = {}

    def finish(indices: Tensor, done: int) -> None:
        search = copy.copy(step.search)
        search.select(indices)
        bound = linear_bound(
            search.origin,
            search.best,
            search.best_relative_l2,
            search.best_gradient,
            search.allowed,
            bounds,
        )
        best = parametrisation.images(search.best.view(-1, *points.shape[1:])).cpu()
        curves = scale * step.curve[indices, :done].cpu()
        for place, number in enumerate(step.number[indices].tolist()):
            outcomes[number] = Tightened(
                image=best[place].clone(),
                relative_l2=float(search.best_relative_l2[place]),
                allowed=float(search.allowed[place]),
                moved=tuple(curves[place].tolist()),
                bound=scale * float(bound[place]),
                stopped=STALLED if step.stalled[indices[place]] else BUDGET,
            )

    for number in range(1, passes + 1):
        if callback is not None and callback.cancelled():
            raise Cancelled(f"cancelled after {number - 1} passes towards the seed")
        evaluation = replay()
        if number % interval and number < passes:
            continue
        if callback is not None and callback.due():
            shown.update(step.number, evaluation.images, evaluation.relative_l2)
            callback.report(number, shown.relative_l2, shown.images)
        ended = step.stalled if number < passes else torch.ones_like(step.stalled)
        if bool(ended.any()):
            finish(ended.nonzero()[:, 0], number)
            if bool(ended.all()):
                break
            unfinished = (~ended).nonzero()[:, 0]
            step.select(unfinished)
            evaluator.select(unfinished)
            replay.reset()
    return [outcomes[number] for number in range(len(images))]
