"""Total variation: neighbouring pixels that differ are penalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def total_variation(inputs: TermInputs) -> Tensor:
    """Σ Δy² + Σ Δx², (N,): total variation with β = 2 (Mahendran and Vedaldi, 2015)."""
    x = inputs.images
    return x.diff(dim=2).square().sum((1, 2, 3)) + x.diff(dim=3).square().sum((1, 2, 3))


TERM = LossTerm(
    name="tv",
    symbol="TV(x)",
    label="Total variation (penalises rough images)",
    help="Neighbouring pixels should be alike.",
    function=total_variation,
)
