"""Soft corners: gradients that see what a ReLU would let through a little further on.

A ReLU's gradient is 1 or 0, and steps sharply between them. Where thousands of units are near that
corner, a gradient speaks only of the shortest of ways, and a search crawls from corner to corner.
Here the gradient rises from 0 to 1 over a width around the corner, as it does of a ReLU whose input
wavers by so much; what the network computes stays as it is. Surrogate gradients are at home in
networks of spikes (Neftci, Mostafa & Zenke 2019); a width that shrinks with the match is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.models.network import Network


class Corners:
    """How soft the corners are: the state that all ReLUs of one network share.

    width: (N,) for the N samples of the next pass, in units of what the sample's target sends into
    a ReLU (root mean square), 0 for the exact gradient; None for that of every sample.
    """

    def __init__(self) -> None:
        self._width: Tensor | None = None
        self.scales: dict[nn.Module, Tensor] = {}  # one for each row of the batch as it arrives
        self.widths: dict[nn.Module, Tensor] = {}

    @property
    def width(self) -> Tensor | None:
        """As above; those of all ReLUs are found at once when it is set."""
        return self._width

    @width.setter
    def width(self, width: Tensor | None) -> None:
        self._width, self.widths = width, {}
        # A design that lays an image's parts beside one another in the batch keeps its corners.
        rows = None if width is None else len(width)
        soft = [part for part, scale in self.scales.items() if len(scale) == rows]
        if soft:
            scales = torch.stack([self.scales[part] for part in soft])
            widths = (scales * width).clamp_min(1e-30)
            self.widths = dict(zip(soft, widths.unbind(), strict=True))

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self.width = None
        self.scales = {part: scale[places] for part, scale in self.scales.items()}


def with_soft_corners(network: Network) -> tuple[Network, Corners]:
    """The network with the same weights, buffers and numbers, and its ReLUs' gradients soft.

    Only ReLUs that are modules are softened. The widths are relative to what the first pass, that
    of the targets, sends into each ReLU.
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
        if self not in self._corners.scales:
            self._corners.scales[self] = x.detach().flatten(1).square().mean(1).sqrt()
        width = self._corners.widths.get(self)
        if width is None or not x.requires_grad or len(x) != len(width):
            return torch.relu(x)
        return _soft(x, width.view(-1, *[1] * (x.ndim - 1)))


def _soft(x: Tensor, width: Tensor) -> Tensor:
    """max(x, 0), with the logistic curve of this width around the corner for a gradient."""
    seen = x.detach()
    # Of no width, 1e-30, it is exact, 0 at 0: every x not above 1e-28 goes far below 0 there.
    rising = seen.sub(1e-28).div_(width).sigmoid_()
    passed = x * rising  # whose gradient by x is `rising`; its values are nobody's, and replaced
    torch.clamp_min(seen, 0.0, out=passed.detach())
    return passed
