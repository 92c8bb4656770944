"""The blur prior: what blurring would change in the image is penalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.losses.term import LossTerm, TermInputs

if TYPE_CHECKING:
    from torch import Tensor

KERNEL_SIZE = 5
SIGMA = 1.0


def blur(inputs: TermInputs) -> Tensor:
    """½‖x − blur(x)‖², (N,), the blurred image held constant (Nanda et al. 2023, public code)."""
    x = inputs.images
    return 0.5 * (x - gaussian_blur(x.detach())).square().sum((1, 2, 3))


def gaussian_blur(images: Tensor) -> Tensor:
    """Images N×C×H×W blurred with a 5×5 Gaussian of σ = 1, mirrored at the edges.

    The same as torchvision's function of this name, whose import would cost every worker seconds.
    """
    import torch
    from torch.nn import functional as F

    offsets = torch.arange(KERNEL_SIZE, dtype=images.dtype, device=images.device) - KERNEL_SIZE // 2
    line = torch.exp(-0.5 * (offsets / SIGMA).square())
    line = (line / line.sum()).expand(images.shape[1], 1, 1, KERNEL_SIZE)
    padded = F.pad(images, [KERNEL_SIZE // 2] * 4, mode="reflect")
    channels = images.shape[1]
    rows = F.conv2d(padded, line, groups=channels)
    return F.conv2d(rows, line.transpose(2, 3), groups=channels)


TERM = LossTerm(
    name="blur",
    symbol="½‖x − blur(x)‖²",
    label="Blur (penalises what blurring would change)",
    help="Blurring should hardly change the image.",
    function=blur,
)
