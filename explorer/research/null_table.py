"""Writes the nulls that ship, `shipped_nulls.json.gz`: `python -m explorer.research.null_table`.

Run when an embedded network, the gallery or what a null measures has changed. Only what is missing
is measured; what nothing looks for any more is dropped. The nulls of networks that learned from
photographs need these (`--data imagenette=PATH`), and stay as they are without them. SqueezeNet's
weights (0.7 MB) are downloaded on first use.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.analysis import null_sources, shipped_nulls
from explorer.analysis.null_sources import NullSource, dataset_of, held_out_facts, usual_source
from explorer.analysis.nulls import measured_nulls, null_key
from explorer.analysis.shipped_nulls import keys, packed, shipped
from explorer.errors import RequestError
from explorer.files import write_atomically
from explorer.metrics.null import Null
from explorer.models.layer_titles import is_main
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.sources import compressed, embedded
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference
from explorer.research.photo_data import add_data_option, photographs
from explorer.research.training.photos import Photos

Report = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A network whose nulls ship, and the layers at which they do; card: {} where it has none."""

    model: str
    layers: tuple[str, ...]
    card: Mapping[str, Any]


def usual_layers(layers: Sequence[tuple[str, str, tuple[int, ...]]]) -> tuple[str, ...]:
    """The layers that people name, in order; of a block of several branches only its output."""
    names = [name for name, kind, _ in layers if is_main(name, kind)]
    return tuple(
        name
        for name in names
        if not any(name.startswith(f"{other}.") and "." in other for other in names)
    )


def wanted() -> Iterator[Wanted]:
    """Every network whose nulls ship.

    Of one that learned from photographs they do at every layer, since elsewhere its null would be
    of other pictures; of the others at the layers that people name.
    """
    for name in embedded.names():
        card, layers = embedded.card(name), embedded.entry(name).layers
        every = tuple(layer for layer, _, _ in layers)
        chosen = every if held_out_facts(card) else usual_layers(layers)
        yield Wanted(f"embedded:{name}", chosen, card)
    for name, file in compressed.FILES.items():
        yield Wanted(f"compressed:{name}", usual_layers(file.layers), {})


def held_out_source(card: Mapping[str, Any], data: Photos) -> NullSource:
    """Held-out photographs of the data set from which an embedded network learned.

    Raises RequestError (field `data`) for other photographs than those that it learned from, or too
    few of them.
    """
    facts, count = held_out_facts(card), null_sources.NULL_HELD_OUT_PICTURES
    if facts is None or card["data_digest"] != data.digest:
        raise RequestError(
            "data",
            f"these are not the photographs of {data.dataset.title} that {card['name']} learned "
            "from, so that none of them is known to be held out; give those, or train it again",
        )
    images = data.held_out(count).images
    if len(images) < count:
        raise RequestError(
            "data", f"{len(images)} held-out photographs are too few; a null is made of {count}"
        )
    text = f"{count} held-out photographs of {data.dataset.title}"
    return NullSource(text, facts, lambda _size: list(images))


def nulls_of(each: Wanted, data: Mapping[str, Photos]) -> dict[str, Null]:
    """The nulls of a network by key: those of the table, and what it lacks measured now.

    data: photographs by the name of their data set. Where they are needed and not there, only the
    table's are returned. Raises RequestError as `held_out_source`.
    """
    network = load(NetworkReference(each.model), "cpu")
    facts = held_out_facts(each.card) or usual_source(network).facts
    by_layer = {layer: null_key(network, layer, facts) for layer in each.layers}
    nulls = {key: null for key in by_layer.values() if (null := shipped(key)) is not None}
    missing = [layer for layer, key in by_layer.items() if key not in nulls]
    source = _source(each, network, data) if missing else None
    if source is not None:
        with fitting_threads(network):
            measured = measured_nulls(network, missing, source)
        nulls |= {by_layer[layer]: null for layer, null in measured.items()}
    return nulls


def _source(each: Wanted, network: Network, data: Mapping[str, Photos]) -> NullSource | None:
    """The pictures of a network's null; None for photographs that are not there."""
    if held_out_facts(each.card) is None:
        return usual_source(network)
    dataset = dataset_of(each.card)
    return held_out_source(each.card, data[dataset]) if dataset in data else None


def write(data: Mapping[str, Photos], report: Report = print) -> None:
    """Write the table, and after each network what is finished; `data` as of `nulls_of`."""
    before = {key: null for key in keys() if (null := shipped(key)) is not None}
    nulls: dict[str, Null] = {}
    for each in wanted():
        started_at = time.perf_counter()
        here = nulls_of(each, data)
        nulls |= here
        report(
            f"{each.model}: {len(here)} of {len(each.layers)} layers "
            f"({time.perf_counter() - started_at:.1f} s)"
        )
        if len(here) < len(each.layers):
            report(f"  the others need --data {dataset_of(each.card)}=PATH")
        if not here.keys() <= before.keys():
            _save({**before, **nulls})
    size = _save(nulls)
    report(f"{len(nulls)} nulls in {shipped_nulls.TABLE.name}, {size:,} bytes")


def _save(nulls: Mapping[str, Null]) -> int:
    """Write these nulls, as a whole or not at all; how many bytes they take."""
    content = packed(nulls)
    write_atomically(shipped_nulls.TABLE, content)
    return len(content)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_data_option(parser, "photographs of a data set from which networks learned")
    options = parser.parse_args()
    try:
        write(photographs(options.data))
    except RequestError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
