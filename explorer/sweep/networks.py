"""The networks and layers that a sweep names, before anything is loaded."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import validation
from explorer.errors import RequestError, did_you_mean
from explorer.files import expanded
from explorer.models import catalogue, layer_expression
from explorer.models.layer_place import Shape
from explorer.models.names import unknown_layer
from explorer.network_reference import PATH_SOURCE, NetworkReference
from explorer.request import NETWORK_FIELDS, Request
from explorer.sweep.source import Table
from explorer.sweep.values import LayerRange, values

LayersOf = Callable[[NetworkReference], Mapping[str, Shape] | None]
"""Shapes of a network's layers by name, in order of execution; None where they are not known."""

_PATH_FIELDS = ("classes_file",)


@dataclass(frozen=True)
class Place:
    """A network and one of its layers. model: as it was written, for messages."""

    network: NetworkReference
    layer: str
    model: str


def places(table: Table, layers_of: LayersOf) -> list[Place]:
    """Every network of a table with every layer; SweepError says what is none."""
    written = values(table, "layer") if "layer" in table.written else [None]
    found = []
    for network, model in _networks(table):
        for value in written:
            for layer in _layers(table, network, value, layers_of):
                found.append(Place(network, layer, model))
    return found


def _networks(table: Table) -> list[tuple[NetworkReference, str]]:
    if "model" not in table.written:
        raise table.error("model", "it is missing; write it like model = 'embedded:NAME'")
    axes = {
        name: values(table, name)
        for name in NETWORK_FIELDS
        if name in table.written and name != "model"
    }
    found = []
    for text in values(table, "model"):
        for model in _named(table, text):
            for combination in itertools.product(*axes.values()):
                settings = dict(zip(axes, combination, strict=True))
                found.append((_network(table, model, settings, text), str(text)))
    return found


def _named(table: Table, text: object) -> list[str]:
    """The reference itself, or those that a pattern such as `embedded:imagenette-*` stands for."""
    if not isinstance(text, str) or not text:
        raise table.error("model", f"{text!r} is not a reference; write it like 'timm:resnet18'")
    if "*" not in text or text.startswith(f"{PATH_SOURCE}:"):
        return [text]
    offered = [entry.reference for entry in catalogue.offered()[0]]
    names = fnmatch.filter(offered, text)
    if not names:
        hint = did_you_mean(text, offered, most=3)
        raise table.error(
            "model", f"{text!r} stands for no network; {hint}`iri models` lists them", text
        )
    return names


def _network(
    table: Table, model: str, settings: dict[str, Any], written: object
) -> NetworkReference:
    folder = table.source.folder
    try:
        if folder is None:
            validation.check_visitor_may_name(model)
        else:
            if model.startswith(f"{PATH_SOURCE}:"):
                model = f"{PATH_SOURCE}:{_path(folder, model.partition(':')[2])}"
            for name in _PATH_FIELDS:
                if isinstance(settings.get(name), str):
                    settings[name] = _path(folder, settings[name])
        return validation.network_reference(model, **settings)
    except RequestError as error:
        value = written if error.field == "model" else settings.get(error.field)
        raise table.error(error.field, error.message, value) from error


def _path(folder: Path, text: str) -> str:
    """The path as written, or counted from the sweep's folder where that is where the file is."""
    path = folder / expanded("model", text)
    return str(path) if path.exists() else text


def _layers(
    table: Table, network: NetworkReference, written: object, layers_of: LayersOf
) -> list[str]:
    if written is None:
        return [str(Request.defaults()["layer"])]
    try:
        shapes = layers_of(network)
    except RequestError as error:
        raise table.error(error.field, error.message) from error
    if not isinstance(written, LayerRange):
        if not isinstance(written, str):
            raise table.error("layer", f"{written!r} is not a layer's name", written)
        try:
            layer_expression.check(written, network.model, shapes or {}, network.size is None)
        except RequestError as error:
            raise table.error("layer", error.message, written) from error
        return [written]
    if shapes is None:
        raise table.error(
            "layer",
            f"the layers of {network.model} are not known before it is loaded; list their names "
            f"instead of a range (`iri layers {network.model}` prints them)",
            written.first,
        )
    names = list(shapes)
    for end in (written.first, written.last):
        if end not in names:
            message = unknown_layer(end, network.model, names).message
            raise table.error("layer", message, end)
    try:
        return written.of(names)
    except ValueError as error:
        raise table.error("layer", str(error), written.first) from error
