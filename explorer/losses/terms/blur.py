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

    kernel = images.new_full((1, 1, 3, 3), 0.5)
    kernel[..., 1, 1] = 1.0
    channels = images.shape[1]
    total = F.conv2d(images, kernel.expand(channels, 1, 3, 3), padding=1, groups=channels)
    return total / F.conv2d(torch.ones_like(images[:1, :1]), kernel, padding=1)


TERM = LossTerm(
    name="blur",
    symbol="½‖x − blur(x)‖²",
    label="Blur (penalises what blurring would change)",
    help="Blurring should hardly change the image.",
    function=blur,
)
