"""Networks that their authors publish deep-compressed (`compressed:NAME`): the smallest download.

Pruned and quantised weights of less than a megabyte (Han et al. 2016), decoded into torchvision's
architecture by `explorer.models.deep_compression`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from explorer.errors import RequestError, did_you_mean
from explorer.models import curated, hubs, pretrained
from explorer.models.checkpoints.reading import sha256_of
from explorer.models.deep_compression import decode, from_caffe
from explorer.models.downloads import Progress, from_url
from explorer.models.entry import Entry, describe
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.models.source import Source
from explorer.models.sources import torchvision
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.models.network import Network


Layers = tuple[tuple[str, str, tuple[int, ...]], ...]
"""(name, kind, shape) in the order of execution."""


def _squeezenet_layers() -> Layers:
    """Of SqueezeNet 1.0 at 224 px, so that a page can list them before anything is loaded."""
    layers: list[tuple[str, str, tuple[int, ...]]] = [
        ("features.0", "Conv2d", (96, 109, 109)),
        ("features.1", "ReLU", (96, 109, 109)),
    ]
    channels, side = 96, 109
    for number, squeeze in enumerate((0, 16, 16, 32, 0, 32, 48, 48, 64, 0, 64), start=2):
        name = f"features.{number}"
        if not squeeze:
            side //= 2  # 3×3 windows, stride 2, those that reach over the edge included
            layers.append((name, "MaxPool2d", (channels, side, side)))
            continue
        expanded = 4 * squeeze
        for part, width in (
            ("squeeze", squeeze),
            ("expand1x1", expanded),
            ("expand3x3", expanded),
        ):
            layers.append((f"{name}.{part}", "Conv2d", (width, side, side)))
            layers.append((f"{name}.{part}_activation", "ReLU", (width, side, side)))
        channels = 8 * squeeze
        layers.append((name, "Fire", (channels, side, side)))
    return (
        *layers,
        ("features", "Sequential", (512, 13, 13)),
        ("classifier.0", "Dropout", (512, 13, 13)),
        (PENULTIMATE, "input of the classifier", (512, 13, 13)),
        ("classifier.1", "Conv2d", (1000, 13, 13)),
        ("classifier.2", "ReLU", (1000, 13, 13)),
        ("classifier.3", "AdaptiveAvgPool2d", (1000, 1, 1)),
        ("classifier", "Sequential", (1000, 1, 1)),
        (LOGITS, "output", (1000,)),
    )


@dataclass(frozen=True)
class CompressedFile:
    """One published file.

    bytes_: its size. alike: torchvision's network of this architecture, whose preset it takes.
    first: the convolution that sees the image. pixel_mean: what Caffe subtracts, BGR, 0 … 255.
    top1: accuracy on ImageNet's validation images, as published. layers: at its input size.
    """

    url: str
    sha256: str
    bytes_: int
    alike: str
    first: str
    pixel_mean: tuple[float, float, float]
    licence: str
    top1: float
    layers: Layers


FILES = {
    "squeezenet1_0": CompressedFile(
        url="https://raw.githubusercontent.com/songhan/SqueezeNet-Deep-Compression/"
        "5623e3cdbe1fcd83328c61ce2ee42c34ed319aa3/compressed_SqueezeNet.net",
        sha256="e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261",
        bytes_=675_763,
        alike="squeezenet1_0/IMAGENET1K_V1",
        first="features.0",
        pixel_mean=(104.0, 117.0, 123.0),
        licence="bsd",
        top1=0.575,
        layers=_squeezenet_layers(),
    )
}
"""By name."""


def named(name: str) -> CompressedFile:
    """The file of this name; RequestError lists those that there are."""
    if name in FILES:
        return FILES[name]
    suggestion = did_you_mean(name, FILES, "compressed:", cutoff=0.6)
    choice = ", ".join(f"'compressed:{each}'" for each in FILES)
    raise RequestError(
        "model", f"there is no compressed network {name!r}; {suggestion}choose one of {choice}"
    )


@cache
def entry(name: str) -> Entry:
    """What is published of a network; RequestError for a name that is not."""
    file = named(name)
    alike = pretrained.find(f"torchvision:{file.alike}")
    if alike is None:
        raise LookupError(f"{file.alike} is missing from {pretrained.TABLE.name}")
    facts = replace(
        alike,
        reference=f"compressed:{name}",
        megabytes=max(1, round(file.bytes_ / 1e6)),
        licence=file.licence,
        location=file.url,
    )
    described = describe(facts, curated.descriptions().get(f"compressed:{name}"))
    return replace(described, accuracy={"top1": file.top1}, layers=file.layers)


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights; RequestError for a name that is not published."""
    alike = named(reference.name).alike
    network = torchvision.untrained(replace(reference, model=f"torchvision:{alike}"))
    return replace(network, reference=reference.model)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its published weights, downloaded on first use.

    Raises RequestError for a file that is not the published one, HubUnreachable where it would
    have to be downloaded and cannot be.
    """
    import torch

    file = named(reference.name)
    path = from_url(reference.model, file.url, progress, f"sha256:{file.sha256}")
    _check_published(path, file)
    progress("decoding the weights")
    network = untrained(reference)
    expected = network.module.state_dict()
    shapes = {
        name.removesuffix(".weight"): tuple(tensor.shape)
        for name, tensor in expected.items()
        if name.endswith(".weight")
    }
    decoded = from_caffe(
        decode(path.read_bytes(), shapes),
        file.first,
        file.pixel_mean,
        network.input.mean,
        network.input.std,
    )
    state: dict[str, Tensor] = {name: torch.from_numpy(array) for name, array in decoded.items()}
    network.module.load_state_dict(state)
    return network


def _check_published(path: Path, file: CompressedFile) -> None:
    """RequestError unless the stored file is the published one."""
    if sha256_of(path) != file.sha256:
        size = path.stat().st_size
        what = f"{size:,} of {file.bytes_:,} bytes" if size != file.bytes_ else "other bytes"
        raise RequestError(
            "model",
            f"the stored {path.name} is not the published file ({what}); delete it, and it is "
            f"downloaded again from {urlsplit(file.url).netloc}",
        )


SOURCE = Source(
    name="compressed",
    title="deep-compressed networks",
    help="SqueezeNet 1.0 trained on ImageNet, deep-compressed to 0.7 MB, downloaded on first use",
    example="compressed:squeezenet1_0",
    entry=entry,
    load=load,
    names=lambda: tuple(FILES),
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"torchvision:{named(name).alike.partition('/')[0]}",
    location=lambda name: hubs.file_location(named(name).url),
)
