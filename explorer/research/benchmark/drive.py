"""Run one procedure on one task and time it: distances and seconds, pass by pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.losses.variants import loss_named
from explorer.research.benchmark.clock import Clock
from explorer.research.benchmark.references import Passes, Task, relative_distance
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic


@dataclass(frozen=True)
class Run:
    """The trajectory of one procedure for each of N samples.

    relative_l2: N lists; entry k is of the image after k passes, clamped to [0, 1].
    unclamped: the same of the image as the procedure has it; None where it never leaves [0, 1].
    seconds: entry k is the time from the start until that image was there.
    laps, cpu_laps: seconds and CPU seconds of single passes, for the whole batch; the latter None
        on CUDA.
    moved: N, root mean square over pixels of the best image minus the one it started from.
    """

    relative_l2: list[list[float]]
    unclamped: list[list[float]] | None
    seconds: list[float]
    laps: list[float]
    cpu_laps: list[float] | None
    moved: list[float]


def run_reference(procedure: Callable[[Task], Passes], task: Task, clamps: bool = True) -> Run:
    """Run a reference for the task's passes; the time is the procedure's own work only.

    clamps: whether its images are in [0, 1], so that the distance it computes is theirs. If not,
    the clamped image is measured as well, outside the timing.
    """
    clock = Clock(task.seeds.device)
    counted: list[Tensor] = []
    own: list[Tensor] = []
    goal = None if clamps else task.goal()
    best = BestImages()
    clock.start()
    with closing(procedure(task)) as passes:
        for images, distance in passes:
            clock.lap()
            own.append(distance.clone())
            images = images.clamp(0, 1)
            counted.append(own[-1] if goal is None else _measured(task, images, goal))
            best.update(images, counted[-1])
            if len(own) > task.passes:
                break
            clock.start()
    laps = clock.laps()
    return Run(
        _per_sample(counted),
        None if clamps else _per_sample(own),
        [0.0, *np.cumsum(laps[:-1]).tolist()],
        laps[1:],
        _after_first(clock.cpu_laps()),
        best.moved(),
    )


def run_engine(task: Task) -> Run:
    """Our engine with optimiser `auto` and no goal to stop at, the regularizer-free loss."""
    count = len(task.targets)
    clock = Clock(task.seeds.device)
    clock.start()
    losses, goals = [loss_named("regularizer-free")] * count, [0.0] * count
    problem = Problem(task.network, task.layer, task.targets, task.seeds, losses, goals)
    optimiser = automatic(task.network, task.layer)
    traces = synthesise(problem, optimiser, task.passes, callback=_Timekeeper(clock))
    laps = clock.laps()
    curves = [trace.relative_l2 for trace in traces]
    # The loop may look up less often than it passes; passes in between are taken as even.
    looks, passes = np.linspace(0, 1, len(laps)), np.linspace(0, 1, max(map(len, curves)))
    seconds = np.interp(passes, looks, np.cumsum(laps))
    laps, cpu_laps = np.diff(seconds).tolist(), _after_first(clock.cpu_laps())
    images = torch.stack([trace.iri for trace in traces])
    moved = root_mean_square(images - task.seeds)
    return Run(curves, None, seconds.tolist(), laps, cpu_laps, moved)


class BestImages:
    """The nearest image so far of each of N samples, and how far it is from the first."""

    def __init__(self) -> None:
        self._first: Tensor | None = None

    def update(self, images: Tensor, distance: Tensor) -> None:
        """The next images, N×3×H×W, and their relative distances (N,)."""
        if self._first is None:
            self._first, self._best, self._lowest = images.clone(), images.clone(), distance.clone()
            return
        nearer = distance < self._lowest
        self._best[nearer], self._lowest[nearer] = images[nearer], distance[nearer]

    def moved(self) -> list[float]:
        """Of each sample: root mean square over pixels, in units of the pixels' range."""
        return [] if self._first is None else root_mean_square(self._best - self._first)


def root_mean_square(images: Tensor) -> list[float]:
    """Of each of N images, N×3×H×W."""
    values: list[float] = images.flatten(1).square().mean(1).sqrt().tolist()
    return values


class _Timekeeper:
    """Looks on and does nothing but note the time before each pass."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def cancelled(self) -> bool:
        self._clock.lap()
        return False

    def due(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...


def _after_first(laps: list[float] | None) -> list[float] | None:
    return None if laps is None else laps[1:]


def _measured(task: Task, images: Tensor, goal: Tensor) -> Tensor:
    with torch.no_grad():
        return relative_distance(task.represent(images), goal)


def _per_sample(distances: list[Tensor]) -> list[list[float]]:
    return torch.stack(distances).cpu().T.tolist()
