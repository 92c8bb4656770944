"""The batched loop that makes IRIs: minimise the loss, project into [0, 1], keep the best."""

from __future__ import annotations

import copy
import math
from typing import Protocol

import torch
from torch import Tensor

from explorer.models.precision import full_precision
from explorer.synthesis.cuda_graphs import CudaGraphs, Recorder
from explorer.synthesis.evaluator import Evaluation, Evaluator
from explorer.synthesis.optimizers.record import Optimiser, Start
from explorer.synthesis.parametrisation import IRI_MARGIN
from explorer.synthesis.problem import Problem
from explorer.synthesis.samples import Samples, Trace
from explorer.synthesis.step import GraphedStep, Step

__all__ = ["Callback", "Cancelled", "NotFinite", "Problem", "Trace", "synthesise"]

FRAME_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
CUDA_CHECK_INTERVAL = 10  # steps between two looks at the numbers, which wait for the device
SHRINK_BELOW = 0.75  # the share of unfinished samples at which the finished ones leave the batch


class Cancelled(Exception):
    """The callback asked the loop to stop."""


class NotFinite(ArithmeticError):
    """The loss or its gradient became infinite or not a number."""


class Callback(Protocol):
    """Follows the progress of the loop."""

    def cancelled(self) -> bool:
        """Asked before every step; true stops the loop with Cancelled."""

    def due(self) -> bool:
        """Whether a report is due; asked each time the loop looks at its numbers."""

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        """Relative distances (N,) and images (N×3×H×W) after `step` steps."""


def synthesise(
    problem: Problem,
    optimiser: Optimiser,
    steps: int,
    callback: Callback | None = None,
    recorder: Recorder | None = None,
) -> list[Trace]:
    """One IRI for each sample of the problem, within a budget of `steps`.

    recorder: captures steps to replay them; None is CUDA graphs on a GPU and nothing on a CPU.
    Random transforms differ from step to step: they are never replayed.
    An image is always judged as it is: its loss, match and score are those without transforms.
    Where the device has too little memory for all samples at once, one half is made after the
    other.

    A sample whose loss is nothing but the match ends when its goal (relative distance at the
    layer) is reached, every sample when it gets no further; the others go on without those that
    have ended. The box [0, 1] is enforced outside autograd: torch.clamp inside would pass no
    gradient at its bounds and freeze every pixel that starts there.

    Raises Cancelled, RequestError where the gradient is to skip a ReLU and the layer ends in none,
    or NotFinite with the step at which the loss stopped being a number, and the term that did it.
    """
    progress = _Progress(problem.seeds if problem.starts is None else problem.starts)
    recorder = recorder or (CudaGraphs() if problem.targets.is_cuda else None)

    def traces_of(first: int, last: int) -> list[Trace]:
        try:
            return _minimise(
                problem.part(first, last),
                optimiser,
                steps,
                callback,
                progress.starting_at(first),
                recorder,
            )
        except torch.OutOfMemoryError:
            if last - first == 1:
                raise
        middle = (first + last) // 2
        return traces_of(first, middle) + traces_of(middle, last)

    with full_precision():
        return traces_of(0, len(problem))


