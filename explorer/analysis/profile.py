"""A network's view of two pictures at every layer, and of unrelated pictures at one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from explorer.analysis.fitting import as_batch, fit_to
from explorer.analysis.generation import device
from explorer.analysis.nulls import null_of, null_source
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.match import LayerComparison
from explorer.metrics.null import Null
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.request import NetworkReference, Request
from explorer.validation import validate, with_null


def layer_profile(
    network: NetworkReference | str, picture: np.ndarray, target: np.ndarray
) -> tuple[LayerComparison, ...]:
    """How far apart two pictures are at every layer, in order of execution.

    network: a reference such as `embedded:residual-multi-adv2`. picture, target: uint8 H×W×3,
    brought to the network's input as any picture is. Raises RequestError for a network that does
    not exist, HubUnreachable where its weights cannot be downloaded.
    """
    loaded = load(_reference(network), device())
    with fitting_threads(loaded):
        images = [as_batch([fit_to(each, loaded)], loaded) for each in (picture, target)]
        (profile,) = compare_layers(loaded, *images)
    return profile


def null(
    network: NetworkReference | str,
    layer: str = "penultimate",
    folder: str | Path | None = None,
) -> Null:
    """The null of a layer: every representation measure over all pairs of unrelated pictures.

    folder: of the pictures; the gallery's and some drawn ones where none is given. Raises as
    `layer_profile`, and RequestError for an unknown layer or a folder that cannot be used.
    """
    reference = _reference(network)
    request = validate(Request.from_dict({**reference.to_dict(), "layer": layer}))
    request = with_null(request, folder)
    loaded = load(request.network, device())
    with fitting_threads(loaded):
        source = null_source(request.null, request.null_folder)
        return null_of(loaded, layer, source, request.network)


def _reference(network: NetworkReference | str) -> NetworkReference:
    return NetworkReference(network) if isinstance(network, str) else network
