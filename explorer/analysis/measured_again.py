"""A finished result measured again: its image stays, what is said of it is today's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from explorer.analysis.batch_images import load_images
from explorer.analysis.generation import device
from explorer.analysis.measurement import look_alike, measure_batch
from explorer.analysis.progress import NullCallback
from explorer.images.encoding import from_png
from explorer.models.fitting import as_batch
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.result import Result


def measured_again(result: Result) -> Result:
    """The result with its match, null, layers and perceptual measures computed anew.

    For results of gallery pictures, after the gallery, a null or a measure has changed. Raises
    RequestError where a picture of the request was uploaded, HubUnreachable where weights would
    have to be downloaded and cannot be.
    """
    network, callback = load(result.request.network, device()), NullCallback()
    with fitting_threads(network):
        images = load_images([result.request], network, {})

        def batch(image: np.ndarray) -> Tensor:
            return as_batch([image], network)

        (found,) = measure_batch([result.request], network, images, batch(result.iri), callback)
        tightening = result.tightening
        if tightening is not None and result.searched_png is not None:
            pixels = torch.from_numpy(from_png(result.searched_png)).permute(2, 0, 1)
            searched = batch(pixels.float().div(255).numpy())
            (look,) = look_alike([result.request], network, images, searched, callback)
            tightening = replace(tightening, searched_perceptual=look[0], searched_person=look[1])
    return replace(
        result,
        match=found.match,
        match_8bit=found.match_8bit,
        null=found.null,
        layers=found.layers,
        perceptual=found.perceptual,
        person=found.person,
        tightening=tightening,
    )
