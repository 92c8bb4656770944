"""Checkpoints from files (`file:PATH`): an architecture with the file's weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import RequestError
from explorer.models import pretrained
from explorer.models.architectures import python
from explorer.models.downloads import Progress
from explorer.models.files import (
    check_fit,
    normaliser,
    read_state_dict,
    sha256_of,
    strip_prefixes,
)
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network


def pin(reference: NetworkReference) -> NetworkReference:
    """The reference with the file's full path and SHA-256; RequestError where there is no file."""
    path = Path(reference.name)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null character
        is_file = False
    if not is_file:
        raise RequestError("model", f"there is no file {str(path)!r}")
    reference = replace(reference, model=f"file:{path.resolve()}")
    if python.is_python(reference.architecture):
        pinned = python.pinned(str(reference.architecture))
        reference = replace(reference, architecture=pinned)
    return replace(reference, weights=fingerprint(path, reference.architecture))


def fingerprint(path: Path, architecture: str | None) -> str:
    """SHA-256 that stands for a checkpoint, and for the source of a `python:` architecture."""
    digest = sha256_of(path)
    if architecture is None or not python.is_python(architecture):
        return digest
    return hashlib.sha256(f"{digest} {python.source_hash(architecture)}".encode()).hexdigest()


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network of a checkpoint; RequestError, too, where the file is another one by now."""
    path, weights = Path(reference.name), reference.weights
    if weights is not None and python.is_python(reference.architecture):
        if path.is_file() and fingerprint(path, reference.architecture) != weights:
            raise RequestError(
                "weights",
                f"{path.name} or the file of its architecture has changed since the request was "
                "made",
            )
        weights = None
    return load_checkpoint(reference, path, progress, weights)


def load_checkpoint(
    reference: NetworkReference, path: Path, progress: Progress, sha256: str | None = None
) -> Network:
    """A file's network by its `architecture`; a classifier with other classes is its own.

    Raises RequestError for an architecture that does not exist, a file that is no checkpoint of
    plain tensors or does not fit, or whose SHA-256 is another one than `sha256`.
    """
    from explorer.models.architectures import architecture_named
    from explorer.models.network import output_count

    architecture = architecture_named(reference.architecture or "", reference.size)
    checkpoint = read_state_dict(path, sha256)
    progress("loading the network")
    network = architecture.describe(reference.model, architecture.create())
    state = strip_prefixes(checkpoint, set(network.module.state_dict()))
    bias = state.get(f"{network.classifier}.bias")
    head = network.module.get_submodule(network.classifier or "")
    if bias is not None and bias.shape[0] != output_count(head):
        module = architecture.create(num_classes=bias.shape[0])
        network = architecture.describe(reference.model, module)
    check_fit(state, network.module.state_dict(), path, str(reference.architecture))
    network.module.load_state_dict(state)
    return network.with_input("the checkpoint", **normaliser(checkpoint))


SOURCE = Source(
    name="file",
    title="checkpoints from files",
    help="a checkpoint of your own, with the architecture that it fits (command line only)",
    example="file:PATH with --arch timm:NAME or --arch torchvision:NAME",
    entry=lambda path: None,
    load=load,
    names=None,
    visitors_may_name=False,
    parameters=lambda reference: pretrained.parameters_of(reference.architecture or ""),
    pin=pin,
)
