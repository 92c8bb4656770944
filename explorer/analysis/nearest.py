"""The tightening phase of finished searches, and what it makes of their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from explorer.analysis.measurement import Measurements
from explorer.images.encoding import to_8bit, to_png
from explorer.metrics.match import Match
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
    problem: Problem,
    traces: Sequence[Trace],
    which: Sequence[int],
    callback: Callback | None = None,
) -> dict[int, Tightened]:
    """The images of these traces, by number, as near to their seeds as their goals allow.

    Where a search did not reach its goal, the distance that it reached takes the goal's place. The
    callback's steps are the passes of this phase. Raises as
    `explorer.synthesis.tightening.tighten`.
    """
    images = torch.stack([traces[each].iri for each in which]).to(problem.targets.device)
    longest = max(trace.steps for trace in traces)
    if callback is not None:
        callback = of_all_samples(callback, traces, which, problem)
    allowed = allowed_distances(problem, traces, which)
    found = tighten(problem.selected(which), images, allowed, budget_after(longest), callback)
    return dict(zip(which, found, strict=True))


def allowed_distances(
    problem: Problem, traces: Sequence[Trace], which: Sequence[int]
) -> list[float]:
    """The relative distance that each image may have: its goal, or what its search reached."""
    reached = [traces[each].relative_l2[traces[each].best_step] for each in which]
    return [
        max(problem.goals[each], (1 + _ROUNDING) * distance)
        for each, distance in zip(which, reached, strict=True)
    ]


def of_all_samples(
    callback: Callback, traces: Sequence[Trace], which: Sequence[int], problem: Problem
) -> Callback:
    """A callback that is told of some samples, and tells this one of all of them."""
    images = torch.stack([trace.iri for trace in traces]).to(problem.targets.device)
    reached = [trace.relative_l2[trace.best_step] for trace in traces]
    return _Whole(callback, which, images, torch.tensor(reached).to(images))


class _Whole:
    """Tells a callback of all samples, those of which nothing is taken back included."""

    def __init__(
        self,
        callback: Callback,
        which: Sequence[int],
        images: Tensor,
        relative_l2: Tensor,
    ) -> None:
        self._callback, self._which = callback, list(which)
        self._images, self._relative_l2 = images.clone(), relative_l2

    def cancelled(self) -> bool:
        return self._callback.cancelled()

    def due(self) -> bool:
        return self._callback.due()

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        self._images[self._which], self._relative_l2[self._which] = images, relative_l2
        self._callback.report(step, self._relative_l2, self._images)


def is_lost(searched: tuple[Match, Match], nearest: Measurements) -> bool:
    """Whether only the image as searched is a match, so that it has to be the result.

    Within a large goal the null and the class, which the phase does not see, may be lost.
    searched: its match, and that in 8 bits.
    """
    still = nearest.match.same and nearest.match_8bit.same
    return all(match.same for match in searched) and not still


def tightened(
    result: Result,
    trace: Trace,
    phase: Tightened,
    searched: tuple[tuple[Comparison, ...], PerceptualVerdict],
    seconds: float,
) -> Result:
    """The result of the nearest image, with what the phase did and the image as searched.

    searched: how the image as searched looks to a person (`explorer.analysis.measurement`).
    seconds: of the phase.
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
            seconds=round(seconds, 3),
            rms=tuple(float(f"{per_pixel * each:.5g}") for each in phase.moved),
            bound=float(f"{per_pixel * phase.bound:.5g}"),
            searched_relative_l2=trace.relative_l2[trace.best_step],
            searched_perceptual=comparisons,
            searched_person=person,
        ),
    )
