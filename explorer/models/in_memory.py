"""Networks that a notebook holds: any `torch.nn.Module`, keyed by its weights and its code."""

from __future__ import annotations

import copy
import json
import weakref
from collections.abc import Sequence
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from explorer.errors import RequestError, shortened, unknown
from explorer.models.checkpoints.fit import loadable
from explorer.models.grey import input_channels, wrong_channels
from explorer.models.layers import class_scores
from explorer.models.module_digest import module_digest
from explorer.models.names import first_line
from explorer.models.network import InputSpec, Network, output_count
from explorer.network_reference import INTERPOLATIONS, SIZE_RANGE

SOURCE_NAME = "module"
PROBE_IMAGES = 2
PROBE_OUTPUTS = 16

_networks: dict[str, list[weakref.ref[Network]]] = {}
"""Those that still exist, by the digest in their reference; each of one digest does as well."""


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
    module = _plain(module)
    kind = type(module).__name__
    _check_weights(module, kind)
    channels = input_channels(module)
    if channels not in (1, 3, None):
        raise wrong_channels(kind, channels)
    means, deviations = _per_channel("mean", mean), _per_channel("std", std)
    if channels is not None and channels != len(means):
        raise RequestError("mean", f"{len(means)} numbers, and {kind} takes {channels} channels")
    if interpolation not in INTERPOLATIONS:
        raise unknown("interpolation", "interpolation", interpolation, INTERPOLATIONS)
    spec = InputSpec(_size(size), means, deviations, interpolation, crop_pct)
    head = _classifier(module, classifier)
    count = output_count(module.get_submodule(head)) if head else 0
    if classes and head and len(classes) != count:
        raise RequestError("classes", f"{len(classes)} names, and {head} gives {count} numbers")
    network = Network(
        reference=SOURCE_NAME,
        module=_copied(module, kind),
        input=spec,
        classifier=head,
        classes=tuple(classes),
        class_count=count or len(classes),
        family=kind.lower(),
    )
    settings = [asdict(spec), tuple(classes), head, _probe(network, kind)]
    digest = module_digest(module, json.dumps(settings))
    network = replace(network, reference=f"{SOURCE_NAME}:{digest}")
    living = [each for each in _networks.get(digest, ()) if each() is not None]
    _networks[digest] = [*living, weakref.ref(network)]
    return network


def named(name: str) -> Network | None:
    """The network of this name; None where this process holds it no more."""
    for each in reversed(_networks.get(name, ())):
        network = each()
        if network is not None:
            return network
    return None


def _plain(module: nn.Module) -> nn.Module:
    """The module inside what torch.compile and DataParallel make of it."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if isinstance(module, nn.DataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def _check_weights(module: nn.Module, kind: str) -> None:
    """RequestError for parameters and buffers that have no values, or none that can be."""
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, tensor in tensors.items():
        if is_lazy(tensor) or tensor.is_meta:
            raise RequestError(
                "model",
                f"{name} of {kind} has no values yet; load its weights or, if it has lazy layers, "
                "call it once on a batch of images before",
            )
    state = module.state_dict()
    if all(isinstance(each, Tensor) for each in state.values()):
        loadable(state, module, kind)


def _size(given: object) -> tuple[int, int]:
    """Height and width, px."""
    low, high = SIZE_RANGE
    pair = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    sides = [
        side
        for side in (pair or (given, given))
        if isinstance(side, int) and not isinstance(side, bool) and low <= side <= high
    ]
    if len(sides) != 2 or len(pair) not in (0, 2):
        raise RequestError(
            "size",
            f"{shortened(given)} is not a side in px from {low} to {high}, or a pair of them: "
            "(height, width)",
        )
    return sides[0], sides[1]


def _per_channel(name: str, given: object) -> tuple[float, ...]:
    """The numbers of a list, an array or a tensor."""
    try:
        if isinstance(given, str):
            raise TypeError
        return tuple(float(each) for each in given)  # type: ignore[attr-defined]  # it is tried
    except (TypeError, ValueError) as error:
        raise RequestError(
            name,
            f"{shortened(given)} is not a list of numbers, one per channel; write it like "
            "[0.5, 0.5, 0.5], or [0.5] for a grey network",
        ) from error


def _copied(module: nn.Module, kind: str) -> nn.Module:
    """A float32 copy; the caller's goes on training, and keeps its mode."""
    try:
        return copy.deepcopy(module).float()
    except Exception as error:  # whatever the parts of another's module raise
        raise RequestError(
            "model", f"{kind} cannot be copied: {type(error).__name__}: {first_line(error)}"
        ) from error


def _probe(network: Network, kind: str) -> list[str]:
    """Some of the outputs on fixed pseudo-random images, to three digits.

    A last means to tell apart what differs in a way that Python does not show. RequestError where
    the module cannot take images of this size.
    """
    height, width = network.input.size
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((PROBE_IMAGES, 3, height, width), generator=generator)
    try:
        with torch.no_grad():
            output = class_scores(network(images.to(network.device)), network.class_count)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever another's forward raises
        shape = f"N×{network.input.channels}×{height}×{width}"
        raise RequestError(
            "size",
            f"{kind} fails on images of this size ({shape}): {type(error).__name__}: "
            f"{first_line(error)}",
        ) from error
    if output is None:
        return []
    numbers = output.float().flatten()
    every = max(1, len(numbers) // PROBE_OUTPUTS)
    return [f"{each:.2e}" for each in numbers[::every].tolist()]


def _classifier(module: nn.Module, name: str | None) -> str | None:
    """The named module, or the last linear layer or convolution."""
    from explorer.models.architectures.torchvision import classifier

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
