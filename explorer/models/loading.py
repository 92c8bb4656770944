"""Networks by reference: one loader per source, and what a worker keeps of them in memory."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import torch

from explorer.models import catalogue, memory
from explorer.models.downloads import Progress
from explorer.models.names import wrong_size
from explorer.models.network import InputSpec, Network
from explorer.request import NetworkReference, RequestError

BYTES_PER_PARAMETER = 4

cache = memory.ModelCache()

_MAKERS = {
    "timm": "explorer.models.from_timm",
    "torchvision": "explorer.models.from_torchvision",
    "robust": "explorer.models.from_robust",
    "hub": "explorer.models.from_self_supervised",
}
"""Imported when first asked for: timm and torchvision take seconds, and embedded networks need
neither."""


def load(
    reference: NetworkReference | str,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Network:
    """The network of a reference, on `device`, in eval mode, its parameters without gradients.

    reference: text such as `timm:resnet18` is enough where no more belongs to it. progress: called
    with what is being done. Raises RequestError for a name that does not exist, a checkpoint that
    does not fit or a network too big for the device, HubUnreachable where a download would be
    needed and no hub answers (within five seconds).
    """
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    report = progress or _ignore

    def loaded() -> Network:
        needed = BYTES_PER_PARAMETER * catalogue.parameters(wanted)
        cache.make_room(needed, device)
        memory.check_room(wanted.model, needed, device)
        network = _load(wanted, report)
        memory.check_room(wanted.model, network.nbytes if device != "cpu" else 0, device)
        network.module.to(device)
        if wanted.size is not None:
            _try_size(network, wanted.size)
        return network

    return cache.get((wanted, device), loaded)


def untrained(reference: NetworkReference | str) -> Network:
    """The network's architecture with random weights, without any download; on torch's default
    device, so that `with torch.device("meta")` gives one whose layers can be listed for nothing.
    """
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    source, name = catalogue.split_reference(wanted.model)
    if source not in _MAKERS:
        raise RequestError("model", f"{wanted.model} has no architecture of its own to be built")
    network = import_module(_MAKERS[source]).build(wanted.model, name, wanted.size)
    if wanted.size is not None:
        _try_size(network, wanted.size)
    return network


def _load(wanted: NetworkReference, progress: Progress) -> Network:
    source, name = catalogue.split_reference(wanted.model)
    if source == "embedded":
        return _embedded(wanted.model, name, wanted.size)
    if source in _MAKERS:
        return import_module(_MAKERS[source]).load(wanted.model, name, wanted.size, progress)
    from explorer.models import from_file

    if source == "own":
        return from_file.load_published(wanted.model, name, wanted.weights, wanted.size, progress)
    return from_file.load(
        wanted.model,
        Path(name),
        wanted.architecture or "",
        wanted.weights,
        wanted.size,
        progress,
    )


def _embedded(reference: str, name: str, size: int | None) -> Network:
    from explorer.zoo import cards

    catalogue.card(name)  # says in a sentence if there is no such network
    module, card = cards.load(name)
    return Network(
        reference=reference,
        module=module,
        input=InputSpec(
            size=(size, size) if size else tuple(card["input_size"]),
            mean=tuple(card["mean"]),
            std=tuple(card["std"]),
            interpolation=card["interpolation"],
            crop_pct=card["crop_pct"],
        ),
        classifier="head",
        classes=tuple(card["classes"]),
        class_count=len(card["classes"]),
        family="embedded",
    )


def _try_size(network: Network, size: int) -> None:
    """One pass, so that a size that cannot be is said before anything is made with it."""
    blank = torch.full((1, 3, size, size), 0.5, device=network.device)
    try:
        with torch.no_grad():
            network(blank)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise wrong_size(network.reference, size, error) from error


def _ignore(text: str) -> None: ...
