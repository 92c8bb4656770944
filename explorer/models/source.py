"""The record of a source of networks: all in which one source differs from another. No torch.

`explorer.models.sources` holds one file per source and registers them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.models.downloads import Progress
from explorer.models.entry import Entry
from explorer.models.hubs import Location
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network


@dataclass(frozen=True)
class Source:
    """Where networks come from: `name` is what references begin with, before the colon.

    title: a plural, for messages and lists. help: one sentence. example: how a reference is
        written, with the options that belong to it.
    entry: the catalogue's entry of a name, None where nothing is known of it before it is loaded;
        RequestError for a name that cannot be. Called often, so that it should be quick.
    load: the network with its weights, on the CPU; RequestError and HubUnreachable as
        `explorer.models.loading.load`. Only a worker calls it, so it may import torch.
    names: every name, in the order of lists; None where they cannot be listed.

    offered_whole: the picker offers every network of it, not only those on the curated list.
    visitors_may_name: whether a visitor of the app may; the command line always may.
    untrained: the architecture with random weights, for listing layers without a download; None
        where the network is loaded for that.
    architecture_of: reference of what networks that differ only in their weights have in common.
    parameters: how many numbers the network is made of; None is what its entry says.
    location: of the weights on a hub; None where they are never downloaded.
    full_name: the name with its weights spelt out where it leaves them to a default.
    pin: the reference with what stands for its checkpoint's content, which may change while its
        name does not; None where the name says it all. A source that sets `weights` so stands in
        `explorer.network_reference.CHECKPOINT_SOURCES`, too.
    """

    name: str
    title: str
    help: str
    example: str
    entry: Callable[[str], Entry | None]
    load: Callable[[NetworkReference, Progress], Network]
    names: Callable[[], Sequence[str]] | None
    offered_whole: bool = True
    visitors_may_name: bool = True
    untrained: Callable[[NetworkReference], Network] | None = None
    architecture_of: Callable[[str], str] | None = None
    parameters: Callable[[NetworkReference], int] | None = None
    location: Callable[[str], Location | None] | None = None
    full_name: Callable[[str], str] | None = None
    pin: Callable[[NetworkReference], NetworkReference] | None = None

    def reference(self, name: str) -> str:
        """`timm:resnet18` for the name `resnet18`."""
        return f"{self.name}:{name}"

    def entries(self) -> tuple[Entry, ...]:
        """The entries of every name that can be listed; RequestError where a list is wrong."""
        entries = map(self.entry, self.names() if self.names is not None else ())
        return tuple(entry for entry in entries if entry is not None)
