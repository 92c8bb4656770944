"""Where a picture has detail and which way its edges run: what noise leaves of a drawing.

Both measures see an outline in noise whatever its colours, and its negative just as well, because
they compare the energy of local differences rather than pixels. Noise has the same energy
everywhere and no direction; what it has of either by chance weighs little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

DIRECTION_WIDTHS, DETAIL_WIDTHS = (2.0, 3.0), (1.5, 3.0)
"""Standard deviations in px of the Gaussians that noise is smoothed by."""

CELLS, CELL_PX = 14, 8
"""At most so many cells a side, and none smaller."""

SMALLEST = 24
"""px: the widest Gaussian reaches 18."""

DIRECTION_FLOOR, DETAIL_FLOOR = 1.0, 2.4
"""By the side of a cell in px: about half of what N(0, 1) noise has by chance in cells of 16 px,
and a sixth of what the gallery's photographs have. Means over cells of noise fall as one over the
side of a cell."""

_FAINTEST = 1e-4  # squared differences of about two 8-bit levels, which are no detail


def edge_directions(a: Tensor, b: Tensor) -> Tensor:
    """Distance of two images' fields of edge directions, N values in [0, 4].

    a, b: N×3×H×W in [0, 1], at least SMALLEST px. With the structure tensor J of a cell, summed
    over R, G and B, and its trace t: (J_xx − J_yy, 2·J_xy) / √(t · mean of t over the cells).
    Differentiable. Source: the structure tensor (Förstner & Gülch 1987), as a field of doubled
    angles (Granlund 1978); distance as `_distance`.
    """
    return _distance(a, b, _directions, DIRECTION_WIDTHS, DIRECTION_FLOOR)


def detail_map(a: Tensor, b: Tensor) -> Tensor:
    """Distance of two images' maps of local contrast, N values in [0, 4].

    Images as in `edge_directions`. Per cell the logarithm of the mean squared difference of two
    Gaussians (σ and 2σ), summed over R, G and B, less its mean over the cells. Differentiable.
    Source: local band-limited contrast (Peli 1990); distance as `_distance`.
    """
    return _distance(a, b, _detail, DETAIL_WIDTHS, DETAIL_FLOOR)


def _distance(
    a: Tensor,
    b: Tensor,
    field: Callable[[Tensor, float, int], Tensor],
    widths: Sequence[float],
    floor: float,
) -> Tensor:
    """Mean over widths of ‖u_a − u_b‖², u = f / √(‖f‖² + (floor / cell)²), norms as RMS.

    cell: its side in px. A field at the level of noise is short, so that an image has to share
    something with a photograph to be nearer that than noise; any two photographs share a little.
    """
    side = min(a.shape[-2:])
    cells = max(1, min(CELLS, side // CELL_PX))
    distances = []
    for sigma in widths:
        first, second = (
            _shortened(field(each, sigma, cells), floor * cells / side) for each in (a, b)
        )
        distances.append((first - second).square().sum(1).mean((1, 2)))
    return torch.stack(distances).mean(0)


def _shortened(field: Tensor, floor: float) -> Tensor:
    power = field.square().sum(1).mean((1, 2)).view(-1, 1, 1, 1)
    return field / (power + floor**2).sqrt()


def _directions(images: Tensor, sigma: float, cells: int) -> Tensor:
    smooth = _smoothed(images, sigma)
    across = smooth[..., :-1, 1:] - smooth[..., :-1, :-1]
    down = smooth[..., 1:, :-1] - smooth[..., :-1, :-1]
    xx, yy, xy = across.square(), down.square(), across * down
    first, second, trace = (
        F.adaptive_avg_pool2d(each.sum(1, keepdim=True), cells)
        for each in (xx - yy, 2 * xy, xx + yy)
    )
    strength = (trace + _FAINTEST) * (trace.mean((2, 3), keepdim=True) + _FAINTEST)
    return torch.cat([first, second], dim=1) / strength.sqrt()


def _detail(images: Tensor, sigma: float, cells: int) -> Tensor:
    band = _smoothed(images, sigma) - _smoothed(images, 2 * sigma)
    power = F.adaptive_avg_pool2d(band.square().sum(1, keepdim=True), cells)
    level = (power + _FAINTEST).log()
    return level - level.mean((2, 3), keepdim=True)


def _smoothed(images: Tensor, sigma: float) -> Tensor:
    """Convolved with a Gaussian cut at 3σ, mirrored at the edges.

    Repeated edges would draw lines of the noise at the rim, which image and seed share.
    """
    reach = int(3 * sigma + 0.5)
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    bell = (-places.square() / (2 * sigma**2)).exp()
    channels = images.shape[1]
    row = (bell / bell.sum()).expand(channels, 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    across = F.conv2d(padded, row, groups=channels)
    return F.conv2d(across, row.transpose(2, 3), groups=channels)
