"""`iri layers REF`: the layers of a network, in order of execution."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable

from explorer.cli.command import Command, print_rows
from explorer.cli.option_tables import LOADING_OPTIONS
from explorer.cli.options import add_options, network_from
from explorer.models.layer_expression import MOST_TERMS

PARTS_HELP = (
    "Where an IRI may match (--layer of the other commands): a layer by its name, layer3.1; one or "
    "several of its channels, layer3.1@channel=12 or layer3.1@channel=3,5,7; one unit by channel, "
    "row and column, layer3.1@unit=12,7,7 (of a vector fc@unit=12, of tokens "
    "blocks.5@unit=TOKEN,FEATURE); all channels at the centre of the map, layer3.1@centre; or up "
    f"to {MOST_TERMS} of these with weights, 'layer2+0.5*layer3@centre', each divided by its root "
    "mean square norm over the gallery's photographs. Indices count from 0."
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = PARTS_HELP
    parser.add_argument("reference", help="such as embedded:NAME")
    add_options(parser, LOADING_OPTIONS)


def _run(options: argparse.Namespace) -> None:
    from explorer.models.layer_titles import layer_title

    layers = list(_layers(options))
    names = [name for name, _, _ in layers]
    rows: list[dict[str, object]] = [
        {
            "order": order,
            "name": name,
            "friendly": layer_title(name, kind, names),
            "kind": kind,
            "shape": list(shape),
            "elements": math.prod(shape),
        }
        for order, (name, kind, shape) in enumerate(layers, start=1)
    ]
    print_rows(options, rows, _line)


def _layers(options: argparse.Namespace) -> Iterable[tuple[str, str, tuple[int, ...]]]:
    """From the catalogue where it knows them, else from a worker."""
    from explorer import validation
    from explorer.cli.running import EngineRunner
    from explorer.jobs import work
    from explorer.models import catalogue

    entry = catalogue.entry(options.reference)
    request = validation.observer(network_from(options, options.reference))
    if entry is not None and entry.layers and request.size is None:
        return entry.layers
    with EngineRunner.started() as runner:
        return runner.ask(work.layers, request.network).rows


def _line(row: dict[str, object]) -> str:
    shape = "×".join(map(str, row["shape"]))  # type: ignore[call-overload]
    return f"{row['order']:4} {row['name']!s:36} {row['friendly']!s:44} {row['kind']!s:24} {shape}"


COMMAND = Command("layers", "the layers of a network", _run, _add_options, prints_json=True)
