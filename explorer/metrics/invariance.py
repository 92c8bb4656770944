"""What STIR says of two networks: the records, without torch; `explorer.metrics.stir` measures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from explorer.metrics.match import finite

FEWEST_IMAGES = 3
"""Linear CKA of two images is always 1."""


@dataclass(frozen=True)
class Stir:
    """STIR(the network that looks | the network that made the IRIs) of N images.

    value: in [0, 1]; 1 if the IRIs look to the one as the images do. chance: the same similarity
    with every image paired with wrong IRIs, with which a value must be compared. median_match,
    worst_match: relative ℓ₂ of IRIs and images to the network that made them; where they are not
    small, the value speaks of the search and not of the network.
    """

    value: float
    chance: float
    images: int
    median_match: float
    worst_match: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinite match becomes None."""
        return {name: finite(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class SharedInvariance:
    """Both directions of STIR, and how alike the two networks represent the images themselves.

    similarity: linear CKA of g₁(X) and g₂(X) in [0, 1], similarity_by_chance: with shuffled pairs.
    second_given_first: STIR(2 | 1), network 2 looks at network 1's IRIs. first_given_second: the
    other way round.
    """

    similarity: float
    similarity_by_chance: float
    second_given_first: Stir
    first_given_second: Stir

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "similarity": self.similarity,
            "similarity_by_chance": self.similarity_by_chance,
            "second_given_first": self.second_given_first.to_dict(),
            "first_given_second": self.first_given_second.to_dict(),
        }
