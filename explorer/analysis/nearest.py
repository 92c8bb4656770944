"""The tightening phase of finished searches, and what it makes of their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from explorer.images.encoding import to_8bit, to_png
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict
from explorer.result import Result
from explorer.result.tightening import Tightening
from explorer.synthesis.loop import Callback
from explorer.synthesis.problem import Problem
from explorer.synthesis.samples import Trace
from explorer.synthesis.tightening import Tightened, budget_after, tighten

_ROUNDING = 1e-4
"""Relative distances of one image differ by less than this share between two batches."""


def tighten_traces(
    problem: Problem, traces: Sequence[Trace], callback: Callback | None = None
) -> list[Tightened]:
    """The image of each trace as near to its seed as the problem's goal allows.

    Where a search did not reach its goal, the distance that it reached takes the goal's place. The
    callback's steps are counted on from the longest search. Raises as
    `explorer.synthesis.tightening.tighten`.
    """
    images = torch.stack([trace.iri for trace in traces]).to(problem.targets.device)
    reached = [(1 + _ROUNDING) * trace.relative_l2[trace.best_step] for trace in traces]
    longest = max(trace.steps for trace in traces)
    return tighten(
        problem,
        images,
        [max(pair) for pair in zip(problem.goals, reached, strict=True)],
        budget_after(longest),
        None if callback is None else _CountedOn(callback, longest),
    )


class _CountedOn:
    """A callback whose steps are counted on from those of the search."""

    def __init__(self, callback: Callback, steps: int) -> None:
        self._callback, self._steps = callback, steps

    def cancelled(self) -> bool:
        return self._callback.cancelled()

    def due(self) -> bool:
        return self._callback.due()

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        self._callback.report(self._steps + step, relative_l2, images)


def tightened(
    result: Result,
    trace: Trace,
    phase: Tightened,
    searched: tuple[tuple[Comparison, ...], PerceptualVerdict],
) -> Result:
    """The result of the nearest image, with what the phase did and the image as searched.

    searched: how the image as searched looks to a person (`explorer.analysis.measurement`).
    """
    per_pixel = trace.iri.numel() ** -0.5
    comparisons, person = searched
    return replace(
        result,
        searched_png=to_png(to_8bit(trace.iri.numpy())),
        tightening=Tightening(
            allowed=phase.allowed,
            passes=phase.passes,
            stopped=phase.stopped,
            rms=tuple(float(f"{per_pixel * each:.5g}") for each in phase.moved),
            bound=float(f"{per_pixel * phase.bound:.5g}"),
            searched_relative_l2=trace.relative_l2[trace.best_step],
            searched_perceptual=comparisons,
            searched_person=person,
        ),
    )
