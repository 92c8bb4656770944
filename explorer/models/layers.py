"""Layers by name, in order of execution, and the representations at them.

A layer is a module's output, or a part of it where it is a tuple, list or dict; `penultimate` is
what goes into the classifier, `logits` what comes out. The network is run only as far as the last
layer that was asked for: a hook stops the pass there, so nothing after it costs time or can write
into the representation in place, whether or not the network could be traced. Hooks are there only
while a pass runs, under the network's own lock.

A representation is asked for by an expression (`explorer.models.layer_expression`): a layer, some
of its numbers, or several of these with weights (`explorer.models.layer_scales`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from explorer.models import layer_scales
from explorer.models.layer_expression import LayerExpression, parse, unknown_in
from explorer.models.layer_place import CHANNEL, Place
from explorer.models.names import LOGITS, PENULTIMATE, no_logits
from explorer.models.network import Network

LISTING_BATCH = 2
"""With one image only, anything whose first dimension is 1 would look like a batch of it."""

_NAME = re.compile(r"(?P<module>[^#\[]*)(?:#\d+)?(?:\[[^\]]*\])*")

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

    layer: an expression. A whole layer and some of its channels keep its axes; a unit (N×1), the
    centre (N×C) and several places (N×D) are vectors. Raises RequestError (field `layer`) that
    names the nearest layers if there is no such one, or says which parts there are.
    """
    return representations(network, (layer,), images)[layer]


def representations(network: Network, layers: Iterable[str], images: Tensor) -> dict[str, Tensor]:
    """g(images) at several layers in one pass, as far as the last of them; names in given order.

    layers: expressions, as of `representation`. Images N×3×H×W in [0, 1]; each value N×…, its own
    copy, so that operations in place further on in the network cannot change it. Raises
    RequestError (field `layer`) as `representation`.
    """
    wanted = {text: expression_of(network, text) for text in layers}
    for expression in wanted.values():
        _measure_scales(network, expression)
    taken = _taken(network, wanted.values(), images)
    return {text: layer_scales.joined(network, each, taken) for text, each in wanted.items()}


def expression_of(network: Network, text: str) -> LayerExpression:
    """The expression of a text; a module's own name means that module, whatever it looks like."""

    def is_layer(name: str) -> bool:
        match = _NAME.fullmatch(name)
        return match is not None and (
            match["module"] in network.parts or match["module"] in (PENULTIMATE, LOGITS)
        )

    return parse(text, is_layer)


def measure_scales(network: Network, layer: str) -> None:
    """Measure the scales of an expression's layers now and not in its first pass.

    That is what must be done before a pass is recorded, or run with another gradient. Nothing to
    do for a single place. Raises RequestError as `representation`.
    """
    _measure_scales(network, expression_of(network, layer))


def _measure_scales(network: Network, expression: LayerExpression) -> None:
    def represent(images: Tensor) -> dict[Place, Tensor]:
        return _taken(network, [expression], images)

    if expression.single is None:
        layer_scales.measure(network, [place for place, _ in expression.terms], represent)


def _taken(
    network: Network, expressions: Collection[LayerExpression], images: Tensor
) -> dict[Place, Tensor]:
    """The representation at each place of the expressions, N×…"""
    places = list(dict.fromkeys(place for each in expressions for place, _ in each.terms))
    taken: dict[Place, Tensor] = {}

    def note(name: str, kind: str, output: object) -> None:
        for part, tensor in _parts(name, output, images.shape[0]):
            for place in places:
                if place.layer == part:
                    last = len(taken) == len(places) - 1
                    numbers = part_of(tensor, place)
                    taken[place] = numbers if last else numbers.clone()
        if len(taken) == len(places):
            raise _Reached

    with suppress(_Reached):
        _run(network, images, note, {_module_of(place.layer) for place in places})
    for place in places:
        if place not in taken:
            if network.headless and _module_of(place.layer) == LOGITS:
                raise no_logits(network.reference)
            expression = next(each for each in expressions if place.layer in each.layers)
            names = [layer.name for layer in list_layers(network)]
            raise unknown_in(expression, place.layer, network.reference, names)
    return taken


def part_of(layer: Tensor, place: Place) -> Tensor:
    """The numbers of a whole layer, N×…, that a place names; as of `representation`.

    Made of slices alone, which need no index on the device. Raises RequestError (field `layer`)
    where the layer has no such part.
    """
    if place.part is None:
        return layer
    numbers = layer
    for axis, indices in enumerate(place.kept(tuple(layer.shape[1:])), start=1):
        if indices is not None:
            kept = [numbers.narrow(axis, index, 1) for index in indices]
            numbers = kept[0] if len(kept) == 1 else torch.cat(kept, axis)
    return numbers if place.part.kind == CHANNEL else numbers.flatten(1)


def _module_of(name: str) -> str:
    """The module's name in a layer's, without its use and part (`act#2[0]` → `act`)."""
    return re.split(r"[#\[]", name, maxsplit=1)[0]


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
            if name in network.parts and name not in (PENULTIMATE, LOGITS):
                hooks.callback(network.parts[name].register_forward_hook(after(name)).remove)
        for head in network.heads:
            hooks.callback(head.register_forward_pre_hook(before_classifier).remove)
        output = network.module(network.normalise(images))
        # Of several outputs, each under its own name, and the class scores under the usual one.
        scores = None if isinstance(output, Tensor) else class_scores(output, network.class_count)
        ends = [(PENULTIMATE, not network.heads), (LOGITS, not network.headless)]
        for name in (name for name, is_output in ends if is_output):
            if scores is not None:
                note(name, "output", scores)
            note(name, "output", output)


def class_scores(output: object, class_count: int = 0) -> Tensor | None:
    """The class scores in what a network returned: a tensor, or a tuple, list or dict of several.

    In a dict they are `logits` or `out`; elsewhere the first tensor N×K, one with K = class_count
    before others. None where there is none.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        for key in ("logits", "out"):
            if isinstance(output.get(key), Tensor):
                scores: Tensor = output[key]
                return scores
    values = [*output.values()] if isinstance(output, Mapping) else output
    if not isinstance(values, tuple | list):
        return None
    tensors = [each for each in values if isinstance(each, Tensor) and each.is_floating_point()]
    flat = [each for each in tensors if each.ndim == 2]
    fitting = [each for each in flat if each.shape[1] == class_count]
    return next(iter([*fitting, *flat, *tensors]), None)
