"""Surrogate gradients of ReLUs and max-pooling: smoothed backward, exact forward.

A ReLU's gradient is 0 or 1, with a jump between them. Where thousands of units are near that kink,
a gradient holds only for the shortest of steps, and a search crawls from kink to kink. Here the
gradient rises from 0 to 1 over a width around the kink, as it would on average over a noisy input.
Surrogate gradients are standard in spiking networks (Neftci, Mostafa & Zenke 2019); a width that
shrinks with the match is ours.

A max-pooling window sends its whole gradient to its largest input, and another one becomes the
largest on the way. Here the window's inputs share it by a softmax, the more evenly the larger the
width.

The ReLU that the layer ends in, or each of those whose outputs it concatenates, lets every gradient
through (straight-through, as in Feather et al. 2023), so that units held at 0 get a gradient, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from explorer.models.network import Network
from explorer.synthesis.straight_through import end_relus

_ZERO = 1e-22  # inputs up to this count as 0, where the exact gradient is 0
_NO_WIDTH = 1e-30
POOL_TEMPERATURE = 0.5
"""Of the softmax over a max-pooling window, as a share of the width.

At SqueezeNet's features.12 (112 px, cat from grey noise) 0.05 comes to 0.55 in 30 passes, 0.5 to
0.54. What it gains: docs/losses-and-optimisers.md."""


class SurrogateGradients:
    """The width of each sample at each ReLU and max-pooling: the state that a network's share."""

    def __init__(self) -> None:
        # Of each call, in the order of a forward pass: a module may be called repeatedly.
        self._scales: list[Tensor] = []  # (N,) for N rows as they arrive there
        self._widths: list[Tensor | None] = []
        self._calls, self._calibrating = 0, False
        self._nodes: list[Node | None] = []  # of autograd's graph, while calibrating
        self._end_calls: frozenset[int] = frozenset()  # those that the layer ends in

    def calibrate(self, forward: Callable[[], Tensor]) -> Tensor:
        """What `forward`, a pass of the targets up to the layer, returns; it sets the unit of
        widths: the root mean square of what each target sends into each module.
        """
        self._scales, self._nodes, self._calibrating = [], [], True
        try:
            with torch.enable_grad():
                representation = forward()
        finally:
            self._calibrating = False
        ends, nodes, self._nodes = end_relus(representation), self._nodes, []
        self._end_calls = frozenset(call for call, node in enumerate(nodes) if node in ends)
        return representation.detach()

    def set_width(self, relu_width: Tensor | None) -> None:
        """Before each forward pass: the widths (N,) of its N samples.

        0 is the exact gradient, None that of every sample.
        """
        self._calls, self._widths = 0, []
        if relu_width is None:
            return
        # Designs that put parts of an image into the batch dimension keep exact gradients there.
        suitable = [i for i, scale in enumerate(self._scales) if len(scale) == len(relu_width)]
        if suitable:
            scales = torch.stack([self._scales[index] for index in suitable])
            widths = (scales * relu_width).clamp_min(_NO_WIDTH)
            self._widths = [None] * len(self._scales)
            for index, width in zip(suitable, widths.unbind(), strict=True):
                self._widths[index] = width

    def relu(self, x: Tensor) -> Tensor:
        """max(x, 0) of the next call in this pass, with the surrogate gradient."""
        if self._calibrating:
            self._scales.append(_root_mean_square(x))
            # A graph that begins anew at each ReLU stays short and tells what the layer ends in.
            output = torch.relu(x.detach().requires_grad_(True))
            self._nodes.append(output.grad_fn)
            return output.clone()  # what comes after it may work in place
        widths, ends_layer = self._next_widths(x)
        if widths is None:
            return torch.relu(x)
        widths = widths.view(-1, *[1] * (x.ndim - 1))
        if ends_layer:
            return _with_gradient(x, _straight_through(x.detach(), widths))
        return _with_gradient(x, _smooth_step(x.detach() - _ZERO, widths))

    def max_pool(self, x: Tensor, pool: nn.MaxPool2d) -> Tensor:
        """What `pool` makes of x, N×C×H×W, in the next call, with the surrogate gradient."""
        if self._calibrating:
            self._scales.append(_root_mean_square(x))
            self._nodes.append(None)
            return pool(x)
        widths, _ = self._next_widths(x)
        if widths is None or x.ndim != 4:
            return pool(x)
        pooled: Tensor = _SoftMaxPool.apply(x, POOL_TEMPERATURE * widths.view(-1, 1, 1, 1), pool)
        return pooled

    def _next_widths(self, x: Tensor) -> tuple[Tensor | None, bool]:
        """Widths (N,) of the next call, None for the exact gradient; does the layer end in it?"""
        if not self._widths:
            return None, False
        call = self._calls % len(self._widths)
        self._calls += 1
        widths = self._widths[call]
        if widths is None or not x.requires_grad or len(x) != len(widths):
            return None, False
        return widths, call in self._end_calls

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""
        self.set_width(None)
        self._scales = [scale[indices] for scale in self._scales]


