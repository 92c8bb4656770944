"""What two images have in common at every layer of a network, in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from explorer.metrics.representation import all_measures
from explorer.models.layers import Layer, visit_layers
from explorer.models.network import Network

MOST_RANKED = 2**16
"""Numbers of a layer that are ranked for Spearman's correlation; sorting all of a photo network's
largest layers would take longer than everything else that is measured. Of n numbers drawn from a
layer the correlation is within about 2·(1 − ρ²)/√n of that of all: at most 0.008 here."""

_AT_A_TIME = 2**22


def by_layer(network: Network, images: Tensor, targets: Tensor) -> list[list[dict[str, Any]]]:
    """Per sample one row a layer, in order of execution: name, kind and every measure of a pair.

    images, targets: N×3×H×W in [0, 1] at the network's input size. An undefined or infinite number
    is None. `ranked` is there where only so many of the layer's numbers were ranked.
    """
    rows: list[list[dict[str, Any]]] = [[] for _ in images]
    seen, version, numbers = None, 0, []

    def visit(layer: Layer, both: Tensor) -> None:
        nonlocal seen, version, numbers
        # A container hands on what its last part made: no need to measure it again.
        if both is not seen or both._version != version:
            seen, version, numbers = both, both._version, list(_numbers(both, len(images)))
        for row, found in zip(rows, numbers, strict=True):
            row.append({"name": layer.name, "kind": layer.kind, **found})
            if layer.elements > MOST_RANKED:
                row[-1]["ranked"] = MOST_RANKED

    # Tensors of inference mode do not count what was written into them.
    with torch.inference_mode(False), torch.no_grad():
        visit_layers(network, torch.cat([images, targets]), visit)
    return rows


def _numbers(both: Tensor, count: int) -> Iterator[dict[str, float | None]]:
    width = max(1, _AT_A_TIME // max(1, both[0].numel()))
    for start in range(0, count, width):
        end = min(count, start + width)
        found = all_measures(both[start:end], both[count + start : count + end], MOST_RANKED)
        columns = {name: values.tolist() for name, values in found.items()}
        for index in range(end - start):
            yield {name: _plain(values[index]) for name, values in columns.items()}


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
