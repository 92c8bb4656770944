"""Layers by name, in order of execution, and representations taken at them.

A layer is a module's output, `penultimate` (what goes into the classifier) or `logits`. The
network is run only as far as the last layer that was asked for: a hook stops the pass there, so
nothing after it costs time or can write into the representation in place. Hooks are there only
while a pass runs, under the network's own lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.models.names import LOGITS, PENULTIMATE, unknown_layer
from explorer.models.network import Network


@dataclass(frozen=True)
class Layer:
    """One place where a representation can be taken; `shape` is of one image, without N."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers the representation of one image holds."""
        return torch.Size(self.shape).numel()


class _Reached(Exception):
    """Stops a forward pass once every wanted layer has been seen."""


def list_layers(network: Network) -> tuple[Layer, ...]:
    """Every layer of the network in the order in which its output is ready.

    A module that runs more than once is named per use: `act`, `act#2`, … Modules that return
    anything but one floating-point tensor with the batch first are left out.
    """
    seen: list[Layer] = []
    visit_layers(
        network,
        torch.full((1, 3, *network.input.size), 0.5, device=network.device),
        lambda layer, _: seen.append(layer),
    )
    return tuple(seen)


def visit_layers(network: Network, images: Tensor, visit: Callable[[Layer, Tensor], None]) -> None:
    """Call `visit(layer, representation N×…)` at every layer as it is ready, in one whole pass.

    Nothing is kept, so that memory does not grow with depth; a visitor that keeps a representation
    must clone it, for the network may overwrite it.
    """

    def note(name: str, kind: str, output: object) -> None:
        if _is_representation(output, batch=images.shape[0]):
            visit(Layer(name, kind, tuple(output.shape[1:])), output)

    _run(network, images, note)


def representation(network: Network, layer: str, images: Tensor) -> Tensor:
    """g(images), N×…, at one layer; images N×3×H×W in [0, 1]. Differentiable in the images.

    Raises RequestError (field `layer`) that names the nearest layers if there is no such one.
    """
    return representations(network, (layer,), images)[layer]


def representations(network: Network, layers: Iterable[str], images: Tensor) -> dict[str, Tensor]:
    """g(images) at several layers in one pass, as far as the last of them; names in given order.

    Images N×3×H×W in [0, 1]; each value N×…, its own copy, so that operations in place further
    on in the network cannot change it. Raises RequestError (field `layer`) for an unknown name.
    """
    wanted = list(dict.fromkeys(layers))
    found: dict[str, Tensor] = {}

    def note(name: str, kind: str, output: object) -> None:
        if name not in wanted or not _is_representation(output, batch=images.shape[0]):
            return
        last = len(found) == len(wanted) - 1
        found[name] = output if last else output.clone()
        if last:
            raise _Reached

    try:
        _run(network, images, note, {name.split("#")[0] for name in wanted})
    except _Reached:
        return {name: found[name] for name in wanted}
    missing = next(name for name in wanted if name not in found)
    raise unknown_layer(missing, network.reference, [layer.name for layer in list_layers(network)])


def _is_representation(output: object, batch: int) -> bool:
    return (
        isinstance(output, Tensor)
        and output.is_floating_point()
        and output.ndim >= 2
        and output.shape[0] == batch
    )


def _run(
    network: Network,
    images: Tensor,
    note: Callable[[str, str, object], None],
    only: Container[str] | None = None,
) -> None:
    """One forward pass that tells `note` each layer's name, kind and output as it is ready.

    only: names of the modules to look at, all if None; hooks on others would only cost time.
    """
    uses: Counter[str] = Counter()

    def after(name: str):
        def hook(module, _args, output):
            uses[name] += 1
            use = uses[name]
            note(name if use == 1 else f"{name}#{use}", type(module).__name__, output)

        return hook

    def before_classifier(_module, args):
        note(PENULTIMATE, "input of the classifier", args[0] if args else None)

    with network.lock, ExitStack() as hooks:
        for name, module in network.module.named_modules():
            if name and (only is None or name in only):
                hooks.callback(module.register_forward_hook(after(name)).remove)
            if name and name == network.classifier:
                hooks.callback(module.register_forward_pre_hook(before_classifier).remove)
        output = network.module(network.normalise(images))
        if network.classifier is None:
            note(PENULTIMATE, "output", output)
        note(LOGITS, "output", output)
