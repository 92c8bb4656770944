"""Surrogate ReLU gradients: what a ReLU lets through is smoothed, its output stays exact.

A ReLU's gradient is 0 or 1, with a jump between them. Where thousands of units are near that kink,
a gradient holds only for the shortest of steps, and a search crawls from kink to kink. Here the
gradient rises from 0 to 1 over a width around the kink, as it would on average over a noisy input.
Surrogate gradients are standard in spiking networks (Neftci, Mostafa & Zenke 2019); a width that
shrinks with the match is ours.

The ReLU that the layer ends in lets every gradient through (straight-through, as in Feather et al.
2023), so that units that it holds at 0 get a gradient, too.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.models.network import Network

_ZERO = 1e-22  # inputs up to this count as 0, where the exact gradient is 0
_NO_WIDTH = 1e-30


class SurrogateReLUs:
    """The ReLU width of each sample at each ReLU: the state that all ReLUs of a network share."""

    def __init__(self) -> None:
        # Of each call of a ReLU, in the order of a forward pass: a ReLU may be called repeatedly.
        self._scales: list[Tensor] = []  # (N,) for N rows as they arrive there
        self._widths: list[Tensor | None] = []
        self._calls, self._calibrating = 0, False
        self._last_output: Tensor | None = None
        self._ends_layer = False

    def calibrate(self, forward: Callable[[], Tensor]) -> Tensor:
        """What `forward`, a pass of the targets up to the layer, returns; it sets the unit of
        widths: the root mean square of what each target sends into each ReLU.
        """
        self._scales, self._calibrating = [], True
        try:
            representation = forward()
        finally:
            self._calibrating = False
        output, self._last_output = self._last_output, None
        self._ends_layer = output is not None and torch.equal(
            output.flatten(1), representation.flatten(1)
        )
        return representation

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
            self._scales.append(x.detach().flatten(1).square().mean(1).sqrt())
            self._last_output = torch.relu(x)
            return self._last_output.clone()  # what comes after it may work in place
        if not self._widths:
            return torch.relu(x)
        call = self._calls % len(self._widths)
        self._calls += 1
        widths = self._widths[call]
        if widths is None or not x.requires_grad or len(x) != len(widths):
            return torch.relu(x)
        widths = widths.view(-1, *[1] * (x.ndim - 1))
        if self._ends_layer and call == len(self._widths) - 1:
            return _with_gradient(x, _straight_through(x.detach(), widths))
        return _with_gradient(x, _smooth_step(x.detach() - _ZERO, widths))

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""
        self.set_width(None)
        self._scales = [scale[indices] for scale in self._scales]


def with_surrogate_relus(network: Network) -> tuple[Network, SurrogateReLUs]:
    """The network with the same weights, buffers and outputs, and surrogate ReLU gradients.

    Only ReLUs that are modules are replaced.
    """
    relus, surrogate = SurrogateReLUs(), network.copy_with_shared_weights()
    for name, part in list(surrogate.module.named_modules()):
        if type(part) is nn.ReLU and name:
            surrogate.module.set_submodule(name, _SurrogateReLU(relus))
    return surrogate, relus


class _SurrogateReLU(nn.Module):
    def __init__(self, relus: SurrogateReLUs) -> None:
        super().__init__()
        self._relus = relus

    def forward(self, x: Tensor) -> Tensor:
        return self._relus.relu(x)


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
