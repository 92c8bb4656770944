"""Which optimiser `auto` stands for, by network, layer and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.losses.variants import Loss
from explorer.models.layers import expression_of
from explorer.models.names import LOGITS, PENULTIMATE
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

    The searches for the match alone, and momentum, combine gradients, so that inside the box what
    the network ignores stays as it was in the seed, or nearly; Adam does not.
    """
    embedded = network.family == EMBEDDED_FAMILY
    at_the_end = set(expression_of(network, layer).layers) <= {PENULTIMATE, LOGITS}
    if any(loss.uses_distance for loss in losses):
        # Exact gradients: surrogate ones match so easily that the adversary gets little done.
        return records.MOMENTUM
    changes = any(not loss.stationary or loss.parametrisation != "pixel" for loss in losses)
    if changes or straight_through:
        return records.ADAM
    if all(loss.only_match for loss in losses):
        if embedded:  # the IRIs take on least of any photograph from strong noise
            return records.MOMENTUM_ANDERSON
        # L-BFGS may stall on the maps in the middle of a network.
        return records.SURROGATE_LBFGS if at_the_end else records.SURROGATE_LBFGS_OR_MOMENTUM
    return records.LBFGS if embedded or at_the_end else records.ADAM
