"""What two images have in common at every layer of a network, in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from explorer.metrics.match import LayerComparison
from explorer.metrics.representation import all_measures
from explorer.models.layers import Layer, visit_layers
from explorer.models.network import Network

MOST_RANKED = 2**16
"""Numbers of a layer that are ranked for Spearman's correlation; sorting all of a photo network's
largest layers would take longer than everything else that is measured. Of n numbers drawn from a
layer the correlation is within about 2·(1 − ρ²)/√n of that of all: at most 0.008 here."""

_AT_A_TIME = 2**22


def compare_layers(
    network: Network, images: Tensor, targets: Tensor
) -> list[tuple[LayerComparison, ...]]:
    """Per sample, every measure of a pair at every layer, in order of execution.

    images, targets: N×3×H×W in [0, 1] at the network's input size. `ranked` is MOST_RANKED where
    only so many of the layer's numbers were ranked.
    """
    samples: list[list[LayerComparison]] = [[] for _ in images]
    seen: Tensor | None = None
    version, values = 0, list[dict[str, float | None]]()

    def visit(layer: Layer, both: Tensor) -> None:
        nonlocal seen, version, values
        # A container hands on what its last part returned: no need to measure it again.
        if both is not seen or both._version != version:
            seen, version, values = both, both._version, list(_values(both, len(images)))
        ranked = MOST_RANKED if layer.elements > MOST_RANKED else None
        for sample, measured in zip(samples, values, strict=True):
            sample.append(LayerComparison(layer.name, layer.kind, measured, ranked))

    # Tensors of inference mode do not count what was written into them.
    with torch.inference_mode(False), torch.no_grad():
        visit_layers(network, torch.cat([images, targets]), visit)
    return [tuple(sample) for sample in samples]


def _values(both: Tensor, count: int) -> Iterator[dict[str, float | None]]:
    """Per sample the values by measure; the first `count` rows are images, the others targets."""
    width = max(1, _AT_A_TIME // max(1, both[0].numel()))
    for start in range(0, count, width):
        end = min(count, start + width)
        measured = all_measures(both[start:end], both[count + start : count + end], MOST_RANKED)
        columns = {name: values.tolist() for name, values in measured.items()}
        for index in range(end - start):
            yield {name: _rounded(values[index]) for name, values in columns.items()}


def _rounded(value: float) -> float | None:
    """Six significant digits; None for an undefined or infinite number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
