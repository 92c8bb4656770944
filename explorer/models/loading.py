"""Networks by reference: one loader per source, and what a worker keeps of them in memory."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import torch

from explorer.models import catalogue, memory
from explorer.models.downloads import Tell
from explorer.models.names import wrong_size
from explorer.models.network import InputSpec, Network
from explorer.request import RequestError

BYTES_PER_PARAMETER = 4

kept = memory.Kept()

_MAKERS = {
    "timm": "explorer.models.from_timm",
    "torchvision": "explorer.models.from_torchvision",
    "robust": "explorer.models.from_robust",
    "hub": "explorer.models.from_self_supervised",
}
"""Imported when first asked for: timm and torchvision take seconds, and embedded networks need
neither."""


def load(
    reference: str,
    architecture: str | None = None,
    weights: str | None = None,
    device: str = "cpu",
    size: int | None = None,
    tell: Tell | None = None,
) -> Network:
    """The network of a reference, on `device`, in eval mode, its parameters without gradients.

    `architecture` and `weights` (the file's SHA-256) belong to `file:` references, `weights` (the
    fingerprint) to `own:` ones, too. size: the side
    in px at which it is to look at pictures, None as it was trained. tell: told of the progress.
    Raises RequestError for a name that does not exist, a checkpoint that does not fit or a network
    too big for the device, HubUnreachable where a download would be needed and no hub answers
    (within five seconds).
    """
    said = tell or _say_nothing

    def loaded() -> Network:
        needed = BYTES_PER_PARAMETER * catalogue.parameters(reference, architecture)
        kept.make_room(needed, device)
        memory.check_room(reference, needed, device)
        network = _load(reference, architecture, weights, size, said)
        memory.check_room(reference, network.nbytes if device != "cpu" else 0, device)
        network.module.to(device)
        if size is not None:
            _try_size(network, size)
        return network

    return kept.get((reference, architecture, weights, device, size), loaded)


def untrained(reference: str, size: int | None = None) -> Network:
    """The network's architecture with random weights, without any download; on torch's default
    device, so that `with torch.device("meta")` gives one whose layers can be listed for nothing.
    """
    source, name = catalogue.split_reference(reference)
    if source not in _MAKERS:
        raise RequestError("model", f"{reference} has no architecture of its own to be built")
    maker = import_module(_MAKERS[source])
    network = maker.build(reference, name, size)
    if size is not None:
        _try_size(network, size)
    return network


def _load(
    reference: str, architecture: str | None, weights: str | None, size: int | None, tell: Tell
) -> Network:
    source, name = catalogue.split_reference(reference)
    if source == "embedded":
        return _embedded(reference, name, size)
    if source in _MAKERS:
        return import_module(_MAKERS[source]).load(reference, name, size, tell)
    from explorer.models import from_file

    if source == "own":
        return from_file.load_published(reference, name, weights, size, tell)
    return from_file.load(reference, Path(name), architecture or "", weights, size, tell)


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


def _say_nothing(text: str) -> None: ...
