"""Soft corners: gradients that see what a ReLU would let through a little further on.

A ReLU's gradient is 1 or 0, and steps sharply between them. Where thousands of units are near that
corner, a gradient speaks only of the shortest of ways, and a search crawls from corner to corner.
Here the gradient rises from 0 to 1 over a width around the corner, as it does of a ReLU whose input
wavers by so much; what the network computes stays as it is. Surrogate gradients are at home in
networks of spikes (Neftci, Mostafa & Zenke 2019); a width that shrinks with the match is ours.

The ReLU that the layer ends in lets every gradient through, as in Feather et al. 2023: a unit that
it holds at 0 learns what the target wants of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.models.network import Network

_ABOVE = 1e-22  # inputs not above this count as 0, whose exact gradient is 0
_NO_WIDTH = 1e-30


class Corners:
    """How soft the corners are: the state that all ReLUs of one network share."""

    def __init__(self) -> None:
        # Of each call of a ReLU, in the order of a pass: a design may call one more than once.
        self._scales: list[Tensor] = []  # (N,) for N rows as they arrive there
        self._widths: list[Tensor | None] = []
        self._calls, self._learning = 0, False
        self._made: Tensor | None = None
        self._opens_end = False

    def learn(self, run: Callable[[], Tensor]) -> Tensor:
        """What `run`, a pass over the targets as far as the layer, returns; widths rest on it."""
        self._scales, self._learning = [], True
        try:
            representation = run()
        finally:
            self._learning = False
        made, self._made = self._made, None
        self._opens_end = made is not None and torch.equal(
            made.flatten(1), representation.flatten(1)
        )
        return representation

    def soften(self, width: Tensor | None) -> None:
        """To be called before each pass, with the width (N,) of its N samples.

        In units of what the sample's target sends into a ReLU (root mean square); 0 for the exact
        gradient, None for that of every sample.
        """
        self._calls, self._widths = 0, []
        if width is None:
            return
        # A design that lays an image's parts beside one another in the batch keeps its corners.
        soft = [place for place, scale in enumerate(self._scales) if len(scale) == len(width)]
        if soft:
            scales = torch.stack([self._scales[place] for place in soft])
            widths = (scales * width).clamp_min(_NO_WIDTH)
            self._widths = [None] * len(self._scales)
            for place, one in zip(soft, widths.unbind(), strict=True):
                self._widths[place] = one

    def relu(self, x: Tensor) -> Tensor:
        """max(x, 0), of the next call in this pass; its gradient as the curve lets it through."""
        if self._learning:
            self._scales.append(x.detach().flatten(1).square().mean(1).sqrt())
            self._made = torch.relu(x)
            return self._made.clone()  # what comes after it may work in place
        if not self._widths:
            return torch.relu(x)
        place = self._calls % len(self._widths)
        self._calls += 1
        widths = self._widths[place]
        if widths is None or not x.requires_grad or len(x) != len(widths):
            return torch.relu(x)
        widths = widths.view(-1, *[1] * (x.ndim - 1))
        if self._opens_end and place == len(self._widths) - 1:
            return _with_gradient(x, _open(x.detach(), widths))
        return _with_gradient(x, _rise(x.detach() - _ABOVE, widths))

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self.soften(None)
        self._scales = [scale[places] for scale in self._scales]


def with_soft_corners(network: Network) -> tuple[Network, Corners]:
    """The network with the same weights, buffers and numbers, and its ReLUs' gradients soft.

    Only ReLUs that are modules are softened. The widths are relative to what the pass that
    `Corners.learn` is shown sends into each ReLU.
    """
    corners, soft = Corners(), network.twin()
    for name, part in list(soft.module.named_modules()):
        if type(part) is nn.ReLU and name:
            soft.module.set_submodule(name, _SoftReLU(corners))
    return soft, corners


class _SoftReLU(nn.Module):
    def __init__(self, corners: Corners) -> None:
        super().__init__()
        self._corners = corners

    def forward(self, x: Tensor) -> Tensor:
        return self._corners.relu(x)


def _rise(inputs: Tensor, widths: Tensor) -> Tensor:
    """½ + ½·a / (|a| + w), the shares let through; overwrites the inputs a, N×…, widths N×1×…"""
    return inputs.div_(inputs.abs().add_(widths)).add_(1).mul_(0.5)


def _open(x: Tensor, widths: Tensor) -> Tensor:
    """1 everywhere, or where there is no width only where x is above 0."""
    return torch.maximum((x > 0).to(x.dtype), (widths > 2 * _NO_WIDTH).to(x.dtype))


def _with_gradient(x: Tensor, share: Tensor) -> Tensor:
    """max(x, 0), with this share of the gradient."""
    passed = x * share  # whose gradient by x is the share; its values are nobody's, and replaced
    torch.clamp_min(x.detach(), 0.0, out=passed.detach())
    return passed
