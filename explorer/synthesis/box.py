"""The box that parameters are kept in, outside autograd."""

from __future__ import annotations

from torch import Tensor

Bounds = tuple[float, float]  # the lowest and the highest value that a parameter may have


def pressed(parameters: Tensor, slope: Tensor, bounds: Bounds) -> Tensor:
    """Where the way downhill leads out of the box: there a parameter stays. Of slope's shape."""
    low, high = bounds
    return ((parameters <= low) & (slope > 0)) | ((parameters >= high) & (slope < 0))
