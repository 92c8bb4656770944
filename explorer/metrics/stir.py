"""STIR: do one network's IRIs look the same to another network?

Similarity Through Inverted Representations (Nanda, Speicher, Kolling, Dickerson, Gummadi & Weller,
ICML 2022). It is not symmetric: a network that sees little makes IRIs that others tell apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.metrics.cka import cka_by_chance, linear_cka
from explorer.metrics.invariance import SharedInvariance, Stir
from explorer.metrics.representation import relative_l2
from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.models.threads import fitting_threads

BATCH = 32

Represent = Callable[[Tensor], Tensor]
"""Images N×3×H×W in [0, 1] to their representations N×…"""


@dataclass(frozen=True)
class Inverted:
    """A network at a layer, with its IRIs of a set of images.

    represent: see `at_layer`. images: the targets, N×3×H×W in [0, 1]. iris: its IRIs of them, of
    the same shape and in the same order. Raises ValueError where the shapes differ.
    """

    represent: Represent
    images: Tensor
    iris: Tensor

    def __post_init__(self) -> None:
        shape, other = tuple(self.images.shape), tuple(self.iris.shape)
        if len(shape) != 4 or shape != other:
            raise ValueError(
                f"images and their IRIs are N×3×H×W, all of one shape, not {shape} and {other}"
            )


def stir(seen_by: Represent, made_by: Inverted) -> Stir:
    """STIR(2 | 1) = linear CKA of g₂(X) and g₂(X_r); g₂ is `seen_by`, X_r `made_by.iris`.

    Raises ValueError where CKA has no answer (see `explorer.metrics.cka.linear_cka`). The paper
    takes the mean over several seeds: call this for each and average. Source: Nanda et al. 2022.
    """
    of_images, of_iris = seen_by(made_by.images), seen_by(made_by.iris)
    match = relative_l2(made_by.represent(made_by.iris), made_by.represent(made_by.images))
    return Stir(
        value=linear_cka(of_images, of_iris),
        chance=cka_by_chance(of_images, of_iris),
        images=len(made_by.images),
        median_match=float(match.quantile(0.5)),
        worst_match=float(match.max()),
    )


def shared_invariance(first: Inverted, second: Inverted) -> SharedInvariance:
    """STIR in both directions; both hold the same N images in the same order, each at its own size.

    Raises ValueError for another number of images, and where CKA has no answer.
    """
    if len(first.images) != len(second.images):
        raise ValueError(
            "both networks need IRIs of the same images; "
            f"one has {len(first.images)}, the other {len(second.images)}"
        )
    to_first, to_second = (each.represent(each.images) for each in (first, second))
    return SharedInvariance(
        similarity=linear_cka(to_first, to_second),
        similarity_by_chance=cka_by_chance(to_first, to_second),
        second_given_first=stir(second.represent, first),
        first_given_second=stir(first.represent, second),
    )


def at_layer(network: Network, layer: str) -> Represent:
    """The network up to `layer` as a function of images in [0, 1], without gradients, by batches.

    Images of another size are resized to the network's input (antialiased bilinear), so that one
    network can look at another one's IRIs. Raises RequestError, once called, for an unknown layer.
    """

    def represent(images: Tensor) -> Tensor:
        with torch.no_grad(), fitting_threads(network):
            parts = [
                representation(network, layer, _fitted(part.to(network.device), network))
                for part in images.split(BATCH)
            ]
        return torch.cat(parts)

    return represent


def _fitted(images: Tensor, network: Network) -> Tensor:
    if tuple(images.shape[-2:]) == tuple(network.input.size):
        return images
    return F.interpolate(images, network.input.size, mode="bilinear", antialias=True)
