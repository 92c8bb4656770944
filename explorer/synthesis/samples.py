"""The samples of a batch that are unfinished, and the best image of each so far."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.synthesis.evaluator import Evaluation
from explorer.synthesis.state import State

PLATEAU_WINDOW = 50
PLATEAU_TOLERANCE = 0.01


@dataclass(frozen=True)
class Trace:
    """The outcome of one sample.

    iri: the best iterate (or the last one, if the optimiser keeps that), float32 3×H×W in [0, 1].
    loss, relative_l2: of every image evaluated, from step 0; not all are steps down, for L-BFGS
    takes back a step that brings too little.
    frames: (step, uint8 H×W×3), key frames at steps 0, 1, 2, 4, 8, …
    stopped: `goal`, `budget`, or `plateau`: the last PLATEAU_WINDOW steps of an optimiser that is
    not slowed down by its schedule brought less than PLATEAU_TOLERANCE of the loss.
    """

    iri: Tensor
    loss: list[float]
    relative_l2: list[float]
    frames: list[tuple[int, Tensor]]
    best_step: int
    stopped: str
    weights: dict[str, float]

    @property
    def steps(self) -> int:
        """Steps until this sample ended."""
        return len(self.loss) - 1


@dataclass
class Samples(State):
    """N samples, of which some can go on without the others.

    step: how many evaluations have been recorded. number: of each sample, from 0, at the start.
    may_end: whether reaching `goal`, a relative distance, ends the sample. end: the step with which
    it ends. at_plateau: whether that was a plateau. curves: loss and relative distance,
    N×2×(steps + 1). lowest: the best score up to each step, N×(steps + 1).
    """

    step: Tensor
    number: Tensor
    goal: Tensor
    may_end: Tensor
    best: Tensor
    best_score: Tensor
    best_step: Tensor
    end: Tensor
    at_plateau: Tensor
    curves: Tensor
    lowest: Tensor

    @classmethod
    def at_start(
        cls,
        seeds: Tensor,
        goals: Sequence[float],
        may_end: Sequence[bool],
        steps: int,
    ) -> Samples:
        """All of them, with nothing recorded yet; seeds N×3×H×W on the device."""
        count, device = len(seeds), seeds.device
        return cls(
            step=torch.zeros((), dtype=torch.long, device=device),
            number=torch.arange(count, device=device),
            goal=torch.tensor(list(goals), device=device),
            may_end=torch.tensor(list(may_end), device=device),
            best=seeds.clone(),
            best_score=torch.full((count,), torch.inf, device=device),
            best_step=torch.zeros(count, dtype=torch.long, device=device),
            end=torch.full((count,), steps, dtype=torch.long, device=device),
            at_plateau=torch.zeros(count, dtype=torch.bool, device=device),
            curves=torch.zeros((count, 2, steps + 1), device=device),
            lowest=torch.zeros((count, steps + 1), device=device),
        )

    def record(self, evaluation: Evaluation, stationary: bool | Tensor, keeps_last: bool) -> None:
        """Record an evaluation, and whether it ends a sample; never waits for the device."""
        step, index = self.step, self.step.view(1)
        values = torch.stack([evaluation.loss, evaluation.relative_l2], 1)
        self.curves.index_copy_(2, index, values[:, :, None].to(self.curves.dtype))
        unfinished = step <= self.end
        better = (evaluation.score < self.best_score) & unfinished
        self.best_score = torch.where(better, evaluation.score, self.best_score)
        kept = unfinished if keeps_last else better
        self.best_step = torch.where(kept, step, self.best_step)
        self.best = torch.where(kept.view(-1, 1, 1, 1), evaluation.images, self.best)
        self.lowest.index_copy_(1, index, self.best_score[:, None].to(self.lowest.dtype))
        reached = self.may_end & (evaluation.relative_l2 <= self.goal) & (step < self.end)
        self.end = torch.where(reached, step, self.end)
        before = self.lowest.index_select(1, (index - PLATEAU_WINDOW).clamp_min(0))[:, 0]
        little = before - self.best_score < PLATEAU_TOLERANCE * self.best_score.abs()
        plateau = little & (step >= PLATEAU_WINDOW) & (step < self.end) & stationary
        self.at_plateau = self.at_plateau | plateau
        self.end = torch.where(plateau, step, self.end)
        self.step = step + 1

    def selected(self, indices: Tensor) -> Samples:
        """The samples at these indices, (M,) integers; these stay as they are."""
        others = copy.copy(self)
        others.select(indices)
        return others

    def traces(
        self, weights: list[dict[str, float]], frames: dict[int, list[tuple[int, Tensor]]]
    ) -> dict[int, Trace]:
        """Their traces by number; weights by index, frames by number."""
        indices = torch.arange(len(self.number), device=self.number.device)
        reached = self.may_end & (self.curves[indices, 1, self.end] <= self.goal)
        curves, best = self.curves.cpu(), self.best.cpu()
        columns = zip(
            self.number.tolist(),
            self.end.tolist(),
            self.best_step.tolist(),
            reached.tolist(),
            self.at_plateau.tolist(),
            strict=True,
        )
        return {
            number: Trace(
                iri=best[index].clone(),
                loss=curves[index, 0, : end + 1].tolist(),
                relative_l2=curves[index, 1, : end + 1].tolist(),
                frames=[(step, image.cpu()) for step, image in frames[number] if step <= end],
                best_step=best_step,
                stopped="goal" if goal else "plateau" if plateau else "budget",
                weights=weights[index],
            )
            for index, (number, end, best_step, goal, plateau) in enumerate(columns)
        }
