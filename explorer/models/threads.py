"""The number of CPU threads that a network's forward and backward passes use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from explorer.models.network import Network

SMALL_PIXELS = 96 * 96


@contextmanager
def fitting_threads(network: Network) -> Iterator[None]:
    """While this lasts, torch uses one thread on the CPU if the network takes small images.

    Threads that divide so little work wait for each other longer than they work: 64×64 images take
    two to three times longer with two threads than with one (docs/notes.md).
    """
    before = torch.get_num_threads()
    height, width = network.input.size
    if height * width <= SMALL_PIXELS and network.device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
