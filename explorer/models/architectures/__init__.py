"""The architectures that a checkpoint may be for, one file or package per source of them.

A new source is a file here with a record `ARCHITECTURES`, and its module's name below.
"""

from __future__ import annotations

from importlib import import_module

from explorer.errors import RequestError
from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.registry import Registry

__all__ = ["ARCHITECTURES", "Architecture", "ArchitectureSource", "architecture_named"]

_MODULES = (
    "explorer.models.architectures.timm",
    "explorer.models.architectures.torchvision",
    "explorer.models.architectures.cifar",
    "explorer.models.architectures.python",
)
"""In the order in which messages show them."""

ARCHITECTURES: Registry[ArchitectureSource] = Registry(
    "source of architectures",
    "architecture",
    (import_module(module).ARCHITECTURES for module in _MODULES),
)


def architecture_named(reference: str, size: int | None = None) -> Architecture:
    """What `timm:NAME`, `torchvision:NAME` or `cifar:NAME` stands for; size in px.

    Raises RequestError (field `architecture`) for one that there is not, with the nearest names,
    and (field `size`) for a size that the architecture cannot have.
    """
    source, _, name = reference.partition(":")
    if source in ARCHITECTURES and name:
        try:
            return ARCHITECTURES[source].architecture(name, size)
        except RequestError as error:
            field = "size" if error.field == "size" else "architecture"
            raise RequestError(field, error.message) from error
    examples = [record.example for record in ARCHITECTURES.values()]
    *first, last = map(repr, examples)
    near = " or ".join(map(repr, _same_name(name or source)))
    suggestion = f"did you mean {near}? " if near else ""
    raise RequestError(
        "architecture",
        f"{reference!r} is unknown; {suggestion}write it like {', '.join(first)} or {last}",
    )


def _same_name(name: str) -> list[str]:
    """The references of this name in every source that has it."""
    return [
        f"{record.name}:{name}"
        for record in ARCHITECTURES.values()
        if record.names is not None and name in record.names()
    ]
