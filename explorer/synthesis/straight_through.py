"""Straight-through gradient at the ReLUs that end the matched layer (Feather et al. 2023)."""

from __future__ import annotations

from torch import Tensor
from torch.autograd.graph import Node

from explorer.errors import RequestError

_SAME_VALUES = (
    "ViewBackward0",
    "UnsafeViewBackward0",
    "ReshapeAliasBackward0",
    "SqueezeBackward0",
    "CloneBackward0",
)


def straight_through(representation: Tensor, layer: str) -> Tensor:
    """The same representation; gradients skip the ReLU that it ends in.

    A unit that the ReLU holds at 0 gets no gradient, so it could never return to what the target
    asks of it. Here the ReLU's gradient is replaced by the identity, for this pass only; likewise
    that of every ReLU where the layer concatenates the outputs of several.
    Raises RequestError (field `relu_gradient`) where the layer does not end in ReLUs.
    """
    relus = end_relus(representation)
    if not relus:
        raise RequestError(
            "relu_gradient",
            f"layer {layer!r} does not end in a ReLU, nor in a concatenation of ReLUs, so there is "
            "no gradient to replace; leave it out, or choose a layer whose last step is a ReLU",
        )
    for relu in relus:
        relu.register_hook(lambda grad_inputs, grad_outputs: grad_outputs)
    return representation


def end_relus(representation: Tensor) -> frozenset[Node]:
    """The ReLUs, as nodes of autograd's graph, whose outputs a representation consists of.

    One, or several whose outputs are concatenated, as in SqueezeNet's Fire modules and most of
    Inception's. None where any of its numbers comes from anything else.
    """
    relus, unseen = set(), [representation.grad_fn]
    while unseen:
        node = unseen.pop()
        if node is None:
            return frozenset()
        if node.name() == "ReluBackward0":
            relus.add(node)
        elif node.name() in _SAME_VALUES:
            unseen.append(node.next_functions[0][0])
        elif node.name() == "CatBackward0":
            unseen += [part for part, _ in node.next_functions]
        else:
            return frozenset()
    return frozenset(relus)