def with_surrogate_gradients(network: Network) -> tuple[Network, SurrogateGradients]:
    """The network with the same weights, buffers and outputs, and surrogate gradients.

    Only ReLUs and max-poolings that are modules are replaced.
    """
    gradients, surrogate = SurrogateGradients(), network.copy_with_shared_weights()
    for name, part in list(surrogate.module.named_modules()):
        if type(part) is nn.ReLU and name:
            surrogate.module.set_submodule(name, _SurrogateReLU(gradients))
        elif type(part) is nn.MaxPool2d and name and not part.return_indices:
            surrogate.module.set_submodule(name, _SurrogateMaxPool(gradients, part))
    return surrogate, gradients


class _SurrogateReLU(nn.Module):
    def __init__(self, gradients: SurrogateGradients) -> None:
        super().__init__()
        self._gradients = gradients

    def forward(self, x: Tensor) -> Tensor:
        return self._gradients.relu(x)


class _SurrogateMaxPool(nn.Module):
    def __init__(self, gradients: SurrogateGradients, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self._gradients, self._pool = gradients, pool

    def forward(self, x: Tensor) -> Tensor:
        return self._gradients.max_pool(x, self._pool)


class _SoftMaxPool(torch.autograd.Function):
    """A max-pooling, differentiated as if its windows shared by softmax((a − max) / temperature).

    Inputs equal to the largest share evenly where the temperature, N×1×1×1, is next to 0.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, temperature: Tensor, pool: nn.MaxPool2d) -> Tensor:
        pooled = pool(x)
        context.save_for_backward(x, pooled, temperature)
        context.pool = pool
        return pooled

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        x, pooled, temperature = context.saved_tensors
        padding = _padding(context.pool, x, pooled)
        padded = nn.functional.pad(x, padding, value=-torch.inf)
        # One place of all windows after the other, so that no window is ever copied out.
        places = list(_places(context.pool, pooled))
        shares = [padded[place].sub(pooled).div_(temperature).exp_() for place in places]
        shared = gradient / sum(shares[1:], shares[0])
        back = torch.zeros_like(padded)
        for place, share in zip(places, shares, strict=True):
            back[place].addcmul_(share, shared)
        left, _, top, _ = padding
        height, width = x.shape[2:]
        return back[:, :, top : top + height, left : left + width], None, None


def _padding(pool: nn.MaxPool2d, x: Tensor, pooled: Tensor) -> tuple[int, int, int, int]:
    """Left, right, top, bottom: what the windows, N×C×H′×W′ of them, need beyond x, N×C×H×W."""
    top, left = _pair(pool.padding)
    size, stride, dilation = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.dilation)
    needed = [
        (pooled.shape[2 + axis] - 1) * stride[axis] + dilation[axis] * (size[axis] - 1) + 1
        for axis in (0, 1)
    ]
    bottom = max(0, needed[0] - top - x.shape[2])
    right = max(0, needed[1] - left - x.shape[3])
    return left, right, top, bottom


def _places(pool: nn.MaxPool2d, pooled: Tensor) -> Iterator[tuple[slice, ...]]:
    """For each place in a window: where it is in the padded input, for all windows at once."""
    size, stride, dilation = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.dilation)
    for row in range(size[0]):
        for column in range(size[1]):
            first = row * dilation[0], column * dilation[1]
            yield (
                slice(None),
                slice(None),
                *(
                    slice(
                        first[axis],
                        first[axis] + (pooled.shape[2 + axis] - 1) * stride[axis] + 1,
                        stride[axis],
                    )
                    for axis in (0, 1)
                ),
            )


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Of height and width, as nn.MaxPool2d takes its arguments."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _root_mean_square(x: Tensor) -> Tensor:
    return x.detach().flatten(1).square().mean(1).sqrt()


def _smooth_step(inputs: Tensor, widths: Tensor) -> Tensor:
    """½ + ½·a / (|a| + w), in [0, 1]; overwrites the inputs a, N×…; widths w, N×1×…"""
    return inputs.div_(inputs.abs().add_(widths)).add_(1).mul_(0.5)


def _straight_through(x: Tensor, widths: Tensor) -> Tensor:
    """1 everywhere; without a width 1 only where x is above 0."""
    return torch.maximum((x > 0).to(x.dtype), (widths > 2 * _NO_WIDTH).to(x.dtype))


def _with_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """max(x, 0), differentiated as if its gradient were this one."""
    product = x * gradient  # has this gradient by x; its values are replaced
    torch.clamp_min(x.detach(), 0.0, out=product.detach())
    return product
