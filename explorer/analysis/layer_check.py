"""Whether a layer gives the search for a target's match anything to go by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.errors import RequestError
from explorer.losses.terms.representation import COMPARISONS
from explorer.losses.variants import Loss
from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.request import Request


def check_layer_suits(
    network: Network, requests: Sequence[Request], targets: Tensor, losses: Sequence[Loss]
) -> None:
    """RequestError where the layer gives a target's search nothing to go by.

    That is where the target's representation is all zeros, and where a loss compares maps, as by
    Gram matrices, and the layer has no places.
    """
    layer, shape = requests[0].layer, torch.Size()
    for request, target in zip(requests, targets.split(1), strict=True):
        with torch.no_grad():
            of_target = representation(network, layer, target)
        if not of_target.any():
            raise RequestError(
                "layer",
                f"the representation of the target {request.target!r} at {layer!r} is all zeros, "
                "so a relative distance to it is undefined; choose another layer, part or target",
            )
        shape = of_target.shape[1:]
    need_maps = [loss.comparison for loss in losses if COMPARISONS[loss.comparison].needs_map]
    if need_maps and len(shape) not in (2, 3):
        numbers = "×".join(map(str, shape))
        raise RequestError(
            "representation",
            f"{need_maps[0]!r} needs channels at several places, and layer {layer!r} gives "
            f"{numbers} numbers; choose a layer of shape C×H×W, or 'cosine'",
        )
