"""torchvision's classification networks, described by the presets of their weights."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from explorer.errors import RequestError
from explorer.models import curated, hubs, pretrained
from explorer.models.architectures.torchvision import create, network_of, weights_of
from explorer.models.checkpoints.reading import read
from explorer.models.downloads import Progress, from_url
from explorer.models.entry import Entry, describe
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

_NAME = re.compile(r"[a-z0-9_]+(/[A-Z0-9_]+)?")


def names() -> tuple[str, ...]:
    """Every name with weights (`resnet50/IMAGENET1K_V2`), the default weights first."""
    return pretrained.names("torchvision")


@lru_cache(maxsize=4096)  # of names that strangers type, too
def entry(name: str) -> Entry | None:
    """What the pretrained list says; RequestError for a name that torchvision cannot have."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            "model", f"{name!r} is no torchvision name; one is 'torchvision:resnet50/IMAGENET1K_V1'"
        )
    reference = pretrained.full_reference(f"torchvision:{name}")
    facts = pretrained.find(reference)
    return None if facts is None else describe(facts, curated.descriptions().get(reference))


def location(name: str) -> hubs.Location | None:
    """Where the weights are downloaded from, as far as the pretrained list knows."""
    facts = pretrained.find(pretrained.full_reference(f"torchvision:{name}"))
    return None if facts is None else hubs.location(facts.location)


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights; the name may carry the weights': `NAME/WEIGHTS`.

    Raises RequestError for a name that torchvision does not know.
    """
    weights = weights_of(reference.name)
    module = create(reference.name, weights)
    return network_of(reference.model, module, weights, reference.size)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with torchvision's weights, downloaded on first use.

    Raises RequestError for names that do not exist, HubUnreachable where a download is needed and
    torchvision's host does not answer.
    """
    from explorer.models.checkpoints.loading import load_found

    weights = weights_of(reference.name)
    if weights is None:
        raise RequestError("model", f"torchvision has no weights for {reference.name!r}")
    path = from_url(reference.model, weights.url, progress)
    progress("loading the network")
    module = create(reference.name, weights)
    network = network_of(reference.model, module, weights, reference.size)
    load_found(network, read(path, path.name))
    return network


SOURCE = Source(
    name="torchvision",
    title="torchvision's networks",
    help="torchvision's classification networks, downloaded on first use",
    example="torchvision:resnet50/IMAGENET1K_V2",
    entry=entry,
    load=load,
    names=names,
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"torchvision:{name.partition('/')[0]}",
    location=location,
    full_name=lambda name: pretrained.full_name("torchvision", name),
)
