"""The batched loop that makes IRIs: descend on the loss, project into [0, 1], keep the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.objectives.objective import Objective
from explorer.objectives.terms import Distance, Scene
from explorer.objectives.variants import Loss
from explorer.synthesis.folding import folded
from explorer.synthesis.optimisers import Optimiser

FRAME_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
BOX = (0.0, 1.0)
CUDA_LOOK_EVERY = 10
PLATEAU_STEPS = 50
PLATEAU_GAIN = 0.01


class Cancelled(Exception):
    """Somebody asked the loop to stop."""


class NotFinite(ArithmeticError):
    """The loss became infinite or not a number."""


class Watcher(Protocol):
    """Who looks on while the loop runs."""

    def cancelled(self) -> bool:
        """Asked before every step; true stops the loop with Cancelled."""

    def wants(self) -> bool:
        """Whether a report is due; asked each time the loop looks at its numbers."""

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        """Numbers (N,) and images (N×3×H×W) as they are after `step` steps."""


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


def synthesise(
    network: Network,
    layer: str,
    targets: Tensor,
    seeds: Tensor,
    losses: Sequence[Loss],
    goals: Sequence[float],
    optimiser: Optimiser,
    steps: int,
    distance: Distance | None = None,
    watcher: Watcher | None = None,
) -> list[Trace]:
    """One IRI per sample; targets and seeds N×3×H×W in [0, 1] on the network's device.

    A sample whose loss is nothing but the match ends when its goal (relative distance at the
    layer) is reached, every sample when it gets no further; the loop ends when all have, or the
    budget of `steps` is spent. The box [0, 1] is enforced outside autograd: torch.clamp inside
    would pass no gradient at its bounds and freeze every pixel that starts there.

    Raises Cancelled, or NotFinite with the step at which the loss stopped being a number.
    """
    device, count = targets.device, targets.shape[0]
    network = folded(network, layer)
    with torch.no_grad():
        target_representation = representation(network, layer, targets)
    objective = Objective(losses, device)
    may_end = torch.tensor([loss.only_representation for loss in losses], device=device)
    goal = torch.tensor(list(goals), device=device)

    images = seeds.clone().requires_grad_(True)
    descent = optimiser.start(seeds, steps, BOX, may_end)
    look_every = CUDA_LOOK_EVERY if device.type == "cuda" else 1

    best = images.detach().clone()
    best_loss = torch.full((count,), torch.inf, device=device)
    best_step = torch.zeros(count, dtype=torch.long, device=device)
    end = torch.full((count,), steps, dtype=torch.long, device=device)
    settled = torch.zeros(count, dtype=torch.bool, device=device)
    curves = torch.empty((2, steps + 1, count), device=device)
    lowest = torch.empty((steps + 1, count), device=device)
    frames: list[tuple[int, Tensor]] = []

    taken = 0
    for step in range(steps + 1):
        if watcher is not None and watcher.cancelled():
            raise Cancelled(f"cancelled at step {step}")
        if step in FRAME_STEPS:
            frames.append((step, _to_8bit(images)))
        scene = Scene(
            images,
            representation(network, layer, images),
            target_representation,
            targets,
            seeds,
            distance,
        )
        loss, relative = objective(scene)
        with torch.no_grad():
            curves[0, step], curves[1, step] = loss, relative
            better = (loss < best_loss) & (step <= end)
            best_loss = torch.where(better, loss, best_loss)
            best_step = torch.where(better, step, best_step)
            keep = (step <= end) if optimiser.keeps_last else better
            best = torch.where(keep.view(-1, 1, 1, 1), images, best)
            lowest[step] = best_loss
            arrived = may_end & (relative <= goal) & (step < end)
            end = torch.where(arrived, step, end)
            if optimiser.steady and step >= PLATEAU_STEPS:
                gain = lowest[step - PLATEAU_STEPS] - best_loss
                stays = (gain < PLATEAU_GAIN * best_loss.abs()) & (step < end)
                settled |= stays
                end = torch.where(stays, step, end)
        taken = step
        if step % look_every == 0 or step == steps:
            if not torch.isfinite(curves[0, step]).all():
                raise NotFinite(f"the loss is {float(curves[0, step].sum())} at step {step}")
            if watcher is not None and watcher.wants():
                watcher.report(step, relative, images.detach())
            if bool((end <= step).all()):
                break
        (gradient,) = torch.autograd.grad(loss.sum(), images)
        with torch.no_grad():
            images = descent.next(images.detach(), loss.detach(), gradient)
        images = images.detach().requires_grad_(True)

    end = end.clamp_max(taken)
    if optimiser.keeps_last:
        best_step = end
    reached = may_end & (curves[1][end, torch.arange(count, device=device)] <= goal)
    stopped = [
        "goal" if arrived else "plateau" if stays else "budget"
        for arrived, stays in zip(reached.tolist(), settled.tolist(), strict=True)
    ]
    return _traces(best, best_step, end, stopped, curves, frames, objective)


def _traces(best, best_step, end, stopped, curves, frames, objective) -> list[Trace]:
    curves, weights = curves.cpu(), objective.weights()
    return [
        Trace(
            iri=best[index].cpu(),
            loss=curves[0, : stop + 1, index].tolist(),
            relative_l2=curves[1, : stop + 1, index].tolist(),
            frames=[(step, images[index].cpu()) for step, images in frames if step <= stop],
            best_step=int(best_step[index]),
            stopped=stopped[index],
            weights=weights[index],
        )
        for index, stop in enumerate(end.tolist())
    ]


def _to_8bit(images: Tensor) -> Tensor:
    """N×3×H×W in [0, 1] to uint8 N×H×W×3, as PNG pixels."""
    return (images.detach() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
