"""Networks by reference, and what a worker keeps of them in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from explorer.errors import RequestError
from explorer.models import catalogue, class_names, memory
from explorer.models.downloads import Progress
from explorer.models.names import wrong_size
from explorer.models.network import Network
from explorer.network_reference import NetworkReference

BYTES_PER_PARAMETER = 4

cache = memory.ModelCache()


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

    def from_source() -> Network:
        source, _ = catalogue.split_reference(wanted.model)
        needed = BYTES_PER_PARAMETER * catalogue.parameters(wanted)
        cache.make_room(needed, device)
        memory.check_room(wanted.model, needed, device)
        network = with_overrides(source.load(wanted, progress or _ignore), wanted)
        memory.check_room(wanted.model, network.nbytes if device != "cpu" else 0, device)
        network.module.to(device)
        if wanted.size is not None:
            _try_size(network, wanted.size)
        return network

    return cache.get((wanted, device), from_source)


def with_overrides(network: Network, reference: NetworkReference) -> Network:
    """The network with the input settings and class names that its reference gives it.

    Raises RequestError (field `classes`) for names that are not as many as the network's classes,
    or a file that is not the one of the request any more.
    """
    for name in ("mean", "std", "interpolation", "crop_pct"):
        value = getattr(reference, name)
        if value is not None:
            network = network.with_input("the request", **{name: value})
    if reference.size is not None:
        network = replace(network, origins={**network.origins, "size": "the request"})
    if reference.classes is None:
        return network
    if reference.classes_file is None:
        raise RequestError("classes", "the file with the names is missing (classes_file)")
    path = Path(reference.classes_file)
    names = class_names.read(path)
    if class_names.digest(names) != reference.classes:
        raise RequestError("classes", f"{path.name} has changed since the request was made")
    if len(names) != network.class_count:
        raise RequestError(
            "classes",
            f"{path.name} names {len(names)} classes, and {network.reference} has "
            f"{network.class_count}",
        )
    origins = {**network.origins, "classes": path.name}
    return replace(network, classes=names, origins=origins)


def untrained(reference: NetworkReference | str) -> Network:
    """The network's architecture with random weights, without any download; on torch's default
    device, so that `with torch.device("meta")` gives one whose layers can be listed for nothing.

    Raises RequestError where the source has no architectures apart from their weights.
    """
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    source, _ = catalogue.split_reference(wanted.model)
    if source.untrained is None:
        raise RequestError("model", f"{wanted.model} cannot be built without its weights")
    network = source.untrained(wanted)
    if wanted.size is not None:
        _try_size(network, wanted.size)
    return network


def skeleton(reference: NetworkReference, device: str = "cpu") -> Network:
    """A network with the layers of the reference's, without its weights where that is possible."""
    source, _ = catalogue.split_reference(reference.model)
    if source.untrained is None:
        return load(reference, device)
    with torch.device("meta"):
        return untrained(reference)


def _try_size(network: Network, size: int) -> None:
    """One pass, so that a size that cannot be is found before anything is made with it."""
    blank = torch.full((1, 3, size, size), 0.5, device=network.device)
    try:
        with torch.no_grad():
            network(blank)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise wrong_size(network.reference, size) from error


def _ignore(message: str) -> None:
    """For callers who want no progress."""
