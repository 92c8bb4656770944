"""The match: how far the image's representation is from the target's, by one of three comparisons.

All take the representations as the network gives them, in its precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, RepresentationComparison, TermInputs
from explorer.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

REPRESENTATION = "representation"
RELATIVE_L2 = "relative-l2"


def relative_l2(inputs: TermInputs) -> Tensor:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂ on the flattened representation, (N,)."""
    from torch.linalg import vector_norm

    return vector_norm(inputs.offset, dim=1)


def cosine(inputs: TermInputs) -> Tensor:
    """1 − cos(g(x), g(x_t)) on the flattened representation, (N,) in [0, 2]."""
    from torch.linalg import vector_norm

    a, b = inputs.representation.flatten(1), inputs.target_representation.flatten(1)
    norms = vector_norm(a, dim=1) * vector_norm(b, dim=1)
    return 1 - (a * b).sum(1) / norms.clamp_min(1e-12)


def gram(inputs: TermInputs) -> Tensor:
    """‖G(x) − G(x_t)‖_F / ‖G(x_t)‖_F, (N,): which channels are active together, wherever.

    The style term of Gatys, Ecker & Bethge (2016), relative to the target's.
    """
    from torch.linalg import vector_norm

    target = gram_matrix(inputs.target_representation)
    difference = gram_matrix(inputs.representation) - target
    norm = vector_norm(target, dim=(1, 2))
    return vector_norm(difference, dim=(1, 2)) / norm.clamp_min(1e-12)


def gram_matrix(representation: Tensor) -> Tensor:
    """G = F·Fᵀ / places, N×C×C, of maps N×C×H×W or tokens N×T×C.

    Raises ValueError for other shapes: a vector has no places over which to average.
    """
    if representation.ndim == 4:
        features = representation.flatten(2)
    elif representation.ndim == 3:
        features = representation.transpose(1, 2)
    else:
        shape = "×".join(map(str, representation.shape[1:]))
        raise ValueError(f"a Gram matrix needs channels at several places, not {shape} numbers")
    return features @ features.transpose(1, 2) / features.shape[2]


COMPARISONS: Registry[RepresentationComparison] = Registry(
    "comparison of representations",
    "representation",
    (
        RepresentationComparison(
            name=RELATIVE_L2,
            title="relative distance",
            formula="‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂",
            help="The length of the difference, relative to the target's.",
            function=relative_l2,
            is_norm=True,
        ),
        RepresentationComparison(
            name="cosine",
            title="cosine: the length does not matter",
            formula="(1 − cos(g(x), g(x_t)))",
            help="The angle between the representations, whatever their lengths.",
            function=cosine,
        ),
        RepresentationComparison(
            name="gram",
            title="Gram matrix: style, not places",
            formula="‖G(x) − G(x_t)‖_F / ‖G(x_t)‖_F",
            help="Which channels are active together, wherever in the image: style "
            "(Gatys et al. 2016).",
            function=gram,
            needs_map=True,
            is_norm=True,
        ),
    ),
)
"""How the representation term may compare; G(x) is the channels' Gram matrix of g(x)."""

TERM = LossTerm(
    name=REPRESENTATION,
    symbol=COMPARISONS[RELATIVE_L2].formula,
    label="Match at the layer",
    help="The representation at the layer must be the target's.",
    function=relative_l2,
)
