"""The batches of a sweep: requests of one network and layer together, as many as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from explorer.jobs.tasks import batches as groups
from explorer.models import catalogue
from explorer.request import Request

MOST = {"cpu": 32, "cuda": 64}
"""Of one batch, by kind of device. Wider ones gain nothing more (docs/benchmarks.md)."""

BYTES_PER_PIXEL = 4_000
"""Of a search, for each pixel of an image: activations, gradients, the optimiser's history. About
what a ResNet-50 takes; a smaller network takes less, and where it is too little the batch is halved
after it has failed."""

SHARE = 0.5
"""Of the memory that is free when the sweep begins."""


def batch_size(request: Request, device: str, free_bytes: int) -> int:
    """How many IRIs of this request's network are made as one batch, at least 1.

    device: `cuda` or `cpu`. free_bytes: of its memory.
    """
    height, width = catalogue.input_size_or_default(request.network)
    fitting = int(SHARE * free_bytes / (BYTES_PER_PIXEL * height * width))
    return max(1, min(MOST.get(device, MOST["cpu"]), fitting))


def batches(
    requests: Sequence[Request],
    device: str,
    free_bytes: int,
    most: Callable[[Request], int] | None = None,
) -> list[list[Request]]:
    """The requests in batches of nearly equal sizes, in the order of their first members.

    most: of one batch of such requests, where others are to have a turn in between.
    """
    found = []
    for group in groups(requests):
        size = batch_size(group[0], device, free_bytes)
        size = size if most is None else max(1, min(size, most(group[0])))
        count = -(-len(group) // size)
        bounds = [len(group) * place // count for place in range(count + 1)]
        found += [group[start:end] for start, end in pairwise(bounds)]
    return found
