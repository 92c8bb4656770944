"""What a batch is worth: time per image and pass of our engine at several batch sizes."""

from __future__ import annotations

import statistics

import torch

from explorer.benchmark.cases import TARGETS, images_of
from explorer.benchmark.drive import run_engine
from explorer.benchmark.references import Task
from explorer.models.network import Network


def batch_costs(
    network: Network, layer: str, batches: tuple[int, ...], rounds: int, passes: int
) -> dict[int, float]:
    """Median seconds per pass and image by batch size, the sizes taken in turns.

    The same few targets are repeated as often as the batch is wide; one round before the first
    warms up and is not counted.
    """
    targets, seeds = images_of(network, TARGETS)
    found: dict[int, list[float]] = {batch: [] for batch in batches}
    for number in range(rounds + 1):
        for batch in batches:
            which = torch.arange(batch, device=targets.device) % len(targets)
            run = run_engine(Task(network, layer, targets[which], seeds[which], passes))
            if number:
                found[batch] += [lap / batch for lap in run.laps]
    return {batch: statistics.median(laps) for batch, laps in found.items()}
