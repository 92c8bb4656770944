"""The ℓ₁ prior: pixels far from mid-grey are penalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def l1(inputs: TermInputs) -> Tensor:
    """‖x − ½‖₁, (N,) (Nanda et al. 2023, public code)."""
    return (inputs.images - 0.5).abs().sum((1, 2, 3))


TERM = LossTerm(
    name="l1",
    symbol="‖x − ½‖₁",
    label="L1 (penalises pixels far from mid-grey)",
    help="Pixels should be near mid-grey.",
    function=l1,
)
