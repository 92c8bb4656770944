"""The gradient by the image, sooner: the last thing that a backward pass computes.

The convolution that looks at the image has few channels there and mostly takes long strides, which
is where a CPU's general routine for a convolution's gradient by its input is slow. But the pixels
fall into stride² sets, each of which always meets the same taps of the kernel. So the gradient by
all of a set is a convolution of its own, without strides; one convolution makes those of all sets,
and a pixel shuffle puts them in place (Shi et al. 2016). Nothing is left out or rounded otherwise
than in the general routine, but for the order of a sum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.models.network import Network

MOST_CHANNELS = 4  # that a convolution may see for the detour to be the shorter way


def with_quick_stem(network: Network) -> Network:
    """The same weights and numbers, and a quicker gradient by the images; itself where none is.

    Only on a CPU, and only convolutions with strides that see at most MOST_CHANNELS channels.
    """
    if network.device.type != "cpu":
        return network
    stems = [name for name, part in network.parts.items() if _gains(part)]
    if not stems:
        return network
    quick = network.twin()
    for name in stems:
        quick.module.set_submodule(name, _Stem(quick.module.get_submodule(name)))
    return quick


def _gains(part: nn.Module) -> bool:
    return (
        type(part) is nn.Conv2d
        and part.in_channels <= MOST_CHANNELS
        and part.stride[0] == part.stride[1] > 1
        and part.groups == 1
        and part.dilation == (1, 1)
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


class _Stem(nn.Module):
    """A convolution whose gradient by its input is made in one piece; its weights are constant."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        weight, stride = convolution.weight.detach(), convolution.stride[0]
        outwards, inwards, *taps = weight.shape
        rows, columns = (-(-count // stride) for count in taps)
        missing = (0, columns * stride - taps[1], 0, rows * stride - taps[0])
        sets = functional.pad(weight, missing)
        sets = sets.view(outwards, inwards, rows, stride, columns, stride)
        sets = sets.permute(1, 3, 5, 0, 2, 4).reshape(-1, outwards, rows, columns).flip(2, 3)
        self.register_buffer("sets", sets.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        one = self.convolution
        return _Convolved.apply(x, one.weight, one.bias, self.sets, one.stride[0], one.padding)


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        sets: Tensor,
        stride: int,
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(sets)
        ctx.size, ctx.stride, ctx.padding = x.shape[-2:], stride, padding
        return functional.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (sets,) = ctx.saved_tensors
        around = [count - 1 for count in sets.shape[-2:]]
        padded = functional.pixel_shuffle(
            functional.conv2d(gradient, sets, padding=around), ctx.stride
        )
        # Without the padding, and with the last pixels, which strides may not have come to.
        (top, left), (height, width) = ctx.padding, ctx.size
        right, below = left + width - padded.shape[-1], top + height - padded.shape[-2]
        return functional.pad(padded, (-left, right, -top, below)), *[None] * 5
