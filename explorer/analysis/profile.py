"""A network's view of two images at every layer, and of unrelated images at one layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from explorer.analysis.arguments import as_network, validated
from explorer.analysis.generation import device
from explorer.analysis.null_sources import null_source
from explorer.analysis.nulls import null_of
from explorer.errors import RequestError
from explorer.images.encoding import to_8bit
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.match import LayerComparison
from explorer.metrics.null import Null
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network


def layer_profile(
    network: NetworkReference | str, picture: np.ndarray, target: np.ndarray
) -> tuple[LayerComparison, ...]:
    """How far apart two images are at every layer, in order of execution.

    network: a NetworkReference, or a str such as `embedded:imagenette-residual-adv1`. picture,
    target: uint8 H×W×3, or float32 3×H×W in [0, 1] as `Result.iri`. Floats at the network's input
    size are used as they are; everything else is brought to that size in 8 bits, as any picture is.
    Raises RequestError for a network that does not exist or values outside [0, 1], HubUnreachable
    where weights cannot be downloaded, TypeError for an argument of another type or shape.
    """
    network = as_network(network)
    for name, given in (("picture", picture), ("target", target)):
        _check_image(name, given)
    loaded = load(network, device())
    with fitting_threads(loaded):
        images = [as_batch([_fitted(each, loaded)], loaded) for each in (picture, target)]
        (profile,) = compare_layers(loaded, *images)
    return profile


def null(
    network: NetworkReference | str,
    layer: str = "penultimate",
    folder: str | Path | None = None,
) -> Null:
    """The null of a layer: every representation measure over all pairs of unrelated images.

    network: as of `layer_profile`. folder: of pictures; where none is given, they are those of
    `explorer.analysis.null_sources`. Raises RequestError for a network or layer that does not exist
    or a folder that cannot be used, HubUnreachable where weights cannot be downloaded, TypeError
    for another network.
    """
    request = validated(as_network(network), layer, null_folder=folder)
    loaded = load(request.network, device())
    with fitting_threads(loaded):
        source = null_source(request.null, request.null_folder)
        return null_of(loaded, request.layer, source, request.network)


def _check_image(name: str, image: object) -> None:
    """TypeError for what is no image, RequestError for one whose values are out of range."""
    if not isinstance(image, np.ndarray):
        given = type(image).__name__
    else:
        given = f"{image.dtype} of shape {image.shape}"
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
            return
        if image.dtype == np.float32 and image.ndim == 3 and image.shape[0] == 3:
            if not (image.size and image.min() >= 0 and image.max() <= 1):
                raise RequestError(name, "float32 images have values in [0, 1]")
            return
    raise TypeError(
        f"{name} must be a uint8 H×W×3 or float32 3×H×W array (as Result.iri), not {given}"
    )


def _fitted(image: np.ndarray, network: Network) -> np.ndarray:
    """The image at the network's input size, float32 3×H×W in [0, 1]."""
    if image.dtype == np.float32:
        if image.shape[1:] == tuple(network.input.size):
            return image
        image = to_8bit(image)
    return fit_to(image, network)
