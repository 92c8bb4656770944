"""Measuring finished IRIs: their matches, every layer, every perceptual measure, both verdicts.

What can be said at once is reported first (`StagedCallback.made`); what takes longer follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.analysis.batch_images import BatchImages, seed_kind_of
from explorer.analysis.null_sources import null_source
from explorer.analysis.nulls import BytesStore, null_of
from explorer.analysis.progress import StagedCallback, next_stage
from explorer.losses.variants import loss_of
from explorer.metrics import perceptual
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.match import LayerComparison, Match
from explorer.metrics.matching import Represented, first_looks, match_represented, represented
from explorer.metrics.null import Null
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict, verdict
from explorer.metrics.votes import without_votes
from explorer.models.network import Network
from explorer.request import Request
from explorer.result.difference import NO_ANSWER
from explorer.synthesis.loop import Cancelled

PIXELS_TOGETHER = 16 * 64 * 64
"""Of images that are compared by perceptual measures in one go."""


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
    callback: StagedCallback,
    store: BytesStore | None = None,
) -> list[Measurements]:
    """The measurements of the IRIs (N×3×H×W in [0, 1]) of a batch of requests.

    The perceptual measures see what a person sees: the image rounded to 8 bits. store: where nulls
    are kept. Raises Cancelled when the callback says so.
    """
    first = requests[0]
    seen = first_measured(first.layer, network, images, iris, callback)
    source = null_source(first.null, first.null_folder)
    null = null_of(network, first.layer, source, first.network, callback, store)
    matches = matched(first.layer, network, seen, null)
    next_stage(callback, "measuring every layer")
    layers = compare_layers(network, iris, images.targets)
    next_stage(callback, "comparing the images by perceptual measures")
    looks = look_alike(requests, network, images, iris, callback)
    return [
        Measurements(
            match=matches[index][0],
            match_8bit=matches[index][1],
            null=null,
            layers=layers[index],
            perceptual=comparisons,
            person=person,
        )
        for index, (comparisons, person) in enumerate(looks)
    ]


def first_measured(
    layer: str, network: Network, images: BatchImages, iris: Tensor, callback: StagedCallback
) -> tuple[Represented, Represented, Represented]:
    """The representations of the IRIs, the IRIs in 8 bits and the targets, from one pass.

    Tells the callback that the IRIs are made, and how well they match. Raises Cancelled when the
    callback says so.
    """
    next_stage(callback, "measuring the match")  # a pass of the whole network is no step
    rounded = (iris * 255).round() / 255
    seen = represented(network, layer, torch.cat([iris, rounded, images.targets]))
    exact, after_8bit, targets = seen.split(len(iris))
    callback.made(iris, first_looks(network, exact, after_8bit, targets))
    return exact, after_8bit, targets


def matched(
    layer: str, network: Network, seen: tuple[Represented, Represented, Represented], null: Null
) -> list[tuple[Match, Match]]:
    """The match of each IRI, and that in 8 bits, by what `first_measured` returned."""
    exact, after_8bit, targets = seen
    pair = (match_represented(network, layer, each, targets, null) for each in (exact, after_8bit))
    return list(zip(*pair, strict=True))


def look_alike(
    requests: Sequence[Request],
    network: Network,
    images: BatchImages,
    iris: Tensor,
    callback: StagedCallback,
) -> list[tuple[tuple[Comparison, ...], PerceptualVerdict]]:
    """By every perceptual measure, and by those that count, how each IRI looks to a person.

    iris: N×3×H×W in [0, 1]; what is compared is what a person sees, the image rounded to 8 bits.
    Raises Cancelled when the callback says so.
    """
    rounded = (iris * 255).round() / 255
    looks: dict[int, tuple[tuple[Comparison, ...], PerceptualVerdict]] = {}
    for indices in _compared_together(requests, iris):
        if callback.cancelled():
            raise Cancelled("cancelled while measuring")
        first = requests[indices[0]]
        compared = perceptual.compare_batch(
            rounded[indices],
            images.targets[indices],
            images.seeds[indices],
            images.mismatched[indices],
            frozenset([first.adversary] if first.adversary else []),
            network.family,
            seed_kind=seed_kind_of(first),
        )
        for index, comparisons in zip(indices, compared, strict=True):
            if loss_of(requests[index]).largest:
                comparisons = without_votes(comparisons, NO_ANSWER)
            looks[index] = comparisons, verdict(comparisons, images.mismatched_names[index])
    return [looks[index] for index in range(len(requests))]


def _compared_together(requests: Sequence[Request], iris: Tensor) -> list[list[int]]:
    """The indices of a batch in groups for which the same measures can tell.

    Each is so small that a cancelled job notices soon: one image of 224×224 px, or many small ones.
    """
    most = max(1, PIXELS_TOGETHER // (iris.shape[-2] * iris.shape[-1]))
    groups: dict[tuple[str | None, str], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault((request.adversary, seed_kind_of(request)), []).append(index)
    return [
        group[start : start + most]
        for group in groups.values()
        for start in range(0, len(group), most)
    ]
