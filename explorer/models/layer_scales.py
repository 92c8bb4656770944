"""Several places of a network as one representation: each by its own scale, times its weight.

Places p₁, p₂, … with weights w₁, w₂, … give the vector

    g(x) = [w₁·g₁(x) / s₁, w₂·g₂(x) / s₂, …]      sᵢ² = mean of ‖gᵢ(x)‖₂² over photographs x

so that at equal weights a layer of a million large numbers counts as much as one of ten small ones.
The scales are constants of the network, and g is a function of the image alone: the null, CKA and
STIR, which compare many images, see the very representation that the search matched. Divided by
the target's own norms, it would be another representation for every target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from explorer.errors import RequestError
from explorer.images import gallery
from explorer.models.fitting import as_batch, fit_to
from explorer.models.layer_expression import LayerExpression
from explorer.models.layer_place import Place
from explorer.models.network import InputSpec, Network
from explorer.models.precision import full_precision

PHOTOGRAPHS = (
    "astronaut",
    "bricks",
    "cat",
    "coffee",
    "dandelions",
    "galaxies",
    "gravel",
    "photographer",
    "raccoon",
    "retina",
    "rocket",
    "stairs",
)
"""Of the gallery; other ones would be other scales, and other results under the same key."""

_BATCH = 4

Represent = Callable[[Tensor], Mapping[Place, Tensor]]
"""Images N×3×H×W in [0, 1] to their representations at each place, N×…"""


def measure(network: Network, places: Sequence[Place], represent: Represent) -> None:
    """Measure the scales of these places, as far as the network's are not known yet.

    Raises RequestError (field `layer`) for a place where every photograph gives zeros.
    """
    if all(_key(network, place) in network.layer_scales for place in places):
        return
    squares = dict.fromkeys(places, 0.0)
    with network.lock, full_precision(), torch.no_grad():
        for start in range(0, len(PHOTOGRAPHS), _BATCH):
            photographs = map(gallery.load, PHOTOGRAPHS[start : start + _BATCH])
            taken = represent(as_batch((fit_to(each, network) for each in photographs), network))
            for place in places:
                squares[place] += float(taken[place].double().square().sum())
    for place, total in squares.items():
        if total == 0:
            raise RequestError(
                "layer",
                f"the representation at {str(place)!r} is all zeros for every photograph of the "
                "gallery, so it has no scale; leave it out",
            )
        network.layer_scales[_key(network, place)] = (total / len(PHOTOGRAPHS)) ** 0.5


def joined(network: Network, expression: LayerExpression, taken: Mapping[Place, Tensor]) -> Tensor:
    """The representation of an expression from those at its places, N×…

    A single place is left as it is; several give N×D, once their scales have been measured.
    """
    if expression.single is not None:
        return taken[expression.single]
    scales = network.layer_scales
    weighted = [
        taken[place].flatten(1) * (weight / scales[_key(network, place)])
        for place, weight in expression.terms
    ]
    return torch.cat(weighted, dim=1)


def _key(network: Network, place: Place) -> tuple[str, InputSpec]:
    return str(place), network.input
