"""SciPy's L-BFGS-B as a reference: a general optimiser that knows nothing of networks."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from explorer.research.benchmark.clock import Clock
from explorer.research.benchmark.drive import BestImages, Run
from explorer.research.benchmark.references import Task, relative_distance


def run_scipy(task: Task) -> Run:
    """`scipy.optimize.minimize` on ½·(relative distance)² in the box, for the task's passes.

    All samples are one problem, the sum of theirs. Every evaluation is a pass; the time is all that
    SciPy and the network take.
    """
    from scipy.optimize import minimize

    class Spent(Exception):
        """The passes are."""

    goal, clock, best = task.goal(), Clock(task.seeds.device), BestImages()
    curves: list[list[float]] = []

    def evaluate(flat: np.ndarray) -> tuple[float, np.ndarray]:
        if len(curves) > task.passes:
            raise Spent
        images = torch.from_numpy(flat).to(task.seeds).view_as(task.seeds).requires_grad_(True)
        distance = relative_distance(task.represent(images), goal)
        loss: Tensor = 0.5 * distance.square().sum()
        (gradient,) = torch.autograd.grad(loss, images)
        curves.append(distance.tolist())
        best.update(images.detach(), distance.detach())
        clock.lap()
        return loss.item(), gradient.double().cpu().numpy().ravel()

    clock.start()
    with suppress(Spent):
        minimize(
            evaluate,
            task.seeds.double().cpu().numpy().ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, 1.0)] * task.seeds.numel(),
            options={"ftol": 0.0, "gtol": 0.0, "maxfun": task.passes + 2, "maxiter": task.passes},
        )
    laps, cpu_laps = clock.laps(), clock.cpu_laps()
    return Run(
        relative_l2=[list(each) for each in zip(*curves, strict=True)],
        unclamped=None,
        seconds=np.cumsum([0.0, *laps[1:]]).tolist(),
        laps=laps[1:],
        cpu_laps=None if cpu_laps is None else cpu_laps[1:],
        moved=best.moved(),
    )
