"""How another network sees finished IRIs: are they the same as their targets to that one, too?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from explorer.analysis.generation import device
from explorer.analysis.nulls import BytesStore, fit_to, null_for
from explorer.images.encoding import from_8bit, from_png
from explorer.metrics.by_layer import by_layer
from explorer.metrics.match import match_images
from explorer.metrics.stir import Inverted, at_layer, shared_invariance
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.request import Request, RequestError
from explorer.result import Result


def compare(result: Result, eye: Request, store: BytesStore | None = None) -> dict[str, Any]:
    """What a network, any one, makes of a result's IRI and target; plain JSON values.

    eye: the network that looks, the layer at which the match is judged and by which null; the rest
    of it does not matter. The pictures are the 8-bit ones, brought to the network's input as any
    picture is, so that a network's own IRIs are judged as after rounding. `match` and `layers` are
    as in result.json. Raises RequestError and HubUnreachable as
    `explorer.analysis.generation.generate` does.
    """
    begun = time.perf_counter()
    network = load(eye.network, device())
    with fitting_threads(network):
        images = np.stack(
            [fit_to(from_png(png), network) for png in (result.iri_png, result.target_png)]
        )
        iri, target = torch.from_numpy(images).to(network.device).split(1)
        null = null_for(eye, network, store=store)
        (match,) = match_images(network, eye.layer, iri, target, null)
        (layers,) = by_layer(network, iri, target)
    return {
        "key": result.request.key,
        "made_for": {"model": result.request.model, "layer": result.request.layer},
        "model": eye.model,
        "layer": eye.layer,
        "input_size": list(network.input.size),
        "match": match.to_dict() | {"null": null.to_dict()},
        "layers": layers,
        "seconds": round(time.perf_counter() - begun, 3),
    }


Made = tuple[Request, Sequence[bytes], Sequence[np.ndarray]]
"""A request that names a network and layer, its targets as PNG, its IRIs as float32 3×H×W."""


def shared(first: Made, second: Made) -> dict[str, Any]:
    """STIR of two networks at a layer each, in both directions; plain JSON values.

    Both sides hold IRIs of the same targets in the same order. Raises RequestError (field
    `targets`) where linear CKA has no answer, such as for fewer than three targets.
    """
    try:
        return shared_invariance(_inverted(*first), _inverted(*second)).to_dict()
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError("targets", str(error)) from error


def _inverted(request: Request, targets: Sequence[bytes], iris: Sequence[np.ndarray]) -> Inverted:
    network = load(request.network, device())
    images = np.stack([from_8bit(from_png(png)) for png in targets])
    return Inverted(
        at_layer(network, request.layer), torch.from_numpy(images), torch.from_numpy(np.stack(iris))
    )
