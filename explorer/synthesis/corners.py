"""Soft corners: gradients that see what a ReLU would let through a little further on.

A ReLU's gradient is 1 or 0, and steps sharply between them. Where thousands of units are near that
corner, a gradient speaks only of the shortest of ways, and a search crawls from corner to corner.
Here the gradient rises from 0 to 1 over a width around the corner, as it does of a ReLU whose input
wavers by so much; what the network computes stays as it is. Surrogate gradients are at home in
networks of spikes (Neftci, Mostafa & Zenke 2019); a width that shrinks with the match is ours.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from explorer.models.network import Network


class Corners:
    """How soft the corners are: the state that all ReLUs of one network share.

    width: (N,) for the N samples of the next pass, in units of what the sample's target sends into
    a ReLU (root mean square), 0 for the exact gradient; None for that of every sample.
    """

    def __init__(self) -> None:
        self.width: Tensor | None = None
        self.parts: list[_SoftReLU] = []

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self.width = None
        for part in self.parts:
            part.scale = None if part.scale is None else part.scale[places]


def with_soft_corners(network: Network) -> tuple[Network, Corners]:
    """The network with the same weights, buffers and numbers, and its ReLUs' gradients soft.

    Only ReLUs that are modules are softened. The widths are relative to what the first pass, that
    of the targets, sends into each ReLU.
    """
    corners = Corners()
    shared = [*network.module.parameters(), *network.module.buffers()]
    module = copy.deepcopy(network.module, {id(tensor): tensor for tensor in shared})
    for name, part in list(module.named_modules()):
        if type(part) is nn.ReLU and name:
            corners.parts.append(_SoftReLU(corners))
            module.set_submodule(name, corners.parts[-1])
    return replace(network, module=module), corners


class _SoftReLU(nn.Module):
    def __init__(self, corners: Corners) -> None:
        super().__init__()
        self._corners = corners
        self.scale: Tensor | None = None  # one for each row of the batch as it arrives here

    def forward(self, x: Tensor) -> Tensor:
        if self.scale is None:
            self.scale = x.detach().flatten(1).square().mean(1).sqrt()
        width = self._corners.width
        # A design that lays an image's parts beside one another in the batch keeps its corners.
        if width is None or not x.requires_grad or len(x) != len(width):
            return torch.relu(x)
        return _Soft.apply(x, (width * self.scale).view(-1, *[1] * (x.ndim - 1)))


class _Soft(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, width: Tensor) -> Tensor:
        ctx.save_for_backward(x, width)
        return torch.relu(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        x, width = ctx.saved_tensors
        # Of no width it is exact, 0 at 0: there every x that is not above 1e-28 goes far below 0.
        rising = x.sub(1e-28).div_(width.clamp_min(1e-30)).sigmoid_()
        return rising.mul_(gradient), None
