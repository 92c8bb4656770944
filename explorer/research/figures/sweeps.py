"""What batches gain a sweep: 2 networks × 3 layers × 3 losses × 4 targets, batched and one by one.

python -m explorer.research.figures.sweeps [STEPS]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from explorer.analysis.generation import generate, generate_batch
from explorer.models.memory import memory_of
from explorer.request import Request
from explorer.sweep.batches import batches
from explorer.sweep.plan import plan
from explorer.sweep.source import Source

SWEEP = """
model = ["embedded:imagenette-residual-standard", "embedded:imagenette-residual-adv1"]
layer = [{ from = "stage1", to = "stage2" }, "penultimate"]
loss = ["regularizer-free", "freq", "freq-tv"]
target = ["astronaut", "cat", "coffee", "rocket"]
seed = "noise"
"""


def main(arguments: list[str]) -> None:
    """Print the CPU seconds of both, summed up batch by batch, and their ratio.

    CPU time of one thread, so that other programs on the machine change little. Batched and one by
    one take turns.
    """
    torch.set_num_threads(1)
    steps = int(arguments[0]) if arguments else int(str(Request.defaults()["steps"]))
    requests = plan(Source(f"{SWEEP}steps = {steps}\n", "sweep", Path.cwd())).requests
    for model in dict.fromkeys(request.model for request in requests):
        generate(Request(model, steps=2))
    made, batched, single = 0, 0.0, 0.0
    for batch in batches(requests, "cpu", memory_of("cpu")[1]):
        started_at = time.process_time()
        generate_batch(batch)
        batched += time.process_time() - started_at
        started_at = time.process_time()
        for request in batch:
            generate(request)
        single += time.process_time() - started_at
        made += len(batch)
        print(
            f"{made} of {len(requests)}, the last {len(batch)} of {batch[0].layer}: batched "
            f"{batched:.1f} s, one by one {single:.1f} s, ratio {batched / single:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
