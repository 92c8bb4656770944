"""The samples of a batch that are still on their way, and what each has come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from explorer.synthesis.looking import Pass

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
class Samples:
    """N samples; every field is N×…, so that some can go on without the others.

    number: their places among the samples at the start. may_end: whether reaching `goal`, a
    relative distance, ends the sample. end: the step with which it is done. settled: whether that
    was a plateau. curves: loss and relative distance, N×2×(steps + 1). lowest: the best score up
    to each step, N×(steps + 1).
    """

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
            number=torch.arange(count, device=device),
            goal=torch.tensor(list(goals), device=device),
            may_end=torch.tensor(list(may_end), device=device),
            best=torch.empty_like(seeds),
            best_score=torch.full((count,), torch.inf, device=device),
            best_step=torch.zeros(count, dtype=torch.long, device=device),
            end=torch.full((count,), steps, dtype=torch.long, device=device),
            settled=torch.zeros(count, dtype=torch.bool, device=device),
            curves=torch.empty((count, 2, steps + 1), device=device),
            lowest=torch.empty((count, steps + 1), device=device),
        )

    def note(
        self,
        step: int,
        judged: Pass,
        steady: bool | Tensor,
        keeps_last: bool,
    ) -> None:
        """Take down what was found at `step`, and whether that ends a sample; never waits."""
        self.curves[:, 0, step], self.curves[:, 1, step] = judged.loss, judged.relative_l2
        going = step <= self.end
        better = (judged.score < self.best_score) & going
        self.best_score = torch.where(better, judged.score, self.best_score)
        self.best_step = torch.where(going if keeps_last else better, step, self.best_step)
        kept = going if keeps_last else better
        self.best = torch.where(kept.view(-1, 1, 1, 1), judged.images, self.best)
        self.lowest[:, step] = self.best_score
        arrived = self.may_end & (judged.relative_l2 <= self.goal) & (step < self.end)
        self.end = torch.where(arrived, step, self.end)
        if step >= PLATEAU_STEPS:
            gain = self.lowest[:, step - PLATEAU_STEPS] - self.best_score
            stays = (gain < PLATEAU_GAIN * self.best_score.abs()) & (step < self.end) & steady
            self.settled |= stays
            self.end = torch.where(stays, step, self.end)

    def only(self, places: Tensor) -> Samples:
        """The samples at these places, (M,) integers."""
        return Samples(**{one.name: getattr(self, one.name)[places] for one in fields(self)})

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
