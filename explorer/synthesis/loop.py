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
from explorer.synthesis.parametrisation import parametrisation_called
from explorer.synthesis.relu import passing_every_gradient
from explorer.synthesis.transforms import RandomTransforms

FRAME_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
CUDA_LOOK_EVERY = 10
PLATEAU_STEPS = 50
PLATEAU_GAIN = 0.01


class Cancelled(Exception):
    """Somebody asked the loop to stop."""


class NotFinite(ArithmeticError):
    """The loss or its gradient became infinite or not a number."""


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
    rng_seeds: Sequence[int] | None = None,
    relu_passes: bool = False,
) -> list[Trace]:
    """One IRI per sample; targets and seeds N×3×H×W in [0, 1] on the network's device.

    rng_seeds: of the generators that draw the random transforms, where the losses have them.
    relu_passes: whether the ReLU that ends the layer passes every gradient on.
    All losses share one parametrisation, and either all have transforms or none. An image is always
    judged as it is: its loss, match and score are those without transforms.

    A sample whose loss is nothing but the match ends when its goal (relative distance at the
    layer) is reached, every sample when it gets no further; the loop ends when all have, or the
    budget of `steps` is spent. The box [0, 1] is enforced outside autograd: torch.clamp inside
    would pass no gradient at its bounds and freeze every pixel that starts there.

    Raises Cancelled, RequestError where a ReLU's gradient is to be replaced and there is none, or
    NotFinite with the step at which the loss stopped being a number, and the term that made it so.
    """
    device, count = targets.device, targets.shape[0]
    network = folded(network, layer)
    with torch.no_grad():
        target_representation = representation(network, layer, targets)

    def seen(images: Tensor, shown: Tensor) -> Scene:
        """The images, judged by what the network makes of `shown`."""
        made = representation(network, layer, shown)
        if relu_passes and torch.is_grad_enabled():
            made = passing_every_gradient(made, layer)
        return Scene(images, made, target_representation, targets, seeds, distance)

    def blame(images: Tensor) -> str:
        images = images.detach().requires_grad_(True)
        terms = objective.not_finite(seen(images, images))
        return f", because of the term {' and '.join(map(repr, terms))}" if terms else ""

    objective = Objective(losses, device)
    may_end = torch.tensor([loss.only_match for loss in losses], device=device)
    goal = torch.tensor(list(goals), device=device)
    form = parametrisation_called(losses[0].parametrisation, tuple(seeds.shape[-2:]))
    moved = RandomTransforms(rng_seeds or range(count)) if losses[0].transforms else None

    parameters = form.start(seeds)
    is_norm = torch.tensor([loss.is_norm for loss in losses], device=device)
    descent = optimiser.start(parameters, steps, form.bounds, is_norm)
    look_every = CUDA_LOOK_EVERY if device.type == "cuda" else 1

    best = torch.empty_like(seeds)
    best_score = torch.full((count,), torch.inf, device=device)
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
        parameters = parameters.detach().requires_grad_(True)
        images = form.images(parameters)
        if step in FRAME_STEPS:
            frames.append((step, _to_8bit(images)))
        if moved is None:
            descended = judged = objective(seen(images, images))
        else:
            with torch.no_grad():
                judged = objective(seen(images, images))
            descended = objective(seen(images, moved(images)))
        with torch.no_grad():
            curves[0, step], curves[1, step] = judged.loss, judged.relative_l2
            better = (judged.score < best_score) & (step <= end)
            best_score = torch.where(better, judged.score, best_score)
            best_step = torch.where(better, step, best_step)
            keep = (step <= end) if optimiser.keeps_last else better
            best = torch.where(keep.view(-1, 1, 1, 1), images, best)
            lowest[step] = best_score
            arrived = may_end & (judged.relative_l2 <= goal) & (step < end)
            end = torch.where(arrived, step, end)
            if step >= PLATEAU_STEPS:
                gain = lowest[step - PLATEAU_STEPS] - best_score
                stays = (gain < PLATEAU_GAIN * best_score.abs()) & (step < end) & descent.steady
                settled |= stays
                end = torch.where(stays, step, end)
        taken = step
        looks = step % look_every == 0 or step == steps
        if looks:
            for loss in (judged.loss, descended.loss):
                if not _finite(loss):
                    total = float(loss.detach().sum())
                    raise NotFinite(f"the loss is {total} at step {step}{blame(images)}")
            if watcher is not None and watcher.wants():
                watcher.report(step, judged.relative_l2, images.detach())
            if bool((end <= step).all()):
                break
        (gradient,) = torch.autograd.grad(descended.loss.sum(), parameters)
        if looks and not _finite(gradient):
            raise NotFinite(f"the gradient is not finite at step {step}{blame(images)}")
        with torch.no_grad():
            parameters = descent.next(parameters.detach(), descended.loss.detach(), gradient)

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


def _finite(values: Tensor) -> bool:
    return bool(torch.isfinite(values).all())


def _to_8bit(images: Tensor) -> Tensor:
    """N×3×H×W in [0, 1] to uint8 N×H×W×3, as PNG pixels."""
    return (images.detach() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
