"""What a result records of the network that it was made with."""

from __future__ import annotations

from explorer.models.network import Network
from explorer.result.provenance import NetworkUsed


def network_used(network: Network) -> NetworkUsed:
    """The record of a network as it was loaded."""
    spec = network.input
    return NetworkUsed(
        reference=network.reference,
        size=spec.size,
        mean=spec.mean,
        std=spec.std,
        interpolation=spec.interpolation,
        crop_pct=spec.crop_pct,
        crop_mode=spec.crop_mode,
        class_count=network.class_count,
        origins=dict(network.origins),
        notes=network.notes,
    )
