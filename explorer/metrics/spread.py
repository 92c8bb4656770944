"""How unlike each other a set of images is: RMS distances of its pairs. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Distances of all pairs of a set: root mean square over pixels and channels, in [0, 1].

    mean, least: of the pairs. count: how many images.
    """

    mean: float
    least: float
    count: int

    @classmethod
    def of(cls, images: Sequence[np.ndarray]) -> Spread:
        """That of at least two images of one shape, values in [0, 1]; ValueError for fewer."""
        if len(images) < 2:
            raise ValueError("a set of fewer than two images has no pairs")
        distances = [rms(a, b) for a, b in combinations(images, 2)]
        return cls(float(np.mean(distances)), min(distances), len(images))

    def to_dict(self) -> dict[str, float]:
        """Plain JSON values."""
        return asdict(self)


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square of the difference of two images of one shape."""
    return float(np.sqrt(np.mean(np.square(a.astype(np.float64) - b))))
