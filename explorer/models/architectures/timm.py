"""timm's architectures, for checkpoints: any name that timm knows, with or without weights."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.sources import timm


def names() -> Sequence[str]:
    """Every architecture that timm has."""
    import timm as library

    listed: list[str] = library.list_models()
    return listed


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture; RequestError for a name that timm does not know."""
    timm.check_architecture(name)
    return Architecture(
        create=lambda **options: timm.create(name, size, **options),
        describe=lambda reference, module: timm.network_of(reference, module, size),
    )


ARCHITECTURES = ArchitectureSource(
    name="timm",
    title="timm's architectures",
    help="any architecture that timm knows",
    example="timm:resnet18",
    architecture=architecture,
    names=names,
)
