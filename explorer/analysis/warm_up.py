"""What a worker does before the first request, so that it is answered sooner."""

from __future__ import annotations

import torch

from explorer.analysis.generation import device
from explorer.metrics import perceptual
from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.sources.embedded import FIRST
from explorer.network_reference import NetworkReference


def warm_up() -> None:
    """Load the networks that most visitors begin with; run each once, forward and backward."""
    for name in FIRST:
        network = load(NetworkReference(f"embedded:{name}"), device())
        images = torch.rand(1, 3, *network.input.size, device=network.device, requires_grad=True)
        representation(network, "penultimate", images).sum().backward()


def warm_up_measures() -> None:
    """Import what measuring and other sources need (several seconds, once)."""
    import timm  # noqa: F401

    blank = torch.full((1, 3, 64, 64), 0.5)
    perceptual.compare(blank, blank, blank, allow_download=False)
