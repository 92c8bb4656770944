"""The batched loop that makes IRIs: descend on the loss, project into [0, 1], keep the best."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from explorer.losses.term import Distance
from explorer.losses.variants import Loss
from explorer.models.network import Network
from explorer.models.precision import full_precision
from explorer.synthesis.looking import Looking, Pass
from explorer.synthesis.optimisers import Optimiser
from explorer.synthesis.replay import CudaGraphs, Recorder
from explorer.synthesis.samples import Samples, Trace
from explorer.synthesis.way import Going, Way

FRAME_STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
CUDA_LOOK_EVERY = 10
CROWDED = 0.75  # at this share of samples still on their way, the others no longer take part


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
    recorder: Recorder | None = None,
) -> list[Trace]:
    """One IRI per sample; targets and seeds N×3×H×W in [0, 1] on the network's device.

    rng_seeds: of the generators that draw the random transforms, where the losses have them.
    relu_passes: whether the ReLU that ends the layer passes every gradient on.
    recorder: replays steps instead of calling for each kernel anew; on a GPU that is done with CUDA
    graphs where nothing is said. Random transforms differ from step to step: never replayed.
    All losses share one parametrisation, and either all have transforms or none. Where the device
    has too little memory for all samples at once, one half is made after the other. An image is
    always judged as it is: its loss, match and score are those without transforms.

    A sample whose loss is nothing but the match ends when its goal (relative distance at the
    layer) is reached, every sample when it gets no further; the others go on without those that
    have, and the loop ends when all have, or the budget of `steps` is spent. The box [0, 1] is
    enforced outside autograd: torch.clamp inside would pass no gradient at its bounds and freeze
    every pixel that starts there.

    Raises Cancelled, RequestError where a ReLU's gradient is to be replaced and there is none, or
    NotFinite with the step at which the loss stopped being a number, and the term that made it so.
    """
    shown = _Shown(seeds)
    numbers = list(rng_seeds or range(len(targets)))

    def made(first: int, last: int) -> list[Trace]:
        part = slice(first, last)
        try:
            return _descend(
                Looking(
                    network,
                    layer,
                    targets[part],
                    seeds[part],
                    losses[part],
                    distance,
                    numbers[part],
                    relu_passes,
                    optimiser.soft,
                ),
                seeds[part],
                losses[part],
                goals[part],
                optimiser,
                steps,
                watcher,
                shown.of(first),
                recorder or (CudaGraphs() if targets.is_cuda else None),
            )
        except torch.OutOfMemoryError:
            if last - first == 1:
                raise
        middle = (first + last) // 2
        return made(first, middle) + made(middle, last)

    with full_precision():
        return made(0, len(targets))


@torch.no_grad()
def _descend(
    look: Looking,
    seeds: Tensor,
    losses: Sequence[Loss],
    goals: Sequence[float],
    optimiser: Optimiser,
    steps: int,
    watcher: Watcher | None,
    shown: _Shown,
    recorder: Recorder | None,
) -> list[Trace]:
    """One trace per sample that `look` looks at; the rest as `synthesise`."""
    samples = Samples.at_start(seeds, goals, [loss.only_match for loss in losses], steps)
    parameters = look.form.start(seeds)
    is_norm = torch.tensor([loss.is_norm for loss in losses], device=seeds.device)
    descent = optimiser.start(parameters, steps, look.form.bounds, is_norm)
    way = Way(look, descent, samples, parameters, optimiser.keeps_last)
    go = Going(way, recorder if look.alike else None)
    look_every = CUDA_LOOK_EVERY if seeds.is_cuda else 1

    frames: dict[int, list[tuple[int, Tensor]]] = {number: [] for number in range(len(seeds))}
    traces: dict[int, Trace] = {}
    for step in range(steps + 1):
        if watcher is not None and watcher.cancelled():
            raise Cancelled(f"cancelled at step {step}")
        found = go()
        samples = way.samples
        if step in FRAME_STEPS:
            for number, image in zip(samples.number.tolist(), _to_8bit(found.images), strict=True):
                frames[number].append((step, image))
        if step % look_every and step < steps:
            continue
        _check_finite(step, found, look)
        if watcher is not None and watcher.wants():
            shown.take(samples.number, found.relative_l2, found.images)
            watcher.report(step, shown.relative_l2, shown.images)
        going = (samples.end > step).nonzero()[:, 0]
        if not len(going):
            break
        if len(going) <= CROWDED * len(samples.number):
            over = (samples.end <= step).nonzero()[:, 0]
            shown.take(samples.number, found.relative_l2, samples.best)
            weights = look.weights()
            traces |= samples.only(over).traces([weights[place] for place in over.tolist()], frames)
            for part in (way, look):
                part.keep(going)
            go.forget()
        elif descent.rests():
            go.forget()
    traces |= way.samples.traces(look.weights(), frames)
    return [traces[number] for number in range(len(seeds))]


def _check_finite(step: int, found: Pass, look: Looking) -> None:
    """Raise NotFinite where a loss or a gradient is not."""
    # A sum tells sooner: it is finite only where all that it is of is.
    if math.isfinite(found.loss.sum() + found.descended.sum() + found.gradient.sum()):
        return
    for loss in (found.loss, found.descended):
        if not _finite(loss):
            blamed = look.blame(found.images)
            raise NotFinite(f"the loss is {float(loss.sum())} at step {step}{blamed}")
    if not _finite(found.gradient):
        raise NotFinite(f"the gradient is not finite at step {step}{look.blame(found.images)}")


class _Shown:
    """What an onlooker sees of all samples, those that are done included: the last of each.

    first: the place among them of the sample that goes by number 0.
    """

    def __init__(self, seeds: Tensor) -> None:
        self.relative_l2, self.images = seeds.new_zeros(len(seeds)), seeds.clone()
        self._first = 0

    def of(self, first: int) -> _Shown:
        """The same, for samples that are numbered from `first` on."""
        other = copy.copy(self)
        other._first = first
        return other

    def take(self, numbers: Tensor, relative_l2: Tensor, images: Tensor) -> None:
        """Bring these ones up to date: relative distances (N,) and images N×3×H×W."""
        self.relative_l2[self._first + numbers] = relative_l2
        self.images[self._first + numbers] = images


def _finite(values: Tensor) -> bool:
    return bool(torch.isfinite(values).all())


def _to_8bit(images: Tensor) -> Tensor:
    """N×3×H×W in [0, 1] to uint8 N×H×W×3, as PNG pixels."""
    return (images.detach() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
