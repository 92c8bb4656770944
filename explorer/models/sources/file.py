"""Checkpoints from files (`file:PATH`): an architecture with the file's weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from explorer.errors import RequestError, did_you_mean
from explorer.files import expanded
from explorer.models import pretrained
from explorer.models.architectures import python
from explorer.models.checkpoints.reading import read, sha256_of
from explorer.models.downloads import Progress
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network


_USUAL_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".tar")


def pin(reference: NetworkReference) -> NetworkReference:
    """The reference with the file's full path and SHA-256; `~` is the user's home folder.

    Raises RequestError (field `model`) where there is no such file.
    """
    path = _path(reference.name)
    reference = replace(reference, model=f"file:{path.resolve()}")
    if python.is_python(reference.architecture):
        pinned = python.pinned(str(reference.architecture))
        reference = replace(reference, architecture=pinned)
    return replace(reference, weights=fingerprint(path, reference.architecture))


def _path(name: str) -> Path:
    """The file behind `file:`, written as a path or as the rest of a `file://` address."""
    path = Path(name)
    hint = ""
    try:
        for written in (name, unquote(name.removeprefix("//"))):
            path = expanded("model", written)
            if path.is_file():
                return path
        if path.is_dir():
            some = ", ".join(repr(each) for each in _checkpoints_in(path)[:3])
            hint = f", but a folder; name the checkpoint in it{f', such as {some}' if some else ''}"
        else:
            near = did_you_mean(path.name, _checkpoints_in(path.parent), "file:")
            hint = f"; {near.strip()}" if near else ""
    except (OSError, ValueError):
        pass  # too long for a file's name, with a null character, or of a user whom there is not
    raise RequestError("model", f"there is no file {str(path)!r}{hint}")


def _checkpoints_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if each.suffix in _USUAL_SUFFIXES)


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
                f"{path.name}, the file of its architecture or a module that this imports has "
                "changed since the request was made",
            )
        weights = None
    return load_checkpoint(reference, path, progress, weights)


def load_checkpoint(
    reference: NetworkReference, path: Path, progress: Progress, sha256: str | None = None
) -> Network:
    """The network of a file's weights in the reference's `architecture`.

    No message names a file of a published network. Raises RequestError for an architecture that
    does not exist, a file that is no checkpoint or does not fit, or whose SHA-256 is another one
    than `sha256`.
    """
    from explorer.models.architectures.shown import architecture_of
    from explorer.models.checkpoints.loading import network_of

    architecture_of(reference, reference.size)
    published = reference.source != "file"
    shown = f"the checkpoint of {reference.model}" if published else path.name
    checkpoint = read(path, shown, sha256)
    progress("loading the network")
    return network_of(reference, checkpoint)


SOURCE = Source(
    name="file",
    title="checkpoints from files",
    help="a checkpoint of your own, with the architecture that it fits (command line only)",
    example="file:PATH with --arch timm:NAME, torchvision:NAME, cifar:NAME or "
    "python:FILE.py:CALLABLE",
    entry=lambda path: None,
    load=load,
    names=None,
    visitors_may_name=False,
    parameters=lambda reference: pretrained.parameters_of(reference.architecture or ""),
    pin=pin,
)
