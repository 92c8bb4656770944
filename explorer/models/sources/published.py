"""Checkpoints that the operator of the app publishes in models.toml (`own:NAME`)."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import RequestError
from explorer.models import models_toml, pretrained
from explorer.models.architectures import cifar
from explorer.models.downloads import Progress
from explorer.models.entry import Entry
from explorer.models.source import Source
from explorer.models.sources import file
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

log = logging.getLogger(__name__)

UNKNOWN_SIZE = (224, 224)
"""Of the pictures, where neither models.toml nor the architecture says."""


def entry(name: str) -> Entry:
    """What models.toml says; RequestError for a name that is not there."""
    network = models_toml.named(name)
    alike = pretrained.find(pretrained.full_reference(network.architecture))
    size = alike.size if alike is not None else UNKNOWN_SIZE
    if network.architecture.startswith(f"{cifar.ARCHITECTURES.name}:"):
        size = (cifar.SIDE, cifar.SIDE)
    return Entry(
        reference=f"own:{name}",
        title=network.title,
        summary=network.summary,
        family=network.family,
        residual=network.residual,
        objective=network.objective,
        augmentation=network.augmentation,
        data=network.data,
        input_size=(network.input_size, network.input_size) if network.input_size else size,
        classes=network.classes,
        parameters=alike.parameters if alike is not None else 0,
        licence=network.licence,
        accuracy={},
        group="own",
        mean=network.mean or (),
        std=network.std or (),
        norm=network.norm,
        epsilon=network.epsilon,
        paper=network.paper,
    )


def states_size(model: str) -> bool:
    """Whether `own:NAME` is published with the size of its pictures in models.toml."""
    source, _, name = model.partition(":")
    network = models_toml.networks().get(name) if source == "own" else None
    return network is not None and network.input_size is not None


def pin(reference: NetworkReference) -> NetworkReference:
    """The reference with the fingerprint of checkpoint and settings."""
    return replace(reference, weights=models_toml.fingerprint(reference.name))


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network of an entry of models.toml, its pictures brought to it as that says.

    Raises RequestError if entry or checkpoint are no longer those of the reference's fingerprint.
    """
    network = models_toml.named(reference.name)
    if reference.weights and models_toml.fingerprint(reference.name) != reference.weights:
        raise RequestError("weights", f"{reference.model} has changed since the request was made")
    checkpoint = replace(
        reference,
        architecture=network.architecture,
        weights_key=network.weights_key,
        size=reference.size or network.input_size,
    )
    loaded = _loaded(checkpoint, Path(network.file), progress)
    size = {"size": "models.toml"} if network.input_size and reference.size is None else {}
    loaded = replace(loaded, origins={**loaded.origins, **size})
    loaded = loaded.with_input("models.toml", **network.input)
    if not network.classes:
        return loaded
    if len(network.classes) != loaded.class_count:
        raise RequestError(
            "model",
            f"models.toml names {len(network.classes)} classes of {reference.model}, which has "
            f"{loaded.class_count}",
        )
    origins = {**loaded.origins, "classes": "models.toml"}
    return replace(loaded, classes=network.classes, origins=origins)


def _loaded(checkpoint: NetworkReference, path: Path, progress: Progress) -> Network:
    """The network; the log and not the message says what of the operator's files kept it away."""
    import torch

    from explorer.models.architectures.shown import OperatorsCodeError, refused
    from explorer.models.hubs import HubUnreachable

    try:
        return file.load_checkpoint(checkpoint, path, progress)
    except OperatorsCodeError as error:
        log.error("%s: %s", checkpoint.model, error.__cause__, exc_info=error.__cause__)
        raise
    except (RequestError, HubUnreachable, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # its text may be of the operator's code, or name a file
        log.error("%s cannot be loaded", checkpoint.model, exc_info=error)
        raise refused(checkpoint) from error


SOURCE = Source(
    name="own",
    title="checkpoints published here",
    help="checkpoints that the operator of this app published (models.toml)",
    example="own:NAME",
    entry=entry,
    load=load,
    names=lambda: tuple(models_toml.networks()),
    pin=pin,
)
