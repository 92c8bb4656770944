"""Self-supervised ResNet-50s that their authors publish through torch's hub (`hub:NAME`).

Plain files with torchvision's names inside; no code of theirs is run. The addresses are those of
the authors' own repositories (their hubconf.py or README).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from explorer.errors import RequestError, did_you_mean
from explorer.models import curated, hubs, pretrained
from explorer.models.architectures import torchvision
from explorer.models.checkpoints.reading import read
from explorer.models.downloads import Progress, from_url
from explorer.models.entry import Entry, describe
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

PARAMETERS = 23_508_032
"""Of a ResNet-50 without its classifier."""

_PRESET = "resnet50/IMAGENET1K_V1"
_HOST = "https://dl.fbaipublicfiles.com"


@dataclass(frozen=True)
class PublishedFile:
    """One published file.

    digest: what the content's MD5 (`md5:`) or SHA-256 (`sha256:`) begins with; "" where its
        authors and users name none.
    """

    name: str
    url: str
    licence: str
    megabytes: int
    digest: str = ""


CHECKPOINTS = {
    checkpoint.name: checkpoint
    for checkpoint in (
        PublishedFile(
            "resnet50_moco_v2",
            f"{_HOST}/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar",
            "cc-by-nc-4.0",
            340,
            "md5:a04e12f8",
        ),
        PublishedFile(
            "resnet50_swav",
            f"{_HOST}/deepcluster/swav_800ep_pretrain.pth.tar",
            "cc-by-nc-4.0",
            113,
        ),
        PublishedFile(
            "resnet50_barlow_twins",
            f"{_HOST}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth",
            "cc-by-nc-4.0",
            94,
            "sha256:cf015f40cc",
        ),
        PublishedFile(
            "resnet50_vicreg",
            f"{_HOST}/vicreg/resnet50.pth",
            "cc-by-nc-4.0",
            94,
            "sha256:c843e7652491ff2f712734619fd74d85e5e92ac902615665ad3fd50dc6ada591",
        ),
        PublishedFile(
            "resnet50_dino",
            f"{_HOST}/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
            "apache-2.0",
            94,
        ),
    )
}


def named(name: str) -> PublishedFile:
    """The checkpoint of this name; RequestError lists those that there are."""
    if name in CHECKPOINTS:
        return CHECKPOINTS[name]
    suggestion = did_you_mean(name, CHECKPOINTS, "hub:", cutoff=0.6)
    choice = ", ".join(f"'hub:{each}'" for each in CHECKPOINTS)
    raise RequestError(
        "model", f"there is no hub network {name!r}; {suggestion}choose one of {choice}"
    )


@cache
def entry(name: str) -> Entry:
    """What is published of a network; RequestError for a name that is not."""
    checkpoint = named(name)
    alike = pretrained.find(f"torchvision:{_PRESET}")
    if alike is None:
        raise LookupError(f"{_PRESET} is missing from {pretrained.TABLE.name}")
    facts = replace(
        alike,
        reference=f"hub:{name}",
        parameters=PARAMETERS,
        megabytes=checkpoint.megabytes,
        licence=checkpoint.licence,
        location=checkpoint.url,
    )
    return describe(facts, curated.descriptions().get(f"hub:{name}"))


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights; RequestError for a name that is not published."""
    from torch import nn

    from explorer.models.network import Network

    named(reference.name)
    weights = torchvision.weights_of(_PRESET)
    module = torchvision.create(_PRESET, weights)
    module.fc = nn.Identity()
    spec = torchvision.input_spec(weights, reference.size)
    return Network(reference.model, module, spec, family="resnet")


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its published weights, downloaded on first use; projectors are left out."""
    from explorer.models.checkpoints.loading import load_found

    checkpoint = named(reference.name)
    path = from_url(
        reference.model, checkpoint.url, progress, checkpoint.digest, _file(reference.name)
    )
    progress("loading the network")
    network = untrained(reference)
    load_found(network, read(path, path.name))
    return network


def _file(name: str) -> str:
    """What the file is called on this machine; several are published under one name."""
    return f"{name}.pth"


SOURCE = Source(
    name="hub",
    title="self-supervised networks",
    help="self-supervised ResNet-50s as their authors publish them, downloaded on first use",
    example="hub:resnet50_dino",
    entry=entry,
    load=load,
    names=lambda: tuple(CHECKPOINTS),
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: "hub:resnet50",
    location=lambda name: hubs.file_location(named(name).url, _file(name)),
)
