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
from explorer.models.precision import full_precision

MOST_RANKED = 2**14
"""Numbers of a layer that are ranked for Spearman's correlation: fewer than where a match is
judged, for there are many layers; within about 2·(1 − ρ²)/√n of all, at most 0.016."""

_AT_A_TIME = 2**22


class LayerMeasurer:
    """Measures every layer that a pass comes to, as a visitor of `visit_layers`.

    The pass is one of at least 2·count images: `count` images, then as many targets. What comes
    after them is not looked at. `samples`: per image, what was measured so far, in order of
    execution; `ranked` is MOST_RANKED where only so many of a layer's numbers were ranked.
    """

    def __init__(self, count: int) -> None:
        self.samples: list[list[LayerComparison]] = [[] for _ in range(count)]
        self._seen: Tensor | None = None
        self._version, self._values = 0, list[dict[str, float | None]]()

    def __call__(self, layer: Layer, representation: Tensor) -> None:
        # A container hands on what its last part returned: no need to measure it again.
        if representation is not self._seen or representation._version != self._version:
            self._seen, self._version = representation, representation._version
            self._values = list(_values(representation, len(self.samples)))
        ranked = MOST_RANKED if layer.elements > MOST_RANKED else None
        for sample, measured in zip(self.samples, self._values, strict=True):
            sample.append(LayerComparison(layer.name, layer.kind, measured, ranked))


def compare_layers(
    network: Network, images: Tensor, targets: Tensor
) -> list[tuple[LayerComparison, ...]]:
    """Per sample, every measure of a pair at every layer, in order of execution.

    images, targets: N×3×H×W in [0, 1] at the network's input size. In full float32 precision, as
    matches are.
    """
    measurer = LayerMeasurer(len(images))
    # Tensors of inference mode do not count what was written into them.
    with torch.inference_mode(False), torch.no_grad(), full_precision():
        visit_layers(network, torch.cat([images, targets]), measurer)
    return [tuple(sample) for sample in measurer.samples]


def _values(both: Tensor, count: int) -> Iterator[dict[str, float | None]]:
    """Per sample the values by measure; `count` rows are images, the next ones targets."""
    width = max(1, _AT_A_TIME // max(1, both[0].numel()))
    for start in range(0, count, width):
        end = min(count, start + width)
        pair = both[start:end], both[count + start : count + end]
        measured = all_measures(*pair, MOST_RANKED)
        columns = {name: values.tolist() for name, values in measured.items()}
        for index in range(end - start):
            yield {name: _rounded(values[index]) for name, values in columns.items()}


def _rounded(value: float) -> float | None:
    """Six significant digits; None for an undefined or infinite number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
