"""`iri people [REF]`: what people recognised in the metamers of networks, as published."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from explorer.cli.command import Command
from explorer.errors import RequestError, did_you_mean
from explorer.models import pretrained


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reference",
        nargs="?",
        help="such as torchvision:resnet50/IMAGENET1K_V1; without it, all networks are listed that "
        "people were asked about, and which of them are offered here",
    )


def _run(options: argparse.Namespace) -> None:
    lines = _networks(options.json) if options.reference is None else _curve(options)
    print("\n".join(lines))


def _networks(as_json: bool) -> Iterable[str]:
    from explorer.analysis.people import published_networks

    tested = published_networks()
    if as_json:
        yield json.dumps([each.to_json() for each in tested], indent=1, ensure_ascii=False)
        return
    for each in tested:
        yield each.title
        yield from (f"  the same weights: {name}" for name in each.references)
        if each.near:
            yield f"  not the same weights: {each.near}"
        yield f"  {each.ground}"


def _curve(options: argparse.Namespace) -> Iterable[str]:
    from explorer.analysis.people import (
        CITATION,
        MEASURED,
        SOURCE,
        published_networks,
        recognition_of,
    )
    from explorer.models import catalogue

    catalogue.entry(options.reference)  # says what is wrong with a name that cannot be
    curve = recognition_of(options.reference)
    if curve is None:
        tested, full = published_networks(), pretrained.full_reference(options.reference)
        near = next((f": {each.ground}" for each in tested if each.near == full), ";")
        offered = [reference for each in tested for reference in each.references]
        raise RequestError(
            "reference",
            f"no metamers of {full} were shown to people{near} "
            f"{did_you_mean(full, offered, cutoff=0.8)}`iri people` lists those that were",
        )
    if options.json:
        yield json.dumps(curve.to_json(), indent=1, ensure_ascii=False)
        return
    yield f"{curve.reference} ({curve.title}); chance {curve.chance:.2%}"
    for each in curve.experiments:
        yield f"experiment {each.number}, {each.participants} people"
        yield f"  {'layer':24} {'people':>8} {'± SE':>7} {'network':>8}"
        for name, row in (("(photographs)", each.photographs), *each.layers.items()):
            yield f"  {name:24} {row.mean:8.1%} {row.standard_error:7.1%} {row.network:8.1%}"
    yield MEASURED
    yield f"Weights: {curve.ground} {curve.difference}".rstrip()
    yield f"{CITATION}; {SOURCE}"


COMMAND = Command(
    "people",
    "what people recognised in the metamers of a network, layer by layer",
    _run,
    _add_options,
    prints_json=True,
)
