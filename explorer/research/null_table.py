"""Writes the nulls that ship, `shipped_nulls.json.gz`: `python -m explorer.research.null_table`.

Run when an embedded network, the gallery or what a null measures has changed; two minutes of one
core. Needs SqueezeNet's weights (0.7 MB, downloaded on first use).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explorer.analysis.nulls import gallery_source, measured_null, null_key
from explorer.analysis.shipped_nulls import TABLE, packed
from explorer.metrics.null import Null
from explorer.models.layer_titles import is_main
from explorer.models.loading import load
from explorer.models.sources import compressed, embedded
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference


def usual_layers(layers: Sequence[tuple[str, str, tuple[int, ...]]]) -> list[str]:
    """The layers that people name, in order; of a block of several branches only its output."""
    names = [name for name, kind, _ in layers if is_main(name, kind)]
    return [
        name
        for name in names
        if not any(name.startswith(f"{other}.") and "." in other for other in names)
    ]


def references() -> Iterator[tuple[str, list[str]]]:
    """Every network whose nulls ship, with the layers at which they do."""
    for name in embedded.names():
        yield f"embedded:{name}", usual_layers(embedded.entry(name).layers)
    for name, file in compressed.FILES.items():
        yield f"compressed:{name}", usual_layers(file.layers)


def nulls_of(model: str, layers: Sequence[str]) -> dict[str, Null]:
    """The nulls of a network's layers by key, measured now."""
    network, source = load(NetworkReference(model), "cpu"), gallery_source()
    with fitting_threads(network):
        return {
            null_key(network, layer, source): measured_null(network, layer, source)
            for layer in layers
        }


def main() -> None:
    """Write the table."""
    nulls: dict[str, Null] = {}
    for model, layers in references():
        nulls |= nulls_of(model, layers)
        print(f"{model}: {', '.join(layers)}", flush=True)
    data = packed(nulls)
    TABLE.write_bytes(data)
    print(f"{len(nulls)} nulls in {TABLE.name}, {len(data):,} bytes")


if __name__ == "__main__":
    main()
