"""The samples of a batch that are still on their way, and what each has come to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.synthesis.looking import Pass
from explorer.synthesis.state import State

PLATEAU_STEPS = 50
PLATEAU_GAIN = 0.01


@dataclass(frozen=True)
class Trace:
    """What one sample's run left behind.

    iri: the best iterate (or the last one, if the optimiser keeps that), float32 3×H×W in [0, 1].
    loss, relative_l2: of every image looked at, one value a pass from 0; not all are steps down,
    for L-BFGS takes back a step that brings too little.
    frames: (step, uint8 H×W×3), key frames at steps 0, 1, 2, 4, 8, …
    stopped: `goal`, `budget`, or `plateau`: the last PLATEAU_STEPS steps of an optimiser that is
    not slowed down by its schedule brought less than PLATEAU_GAIN of the loss.
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
        """Steps taken until this sample was done."""
        return len(self.loss) - 1


@dataclass
class Samples(State):
    """N samples, of which some can go on without the others.

    step: how many passes have been noted. number: their places among the samples at the start.
    may_end: whether reaching `goal`, a relative distance, ends the sample. end: the step with which
    it is done. settled: whether that was a plateau. curves: loss and relative distance,
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
    settled: Tensor
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
        """All of them, with nothing noted yet; seeds N×3×H×W on the device."""
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
            settled=torch.zeros(count, dtype=torch.bool, device=device),
            curves=torch.zeros((count, 2, steps + 1), device=device),
            lowest=torch.zeros((count, steps + 1), device=device),
        )

    def note(self, judged: Pass, steady: bool | Tensor, keeps_last: bool) -> None:
        """Take down what a pass found, and whether that ends a sample; never waits."""
        step, place = self.step, self.step.view(1)
        said = torch.stack([judged.loss, judged.relative_l2], 1)
        self.curves.index_copy_(2, place, said[:, :, None].to(self.curves.dtype))
        going = step <= self.end
        better = (judged.score < self.best_score) & going
        self.best_score = torch.where(better, judged.score, self.best_score)
        kept = going if keeps_last else better
        self.best_step = torch.where(kept, step, self.best_step)
        self.best = torch.where(kept.view(-1, 1, 1, 1), judged.images, self.best)
        self.lowest.index_copy_(1, place, self.best_score[:, None].to(self.lowest.dtype))
        arrived = self.may_end & (judged.relative_l2 <= self.goal) & (step < self.end)
        self.end = torch.where(arrived, step, self.end)
        before = self.lowest.index_select(1, (place - PLATEAU_STEPS).clamp_min(0))[:, 0]
        little = before - self.best_score < PLATEAU_GAIN * self.best_score.abs()
        stays = little & (step >= PLATEAU_STEPS) & (step < self.end) & steady
        self.settled = self.settled | stays
        self.end = torch.where(stays, step, self.end)
        self.step = step + 1

    def only(self, places: Tensor) -> Samples:
        """The samples at these places, (M,) integers; these stay as they are."""
        others = copy.copy(self)
        others.keep(places)
        return others

    def traces(
        self, weights: list[dict[str, float]], frames: dict[int, list[tuple[int, Tensor]]]
    ) -> dict[int, Trace]:
        """What they have come to, by their number; weights by place, frames by number."""
        places = torch.arange(len(self.number), device=self.number.device)
        arrived = self.may_end & (self.curves[places, 1, self.end] <= self.goal)
        curves, best = self.curves.cpu(), self.best.cpu()
        found = zip(
            self.number.tolist(),
            self.end.tolist(),
            self.best_step.tolist(),
            arrived.tolist(),
            self.settled.tolist(),
            strict=True,
        )
        return {
            number: Trace(
                iri=best[place].clone(),
                loss=curves[place, 0, : end + 1].tolist(),
                relative_l2=curves[place, 1, : end + 1].tolist(),
                frames=[(step, image.cpu()) for step, image in frames[number] if step <= end],
                best_step=best_step,
                stopped="goal" if reached else "plateau" if settled else "budget",
                weights=weights[place],
            )
            for place, (number, end, best_step, reached, settled) in enumerate(found)
        }
