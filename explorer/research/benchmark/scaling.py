"""Batch scaling: time per image and pass of our engine at several batch sizes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch

from explorer.models.network import Network
from explorer.research.benchmark.cases import TARGETS, images_of
from explorer.research.benchmark.drive import Run, run_engine
from explorer.research.benchmark.references import Task


@dataclass(frozen=True)
class BatchCost:
    """Median seconds, and CPU seconds (None on CUDA), per pass and image."""

    seconds: float
    cpu_seconds: float | None


def batch_costs(
    network: Network, layer: str, batches: tuple[int, ...], rounds: int, passes: int
) -> dict[int, BatchCost]:
    """Cost per image by batch size, the sizes taken in turns.

    The same few targets are repeated to fill the batch; one round before the first warms up and is
    not counted.
    """
    targets, seeds = images_of(network, TARGETS)
    timed: dict[int, list[Run]] = {batch: [] for batch in batches}
    for number in range(rounds + 1):
        for batch in batches:
            which = torch.arange(batch, device=targets.device) % len(targets)
            run = run_engine(Task(network, layer, targets[which], seeds[which], passes))
            if number:
                timed[batch].append(run)
    return {batch: _cost(batch, runs) for batch, runs in timed.items()}


def _cost(batch: int, runs: list[Run]) -> BatchCost:
    laps = [lap for run in runs for lap in run.laps]
    cpu_laps = [lap for run in runs for lap in run.cpu_laps or ()]
    return BatchCost(
        statistics.median(laps) / batch,
        statistics.median(cpu_laps) / batch if cpu_laps else None,
    )
