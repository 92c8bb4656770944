"""Straight-through gradient at the ReLU that ends the matched layer (Feather et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

from explorer.errors import RequestError

_SAME_VALUES = (
    "ViewBackward0",
    "UnsafeViewBackward0",
    "ReshapeAliasBackward0",
    "SqueezeBackward0",
)


def straight_through(representation: Tensor, layer: str) -> Tensor:
    """The same representation; gradients skip the ReLU that it ends in.

    A unit that the ReLU holds at 0 gets no gradient, so it could never return to what the target
    asks of it. Here the ReLU's gradient is replaced by the identity, for this pass only.
    Raises RequestError (field `relu_gradient`) where the layer does not end in a ReLU.
    """
    node: torch.autograd.graph.Node | None = representation.grad_fn
    while node is not None and node.name() in _SAME_VALUES:
        node = node.next_functions[0][0]
    if node is None or node.name() != "ReluBackward0":
        raise RequestError(
            "relu_gradient",
            f"layer {layer!r} does not end in a ReLU, so there is no gradient to replace; leave it "
            "out, or choose a layer whose last step is a ReLU",
        )
    node.register_hook(lambda grad_inputs, grad_outputs: grad_outputs)
    return representation
