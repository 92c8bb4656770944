"""The target-repelling adversary: a perceptual distance from the target that is to grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def to_target(inputs: TermInputs) -> Tensor:
    """d(x, x_t), (N,), d the perceptual distance that plays the adversary (Nanda et al. 2023)."""
    return inputs.distance_to(inputs.targets)


TERM = LossTerm(
    name="to-target",
    symbol="d(x, x_t)",
    label="Away from the target, λ",
    help="The image should look unlike the target.",
    function=to_target,
    repels=True,
    uses_distance=True,
)
