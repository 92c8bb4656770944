"""Architectures that a checkpoint may be for, and the record of where they come from. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network


@dataclass(frozen=True)
class Architecture:
    """An architecture that a checkpoint of somebody's own may be for.

    create: the module with random weights; takes `num_classes=` for another number of classes.
    describe: (reference, module) to the network, its input as the architecture's own.
    """

    create: Callable[..., nn.Module]
    describe: Callable[[str, nn.Module], Network]


@dataclass(frozen=True)
class ArchitectureSource:
    """Where architectures come from: `name` is what references begin with, before the colon.

    title: a plural, for messages and lists. help: one sentence. example: a reference.
    architecture: of a name, at an input size in px (None is as is usual for it); RequestError
        (field `model`) for a name that there is not, (field `size`) for a size that it cannot have.
        Only a worker calls it, so it may import torch.
    names: every name, in the order of lists; None where they cannot be listed. May import torch.
    """

    name: str
    title: str
    help: str
    example: str
    architecture: Callable[[str, int | None], Architecture]
    names: Callable[[], Sequence[str]] | None = None
