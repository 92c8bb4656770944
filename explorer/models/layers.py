"""Layers by name, in order of execution, and the representations at them.

A layer is a module's output, or a part of it where it is a tuple, list or dict; `penultimate` is
what goes into the classifier, `logits` what comes out. The network is run only as far as the last
layer that was asked for: a hook stops the pass there, so nothing after it costs time or can write
into the representation in place, whether or not the network could be traced. Hooks are there only
while a pass runs, under the network's own lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from explorer.models.names import LOGITS, PENULTIMATE, unknown_layer
from explorer.models.network import Network

LISTING_BATCH = 2
"""With one image only, anything whose first dimension is 1 would look like a batch of it."""

_Note = Callable[[str, str, object], None]


@dataclass(frozen=True)
class Layer:
    """One place where a representation can be taken; `shape` is of one image, without N.

    name: the module's, `#2` behind it for its second use, `[0]` or `[key]` for a part of what it
        returns. kind: the module's class.
    """

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

    A module that runs more than once is named per use: `act`, `act#2`, … Of a tuple, list or dict
    each part is a layer: `pair[0]`, `pair[features]`. What is no floating-point tensor with the
    batch first is left out.
    """
    seen: list[Layer] = []
    visit_layers(
        network,
        torch.full((LISTING_BATCH, 3, *network.input.size), 0.5, device=network.device),
        lambda layer, _: seen.append(layer),
    )
    return tuple(seen)


def visit_layers(network: Network, images: Tensor, visit: Callable[[Layer, Tensor], None]) -> None:
    """Call `visit(layer, representation N×…)` at every layer as it is ready, in one whole pass.

    Nothing is kept, so that memory does not grow with depth; a visitor that keeps a representation
    must clone it, for the network may overwrite it.
    """

    def note(name: str, kind: str, output: object) -> None:
        for part, tensor in _parts(name, output, images.shape[0]):
            visit(Layer(part, kind, tuple(tensor.shape[1:])), tensor)

    with torch.no_grad():
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
    taken: dict[str, Tensor] = {}

    def note(name: str, kind: str, output: object) -> None:
        for part, tensor in _parts(name, output, images.shape[0]):
            if part in wanted:
                last = len(taken) == len(wanted) - 1
                taken[part] = tensor if last else tensor.clone()
        if len(taken) == len(wanted):
            raise _Reached

    try:
        _run(network, images, note, {re.split(r"[#\[]", name, maxsplit=1)[0] for name in wanted})
    except _Reached:
        return {name: taken[name] for name in wanted}
    missing = next(name for name in wanted if name not in taken)
    raise unknown_layer(missing, network.reference, [layer.name for layer in list_layers(network)])


def _parts(name: str, output: object, batch: int) -> Iterator[tuple[str, Tensor]]:
    """The representations in what a module returned, each under its own name."""
    if isinstance(output, Tensor):
        if output.is_floating_point() and output.ndim >= 2 and output.shape[0] == batch:
            yield name, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from _parts(f"{name}[{key}]", value, batch)
    elif isinstance(output, tuple | list):
        for index, value in enumerate(output):
            yield from _parts(f"{name}[{index}]", value, batch)


def _run(network: Network, images: Tensor, note: _Note, only: Iterable[str] | None = None) -> None:
    """One forward pass that tells `note` each layer's name, kind and output as it is ready.

    only: names of the modules to hook, all if None; hooks on others would only cost time.
    """
    uses: Counter[str] = Counter()

    def after(name: str) -> Callable[[nn.Module, Any, object], None]:
        def hook(module: nn.Module, _args: object, output: object) -> None:
            uses[name] += 1
            use = uses[name]
            note(name if use == 1 else f"{name}#{use}", type(module).__name__, output)

        return hook

    def before_classifier(_module: nn.Module, args: tuple[object, ...]) -> None:
        uses[PENULTIMATE] += 1
        use = uses[PENULTIMATE]
        name = PENULTIMATE if use == 1 else f"{PENULTIMATE}#{use}"
        note(name, "input of the classifier", args[0] if args else None)

    with network.lock, ExitStack() as hooks:
        for name in network.parts if only is None else only:
            if name in network.parts:
                hooks.callback(network.parts[name].register_forward_hook(after(name)).remove)
        for head in network.heads:
            hooks.callback(head.register_forward_pre_hook(before_classifier).remove)
        output = network.module(network.normalise(images))
        if not network.heads:
            note(PENULTIMATE, "output", output)
        note(LOGITS, "output", output)
