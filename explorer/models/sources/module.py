"""Networks that a notebook made from its own modules (`module:SHA256`), in this process only."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from explorer.errors import RequestError
from explorer.models.downloads import Progress
from explorer.models.entry import Entry
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

_HOLDER = "explorer.models.in_memory"


def entry(name: str) -> Entry:
    """What the module says of itself; RequestError where this process does not hold it."""
    network = _held(name)
    return Entry(
        reference=network.reference,
        title=type(network.module).__name__,
        summary="",
        family=network.family,
        residual=False,
        objective="",
        augmentation="",
        data="",
        input_size=network.input.size,
        classes=network.classes,
        parameters=sum(each.numel() for each in network.module.parameters()),
        licence="",
        accuracy={},
        group="",
        mean=network.input.mean,
        std=network.input.std,
        interpolation=network.input.interpolation,
        crop_pct=network.input.crop_pct,
    )


def _held(name: str) -> Network:
    """The network that this process holds. What holds them needs torch, and is not imported here.

    The app's process, which asks by whatever name a visitor writes, never has it.
    """
    in_memory = sys.modules.get(_HOLDER)
    network: Network | None = None if in_memory is None else in_memory.named(name)
    if network is None:
        raise RequestError(
            "model",
            f"module:{name[:12]}… is not in this process; such networks are made by "
            "Network.from_module, and last as long as the Network does",
        )
    return network


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network that this process holds, at the reference's size."""
    network = _held(reference.name)
    if reference.size is None:
        return replace(network)
    return network.with_input("the request", size=(reference.size, reference.size))


SOURCE = Source(
    name="module",
    title="networks of a notebook",
    help="a torch.nn.Module of your own, by Network.from_module (in Python only)",
    example="module:SHA256, which Network.from_module gives",
    entry=entry,
    load=load,
    names=None,
    visitors_may_name=False,
)
