"""The blur prior: what blurring would change in the image is penalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor


def blur(inputs: TermInputs) -> Tensor:
    """½‖x − blur(x)‖², (N,), the blurred image held constant (Nanda et al. 2023, public code)."""
    x = inputs.images
    return 0.5 * (x - blurred(x.detach())).square().sum((1, 2, 3))


def blurred(images: Tensor) -> Tensor:
    """Images N×C×H×W, each pixel the weighted mean of itself, twice, and its eight neighbours.

    So a pixel weighs 1/5 and a neighbour 1/10; beyond the edges there is nothing, and the weights
    of what is left add up to 1 there, too. Source: Lucid's `_tf_blur`, as in Nanda et al.'s code.
    """
    import torch
    from torch.nn import functional as F

    def total(values: Tensor) -> Tensor:
        """Of each pixel, once more, and the 3×3 around it."""
        return values + 9 * F.avg_pool2d(values, 3, stride=1, padding=1)

    return total(images) / total(torch.ones_like(images[:1, :1]))


TERM = LossTerm(
    name="blur",
    symbol="½‖x − blur(x)‖²",
    label="Blur (penalises what blurring would change)",
    help="Blurring should hardly change the image.",
    function=blur,
)
