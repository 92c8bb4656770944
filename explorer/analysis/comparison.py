"""How other networks see finished IRIs: one result by another network, and STIR of two networks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from explorer.analysis.arguments import as_network, as_result, validated
from explorer.analysis.generation import device
from explorer.analysis.network_comparison import NetworkComparison
from explorer.analysis.network_used import network_used
from explorer.analysis.null_sources import null_source
from explorer.analysis.nulls import BytesStore, null_of
from explorer.analysis.progress import (
    NullCallback,
    StagedCallback,
    clock_of,
    next_stage,
    not_computing,
)
from explorer.analysis.runner import IriSet
from explorer.errors import RequestError
from explorer.images.encoding import from_8bit, from_png
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.invariance import SharedInvariance
from explorer.metrics.matching import match_images
from explorer.metrics.stir import Inverted, at_layer, shared_invariance
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference
from explorer.result import Result


def compare(
    result: Result,
    network: NetworkReference | str,
    layer: str = "penultimate",
    null: str | None = None,
    null_folder: str | Path | None = None,
    store: BytesStore | None = None,
    callback: StagedCallback | None = None,
) -> NetworkComparison:
    """What a network, the observer, makes of a result's IRI and target.

    network: a NetworkReference, or a str such as `embedded:imagenette-residual-adv1`. layer: at
    which the match is judged. null, null_folder: by which null, as of a Request; the folder alone
    is enough. The images are the 8-bit ones, brought to the network's input as any picture is, so
    that a network's own IRIs are judged as after rounding. Raises RequestError and HubUnreachable
    as `explorer.generate` does, TypeError for an argument of another type, and Cancelled when the
    callback says so.
    """
    callback = callback or NullCallback()
    now = clock_of(callback)
    started_at = now()
    result, network = as_result(result), as_network(network)
    judged = validated(network, layer, null, null_folder)
    with not_computing(callback):
        observer = load(network, device(), callback.stage)
    with fitting_threads(observer):
        images = (from_png(png) for png in (result.iri_png, result.target_png))
        iri, target = as_batch((fit_to(each, observer) for each in images), observer).split(1)
        unrelated = null_of(
            observer,
            judged.layer,
            null_source(judged.null, judged.null_folder),
            network,
            callback,
            store,
        )
        next_stage(callback, "measuring every layer")
        (match,) = match_images(observer, judged.layer, iri, target, unrelated)
        (layers,) = compare_layers(observer, iri, target)
    return NetworkComparison(
        key=result.request.key,
        made_for=result.request.model,
        made_at=result.request.layer,
        network=network,
        layer=judged.layer,
        input_size=observer.input.size,
        match=match,
        null=unrelated,
        layers=layers,
        seconds=round(now() - started_at, 3),
        own_state=result.state,
        own_distance=result.match_8bit.relative_l2,
        network_used=network_used(observer),
    )


def shared_invariance_of(
    first: IriSet, second: IriSet, callback: StagedCallback | None = None
) -> SharedInvariance:
    """STIR of two networks at a layer each, in both directions.

    Both sides hold IRIs of the same targets in the same order. Raises RequestError (field
    `targets`) where linear CKA is undefined, such as for fewer than three targets.
    """
    callback = callback or NullCallback()
    try:
        return shared_invariance(_inverted(first, callback), _inverted(second, callback))
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError("targets", str(error)) from error


def _inverted(iris: IriSet, callback: StagedCallback) -> Inverted:
    with not_computing(callback):
        network = load(iris.network, device(), callback.stage)
    targets = (from_8bit(from_png(png)) for png in iris.target_pngs)
    return Inverted(at_layer(network, iris.layer), _stacked(targets), _stacked(iris.iris))


def _stacked(images: Iterable[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(list(images)))
