"""torchvision's classification architectures, for checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.sources import torchvision


def names() -> Sequence[str]:
    """Every classification network that torchvision has."""
    from torchvision import models

    return models.list_models(module=models)


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture; RequestError for a name that torchvision does not know."""
    weights = torchvision.weights_of(name)
    return Architecture(
        create=lambda **options: torchvision.create(name, weights, **options),
        describe=lambda reference, module: torchvision.network_of(reference, module, weights, size),
    )


ARCHITECTURES = ArchitectureSource(
    name="torchvision",
    title="torchvision's architectures",
    help="any of torchvision's classification networks",
    example="torchvision:resnet18",
    architecture=architecture,
    names=names,
)
