"""The adversarially trained ImageNet networks of Salman et al. (2020).

"Do Adversarially Robust ImageNet Models Transfer Better?", arXiv 2007.08489; checkpoints of the
`robustness` library, MIT licence. The names are those of the authors' published list.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from explorer.errors import RequestError, did_you_mean
from explorer.models import curated, hubs, pretrained
from explorer.models.architectures import torchvision
from explorer.models.checkpoints.reading import read
from explorer.models.curated import Description
from explorer.models.downloads import Progress, from_hub
from explorer.models.entry import Entry, describe
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network

REPOSITORY = "madrylab/robust-imagenet-models"
REVISION = None
"""The commit to fetch from; None is the newest. See docs/networks.md."""

ARCHITECTURES = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "wide_resnet50_2": "wide_resnet50_2",
    "wide_resnet50_4": "wide_resnet50_4",
    "densenet": "densenet161",
    "mnasnet": "mnasnet1_0",
    "mobilenet": "mobilenet_v2",
    "resnext50_32x4d": "resnext50_32x4d",
    "shufflenet": "shufflenet_v2_x1_0",
    "vgg16_bn": "vgg16_bn",
}
"""By the name in the checkpoint's file, torchvision's name of the architecture."""

_WIDE = "wide_resnet50_4"  # published by Salman et al., but not in torchvision
_WIDE_PARAMETERS = 223_439_144
_FULL = ("resnet18", "resnet50", "wide_resnet50_2", "wide_resnet50_4")
_L2_ALL = ("0", "0.01", "0.03", "0.05", "0.1", "0.25", "0.5", "1", "3", "5")
_LINF_ALL = ("0.5", "1.0", "2.0", "4.0", "8.0")
_NAME = re.compile(r"(?P<architecture>\w+)_(?P<norm>l2|linf)_eps(?P<epsilon>[\d.]+)")


@cache
def names() -> tuple[str, ...]:
    """Every published name, such as `resnet50_l2_eps3` and `resnet50_linf_eps4.0`.

    ε is a radius on images in [0, 1]: ℓ₂ as it stands, ℓ∞ in 255ths.
    """
    l2 = [
        f"{architecture}_l2_eps{epsilon}"
        for architecture in ARCHITECTURES
        for epsilon in (_L2_ALL if architecture in _FULL else ("0", "3"))
    ]
    linf = [f"{name}_linf_eps{epsilon}" for name in _FULL[:3] for epsilon in _LINF_ALL]
    return (*l2, *linf)


def parts(name: str) -> tuple[str, str, float]:
    """(architecture, `l2` or `linf`, ε) of a name; RequestError lists the nearest ones."""
    match = _NAME.fullmatch(name)
    if match is None or name not in names():
        suggestion = did_you_mean(name, names(), "robust:", most=3)
        raise RequestError(
            "model",
            f"there is no robust network {name!r}; {suggestion}there are {len(names())}, such as "
            "'robust:resnet50_l2_eps3'",
        )
    return match["architecture"], match["norm"], float(match["epsilon"])


def file_name(name: str) -> str:
    """The checkpoint's file in the repository."""
    return f"{name}.ckpt"


@cache
def entry(name: str) -> Entry:
    """What is published of a network; RequestError for a name that is not."""
    _, norm, epsilon = parts(name)
    reference = f"robust:{name}"
    alike = pretrained.find(f"torchvision:{_preset(name)}")
    if alike is None:
        raise LookupError(f"{_preset(name)} is missing from {pretrained.TABLE.name}")
    count = _WIDE_PARAMETERS if _architecture(name) == _WIDE else alike.parameters
    facts = replace(
        alike,
        reference=reference,
        parameters=count,
        megabytes=round(count * 8 / 1e6),  # the optimiser's momentum is in the checkpoint, too
        licence="mit",
        location=REPOSITORY,
    )
    by_name = Description(
        reference,
        title=name,
        objective="adversarial" if epsilon else "supervised",
        norm=norm,
        epsilon=epsilon / 255 if norm == "linf" else epsilon,
    )
    description = curated.descriptions().get(reference, by_name)
    return describe(facts, description, group="adversarial")


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights; RequestError for a name that was not published."""
    weights = torchvision.weights_of(_preset(reference.name))
    module = _create(reference.name)
    return torchvision.network_of(reference.model, module, weights, reference.size)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its published weights, and the mean and deviation stored with them."""
    from explorer.models.checkpoints import tensor_statistics
    from explorer.models.checkpoints.loading import load_found

    files = (file_name(reference.name),)
    path = from_hub(reference.model, REPOSITORY, files, REVISION, progress)
    progress("loading the network")
    network = untrained(reference)
    found = load_found(network, read(path, path.name))
    normalisers, _ = tensor_statistics.near(network, found)
    if not normalisers:
        return network
    stored = normalisers[0]
    return network.with_input("the checkpoint", mean=stored.mean, std=stored.std)


def _architecture(name: str) -> str:
    return ARCHITECTURES[parts(name)[0]]


def _create(name: str) -> nn.Module:
    """torchvision's module of the architecture, with random weights."""
    if _architecture(name) == _WIDE:
        return torchvision.create("resnet50", None, width_per_group=256)
    return torchvision.create(_architecture(name), None)


def _preset(name: str) -> str:
    """torchvision's first ImageNet weights: 256 px resized, 224 px cropped, and the classes."""
    known = "wide_resnet50_2" if _architecture(name) == _WIDE else _architecture(name)
    return f"{known}/IMAGENET1K_V1"


SOURCE = Source(
    name="robust",
    title="adversarially trained ImageNet networks",
    help="Salman et al.'s adversarially trained ImageNet networks, downloaded on first use",
    example="robust:resnet50_l2_eps3",
    entry=entry,
    load=load,
    names=names,
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"torchvision:{_architecture(name)}",
    location=lambda name: hubs.huggingface_location(REPOSITORY, file_name(name)),
)