@torch.no_grad()
def _minimise(
    problem: Problem,
    optimiser: Optimiser,
    steps: int,
    callback: Callback | None,
    progress: _Progress,
    recorder: Recorder | None,
) -> list[Trace]:
    """As `synthesise`, all samples at once."""
    seeds, starts = problem.seeds, problem.starts
    evaluator = Evaluator(problem, optimiser.surrogate_gradient)
    may_end = [loss.only_match for loss in problem.losses]
    samples = Samples.at_start(seeds if starts is None else starts, problem.goals, may_end, steps)
    if starts is None:
        parameters = evaluator.parametrisation.start(seeds)
    else:
        parameters = evaluator.parametrisation.start(starts, margin=IRI_MARGIN)
    is_norm = torch.tensor([loss.is_norm for loss in problem.losses], device=seeds.device)
    search = optimiser.build(
        Start(parameters, steps, evaluator.parametrisation.bounds, squared_loss=is_norm)
    )
    step = Step(evaluator, search, samples, parameters, optimiser.keeps_last)
    graphed = GraphedStep(step, recorder if evaluator.deterministic else None)
    check_interval = CUDA_CHECK_INTERVAL if seeds.is_cuda else 1

    frames: dict[int, list[tuple[int, Tensor]]] = {number: [] for number in range(len(seeds))}
    traces: dict[int, Trace] = {}
    for number in range(steps + 1):
        if callback is not None and callback.cancelled():
            raise Cancelled(f"cancelled at step {number}")
        evaluation = graphed()
        samples = step.samples
        if number in FRAME_STEPS:
            images = zip(samples.number.tolist(), _to_8bit(evaluation.images), strict=True)
            for sample, image in images:
                frames[sample].append((number, image))
        if number % check_interval and number < steps:
            continue
        _check_finite(number, evaluation, evaluator)
        if callback is not None and callback.due():
            progress.update(samples.number, evaluation.relative_l2, evaluation.images)
            callback.report(number, progress.relative_l2, progress.images)
        unfinished = (samples.end > number).nonzero()[:, 0]
        if not len(unfinished):
            break
        if len(unfinished) <= SHRINK_BELOW * len(samples.number):
            finished = (samples.end <= number).nonzero()[:, 0]
            progress.update(samples.number, evaluation.relative_l2, samples.best)
            traces |= samples.selected(finished).traces(_selected(evaluator, finished), frames)
            step.select(unfinished)
            evaluator.select(unfinished)
            graphed.reset()
        elif search.phase_changed():
            graphed.reset()
    traces |= step.samples.traces(evaluator.weights(), frames)
    return [traces[number] for number in range(len(seeds))]


def _selected(evaluator: Evaluator, indices: Tensor) -> list[dict[str, float]]:
    weights = evaluator.weights()
    return [weights[index] for index in indices.tolist()]


def _check_finite(step: int, evaluation: Evaluation, evaluator: Evaluator) -> None:
    """Raise NotFinite where a loss or a gradient is not."""
    # A sum tells sooner: it is finite only where all its summands are.
    loss, optimised, gradient = evaluation.loss, evaluation.optimised, evaluation.gradient
    if math.isfinite(loss.sum() + optimised.sum() + gradient.sum()):
        return
    for values, text in (
        (loss, f"the loss is {float(loss.sum())}"),
        (optimised, f"the loss is {float(optimised.sum())}"),
        (gradient, "the gradient is not finite"),
    ):
        if not bool(torch.isfinite(values).all()):
            terms = evaluator.nonfinite_terms(evaluation.images)
            because = f", because of the term {' and '.join(map(repr, terms))}" if terms else ""
            raise NotFinite(f"{text} at step {step}{because}")


class _Progress:
    """What a callback sees of all samples, finished ones included: the last of each.

    first: the index among them of the sample whose number is 0.
    """

    def __init__(self, seeds: Tensor) -> None:
        self.relative_l2, self.images = seeds.new_zeros(len(seeds)), seeds.clone()
        self._first = 0

    def starting_at(self, first: int) -> _Progress:
        """The same, for samples that are numbered from `first` on."""
        other = copy.copy(self)
        other._first = first
        return other

    def update(self, numbers: Tensor, relative_l2: Tensor, images: Tensor) -> None:
        """Relative distances (N,) and images N×3×H×W of the samples of these numbers."""
        self.relative_l2[self._first + numbers] = relative_l2
        self.images[self._first + numbers] = images


def _to_8bit(images: Tensor) -> Tensor:
    """N×3×H×W in [0, 1] to uint8 N×H×W×3, as PNG pixels."""
    return (images.detach() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
