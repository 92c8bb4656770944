"""The seed-attracting adversary: a perceptual distance from the seed that is to stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def to_seed(inputs: TermInputs) -> Tensor:
    """d(x, x_0), (N,), d the perceptual distance that plays the adversary (Nanda et al. 2023)."""
    return inputs.distance_to(inputs.seeds)


TERM = LossTerm(
    name="to-seed",
    symbol="d(x, x_0)",
    label="Towards the seed",
    help="The image should look like the seed.",
    function=to_seed,
    uses_distance=True,
)
