"""Networks that a notebook holds: any `torch.nn.Module`, keyed by its weights and its source."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import weakref
from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import nn

from explorer.errors import RequestError
from explorer.models.grey import input_channels, wrong_channels
from explorer.models.network import InputSpec, Network, output_count

SOURCE_NAME = "module"

_networks: weakref.WeakValueDictionary[str, Network] = weakref.WeakValueDictionary()


def network_of_module(
    module: nn.Module,
    *,
    size: int | tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    classes: Sequence[str] = (),
    classifier: str | None = None,
    interpolation: str = "bilinear",
    crop_pct: float = 1.0,
) -> Network:
    """See `Network.from_module`."""
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    channels = input_channels(module)
    if channels not in (1, 3, None):
        raise wrong_channels(type(module).__name__, channels)
    if channels is not None and channels != len(mean):
        raise RequestError(
            "mean", f"{len(mean)} numbers, and {type(module).__name__} takes {channels} channels"
        )
    height, width = (size, size) if isinstance(size, int) else size
    spec = InputSpec((height, width), tuple(mean), tuple(std), interpolation, crop_pct)
    head = _classifier(module, classifier)
    count = output_count(module.get_submodule(head)) if head else 0
    if classes and head and len(classes) != count:
        raise RequestError("classes", f"{len(classes)} names, and {head} gives {count} numbers")
    digest = _digest(module, spec, tuple(classes), head)
    known = _networks.get(digest)
    if known is not None:
        return known
    network = Network(
        reference=f"{SOURCE_NAME}:{digest}",
        module=copy.deepcopy(module),  # the caller's goes on training, and keeps its mode
        input=spec,
        classifier=head,
        classes=tuple(classes),
        class_count=count or len(classes),
        family=type(module).__name__.lower(),
    )
    _networks[digest] = network
    return network


def named(name: str) -> Network:
    """The network of this name; RequestError where this process holds it no more."""
    network = _networks.get(name)
    if network is None:
        raise RequestError(
            "model",
            f"{SOURCE_NAME}:{name[:12]}… is not in this process; such networks are made by "
            "Network.from_module, and last as long as the Network does",
        )
    return network


def _classifier(module: nn.Module, name: str | None) -> str | None:
    """The named module, or the last linear layer or convolution."""
    from explorer.models.sources.torchvision import classifier

    if name is None:
        return classifier(module)
    try:
        module.get_submodule(name)
    except AttributeError as error:
        names = [each for each, _ in module.named_modules() if each]
        raise RequestError(
            "classifier", f"there is no module {name!r}; the last ones are {', '.join(names[-4:])}"
        ) from error
    return name


def _digest(module: nn.Module, spec: InputSpec, classes: tuple[str, ...], head: str | None) -> str:
    """SHA-256 of weights, buffers, source and settings."""
    hashed = hashlib.sha256(json.dumps([asdict(spec), classes, head]).encode())
    hashed.update(repr(module).encode())
    for kind in sorted(
        {type(part) for part in module.modules()}, key=lambda each: each.__qualname__
    ):
        hashed.update(f"{kind.__module__}.{kind.__qualname__}\n{_source(kind)}".encode())
    for name, tensor in sorted(module.state_dict().items()):
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hashed.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return hashed.hexdigest()


def _source(kind: type) -> str:
    """The source of a class of the user's own; "" for libraries', which versions stand for."""
    if kind.__module__.startswith(("torch.", "torchvision.", "timm.")):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # typed into an interpreter
        return ""
