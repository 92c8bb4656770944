"""The ℓ₆ prior: bright pixels are penalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def l6(inputs: TermInputs) -> Tensor:
    """‖x‖₆, (N,) (Mahendran and Vedaldi, 2015)."""
    from torch.linalg import vector_norm

    return vector_norm(inputs.images.flatten(1), ord=6, dim=1)


TERM = LossTerm(
    name="l6",
    symbol="‖x‖₆",
    label="L6 (penalises bright pixels)",
    help="No pixel should be very bright.",
    function=l6,
)
