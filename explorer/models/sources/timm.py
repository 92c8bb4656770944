"""timm's networks: built by name, described by timm's own configuration of their weights."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError
from explorer.models import curated, hubs, pretrained
from explorer.models.architectures.timm import check_architecture, create, network_of
from explorer.models.downloads import Progress, from_hub, from_url
from explorer.models.entry import Entry, describe
from explorer.models.source import Source
from explorer.models.sources import timm_hub
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")


def names() -> tuple[str, ...]:
    """Every name with pretrained weights, an architecture's default weights first."""
    return pretrained.names("timm")


@lru_cache(maxsize=4096)  # of names that strangers type, too
def entry(name: str) -> Entry | None:
    """What the pretrained list says; RequestError for a name that timm cannot have."""
    if timm_hub.is_hub_name(name):
        return None
    if not _NAME.fullmatch(name):
        raise RequestError("model", f"{name!r} is no timm name; one is 'timm:resnet50.a1_in1k'")
    reference = pretrained.full_reference(f"timm:{name}")
    facts = pretrained.find(reference)
    return None if facts is None else describe(facts, curated.descriptions().get(reference))


def location(name: str) -> hubs.Location | None:
    """Where the weights are downloaded from, as far as the pretrained list knows."""
    facts = pretrained.find(pretrained.full_reference(f"timm:{name}"))
    return None if facts is None else hubs.location(facts.location)


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights.

    Raises RequestError for a name that timm does not know, a network that takes neither grey nor
    RGB pictures, or a size that its architecture cannot have.
    """
    if timm_hub.is_hub_name(reference.name):
        module = timm_hub.create(reference, lambda text: None, False, reference.size)
    else:
        check_architecture(reference.name)
        module = create(reference.name, reference.size)
    return network_of(reference.model, module, reference.size)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its pretrained weights, downloaded on first use.

    Raises RequestError as `untrained` does, and for a name without pretrained weights;
    HubUnreachable where a download is needed and the hub does not answer.
    """
    import timm

    name = reference.name
    if timm_hub.is_hub_name(name):
        return _load_from_hub(reference, progress)
    check_architecture(name)
    architecture = name.partition(".")[0]
    tags = [listed for listed in timm.list_pretrained() if listed.startswith(f"{architecture}.")]
    if not tags or ("." in name and name not in tags):
        choice = f"choose one of {', '.join(tags[:6])}" if tags else f"{architecture} has none"
        raise RequestError("model", f"timm has no pretrained weights {name!r}; {choice}")
    path = weights_file(reference, progress)
    progress("loading the network")
    source = {"file": str(path), "custom_load": path.suffix == ".npz", "url": "", "hf_hub_id": ""}
    module = create(name, reference.size, pretrained=True, pretrained_cfg_overlay=source)
    return network_of(reference.model, module, reference.size)


def _load_from_hub(reference: NetworkReference, progress: Progress) -> Network:
    module = timm_hub.create(reference, progress, True, reference.size)
    network = network_of(reference.model, module, reference.size)
    path, commit = timm_hub.repository(reference.name)
    origin = f"{path} on the Hugging Face Hub, commit {commit or 'unknown'}"
    return replace(network, origins={**network.origins, "weights": origin})


def weights_file(reference: NetworkReference, progress: Progress) -> Path:
    """The file with the pretrained weights, on this machine."""
    import timm

    config: Any = timm.get_pretrained_cfg(reference.name)
    if not config.hf_hub_id:
        return from_url(reference.model, config.url, progress)
    repository, _, revision = str(config.hf_hub_id).partition("@")
    if repository.endswith("/"):
        repository += f"{config.architecture}.{config.tag}"
    files = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_FILES
    return from_hub(reference.model, repository, files, revision or None, progress)


SOURCE = Source(
    name="timm",
    title="timm's networks",
    help="any pretrained name that timm knows, downloaded on first use",
    example="timm:resnet50.a1_in1k",
    entry=entry,
    load=load,
    names=names,
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"timm:{name.partition('.')[0]}",
    location=location,
    full_name=lambda name: pretrained.full_name("timm", name),
    pin=timm_hub.pin,
)
