"""Measuring finished IRIs: their matches, every layer, every perceptual measure, both verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from explorer.analysis.batch_images import BatchImages
from explorer.analysis.progress import StagedCallback
from explorer.metrics import perceptual
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.match import LayerComparison, Match
from explorer.metrics.matching import match_images
from explorer.metrics.null import Null
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict, verdict
from explorer.models.network import Network
from explorer.request import Request
from explorer.synthesis.loop import Cancelled


@dataclass(frozen=True)
class Measurements:
    """All that is measured of one IRI; the fields are those of `explorer.result.Result`."""

    match: Match
    match_8bit: Match
    null: Null
    layers: tuple[LayerComparison, ...]
    perceptual: tuple[Comparison, ...]
    person: PerceptualVerdict


def measure_batch(
    requests: Sequence[Request],
    network: Network,
    images: BatchImages,
    iris: Tensor,
    null: Null,
    callback: StagedCallback,
) -> list[Measurements]:
    """The measurements of the IRIs (N×3×H×W in [0, 1]) of a batch of requests.

    The perceptual measures see what a person sees: the image rounded to 8 bits. null: of the
    requests' network and layer. Raises Cancelled when the callback says so.
    """
    layer = requests[0].layer
    rounded = (iris * 255).round() / 255
    matches = match_images(network, layer, iris, images.targets, null)
    matches_8bit = match_images(network, layer, rounded, images.targets, null)
    layers = compare_layers(network, iris, images.targets)
    measurements = []
    for index, request in enumerate(requests):
        if callback.cancelled():
            raise Cancelled("cancelled while measuring")
        comparisons = perceptual.compare(
            rounded[index],
            images.targets[index],
            images.seeds[index],
            images.mismatched[index],
            frozenset([request.adversary] if request.adversary else []),
            network.family,
        )
        measurements.append(
            Measurements(
                match=matches[index],
                match_8bit=matches_8bit[index],
                null=null,
                layers=layers[index],
                perceptual=comparisons,
                person=verdict(comparisons, images.mismatched_names[index]),
            )
        )
    return measurements
