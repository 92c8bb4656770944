"""Storing weights in float16 where that hardly changes what the network computes."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from explorer.research.training.inputs import normalise, to_tensor
from explorer.zoo.small_network import SmallNetwork

TOLERANCE = 1e-3  # largest relative change of any picture's logits


def compact(network: SmallNetwork, pictures: np.ndarray) -> SmallNetwork:
    """A copy with as many weights in float16 as hardly change the logits, else the network itself.

    First all of them, then all but the vectors (biases, batch norm), then all but these and
    the first and the last layer. pictures: uint8 N×H×W×3, on which the logits are compared.
    """
    images = normalise(to_tensor(pictures))
    with torch.no_grad():
        exact = network.eval()(images)
    ends = {id(value) for end in _ends(network) for value in end.parameters()}
    exempt: tuple[Callable[[Tensor], bool], ...] = (
        lambda value: False,
        lambda value: value.ndim < 2,
        lambda value: value.ndim < 2 or id(value) in ends,
    )
    for keep in exempt:
        half = _halve(network, keep)
        with torch.no_grad():
            rounded = copy.deepcopy(half).float().eval()(images)
        change = (rounded - exact).norm(dim=1) / exact.norm(dim=1)
        if float(change.max()) <= TOLERANCE:
            return half
    return network


def precision_of(stored: nn.Module) -> str:
    """ "float16", "float32" or "float16 and float32"."""
    kinds = {str(value.dtype) for value in _values(stored) if value.is_floating_point()}
    return " and ".join(sorted(kind.removeprefix("torch.") for kind in kinds))


def _ends(network: SmallNetwork) -> tuple[nn.Module, nn.Module]:
    return next(network.children()), network.head


def _halve(network: SmallNetwork, keep: Callable[[Tensor], bool]) -> SmallNetwork:
    """A copy of the network with every weight in float16 but those that `keep` exempts."""
    half = copy.deepcopy(network).half()
    for stored, exact in zip(_values(half), _values(network), strict=True):
        if keep(exact):
            stored.data = exact.detach().clone()
    return half


def _values(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
