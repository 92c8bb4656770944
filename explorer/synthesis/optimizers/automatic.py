"""Which optimiser `auto` stands for, by network, layer and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from explorer.losses.variants import Loss
from explorer.models.layers import LISTING_BATCH, expression_of, representations
from explorer.synthesis.optimizers import records
from explorer.synthesis.optimizers.record import Optimiser
from explorer.synthesis.optimizers.registry import AUTO, optimiser_named

if TYPE_CHECKING:
    from explorer.models.network import Network

EMBEDDED_FAMILY = "embedded"
"""`Network.family` of the small networks that come with the app, most of them trained robustly."""


def optimiser_for(
    name: str,
    network: Network,
    layer: str,
    losses: Sequence[Loss],
    straight_through: bool = False,
) -> Optimiser:
    """The optimiser of this name, or what `auto` stands for here. RequestError if unknown."""
    if name == AUTO:
        return automatic(network, layer, losses, straight_through)
    return optimiser_named(name)


def automatic(
    network: Network,
    layer: str,
    losses: Sequence[Loss] = (),
    straight_through: bool = False,
) -> Optimiser:
    """What `auto` stands for: what came nearest in the fewest passes (docs/benchmarks.md).

    The searches for the match alone, and momentum, combine gradients; Adam rescales each pixel,
    and moves further from the seed (docs/notes.md).
    """
    embedded = network.family == EMBEDDED_FAMILY
    if any(loss.uses_distance for loss in losses):
        # Exact gradients: surrogate ones match so easily that the adversary gets little done.
        return records.MOMENTUM
    changes = any(not loss.stationary or loss.parametrisation != "pixel" for loss in losses)
    if changes or straight_through:
        return records.ADAM
    if all(loss.only_match for loss in losses):
        if embedded:  # quicker L-BFGS calls more IRIs aligned there (docs/notes.md)
            return records.MOMENTUM_ANDERSON
        # L-BFGS may stall on maps.
        if _all_vectors(network, layer):
            return records.SURROGATE_LBFGS
        return records.SURROGATE_LBFGS_OR_MOMENTUM
    return records.LBFGS if embedded or _all_vectors(network, layer) else records.ADAM


@torch.no_grad()
def _all_vectors(network: Network, layer: str) -> bool:
    """Whether each layer of the expression is one number a channel, and not a map of several.

    By its shape, not by its name: a classifier may take in a map (SqueezeNet's does). The whole
    layer counts where the expression takes a part of it. Costs a forward pass to the layer.
    """
    images = torch.full((LISTING_BATCH, 3, *network.input.size), 0.5, device=network.device)
    shapes = [
        value.shape[1:]
        for value in representations(network, expression_of(network, layer).layers, images).values()
    ]
    return all(shape.numel() == max(shape, default=1) for shape in shapes)
