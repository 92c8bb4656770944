"""The null distribution: how alike the representations of unrelated pictures are, as numbers.

A match means something only compared with it (Feather et al. 2023): the same layer, pairs of
pictures that have nothing to do with each other. `explorer.metrics.null_distribution` measures it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

QUANTILES = {
    "min": 0.0,
    "q01": 0.01,
    "q05": 0.05,
    "q25": 0.25,
    "q50": 0.50,
    "q75": 0.75,
    "q95": 0.95,
    "q99": 0.99,
    "max": 1.0,
}
BINS = 40


def histogram_range(smallest: float, largest: float) -> tuple[float, float]:
    """Where the histogram of values between these begins and ends; never of no width."""
    if largest - smallest <= 1e-9 * max(abs(smallest), abs(largest)):
        return smallest - 0.5, largest + 0.5
    return smallest, largest


@dataclass(frozen=True)
class Distribution:
    """One measure over all pairs for which it is defined.

    n: how many pairs that are. quantiles: by the names of QUANTILES; nan where n is 0.
    counts, edges: the histogram, edges one longer than counts; both empty where n is 0.
    """

    n: int
    quantiles: Mapping[str, float]
    counts: tuple[int, ...]
    edges: tuple[float, ...]

    @property
    def min(self) -> float:
        """The smallest value of any pair."""
        return self.quantiles["min"]

    @property
    def max(self) -> float:
        """The largest value of any pair."""
        return self.quantiles["max"]

    @classmethod
    def of(cls, values: np.ndarray, bins: int = BINS) -> Distribution:
        """The distribution of the finite ones among `values`."""
        values = values[np.isfinite(values)]
        if not len(values):
            return cls(0, dict.fromkeys(QUANTILES, math.nan), (), ())
        limits = histogram_range(float(values.min()), float(values.max()))
        counts, edges = np.histogram(values, bins=bins, range=limits)
        quantiles = np.quantile(values, list(QUANTILES.values()))
        return cls(
            n=len(values),
            quantiles={
                name: float(value) for name, value in zip(QUANTILES, quantiles, strict=True)
            },
            counts=tuple(int(count) for count in counts),
            edges=tuple(float(edge) for edge in edges),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an undefined quantile becomes None."""
        return {
            "n": self.n,
            "quantiles": {
                name: None if math.isnan(value) else value for name, value in self.quantiles.items()
            },
            "counts": list(self.counts),
            "edges": list(self.edges),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Distribution:
        """The record in what `to_dict` wrote."""
        return cls(
            n=plain["n"],
            quantiles={
                name: math.nan if value is None else value
                for name, value in plain["quantiles"].items()
            },
            counts=tuple(plain["counts"]),
            edges=tuple(plain["edges"]),
        )


@dataclass(frozen=True)
class Null:
    """How alike all ordered pairs of unrelated pictures are, at one layer of one network.

    distributions: by the names that `PairMeasure.null` gives: `relative_l2` in [0, ∞), `cosine` in
    [−1, 1], `pearson_r2` (the squared correlation) in [0, 1], `spearman` in [−1, 1], `snr_db` in
    dB, and those of measures that were added. A pair for which a measure is undefined, such as the
    correlation with a constant representation, is left out of that distribution.
    source: what the pictures were, in words. ranked: how many of the layer's numbers were ranked,
    here and in the matches that are judged by it, where that is not all of them.
    """

    n_pictures: int
    n_pairs: int
    distributions: Mapping[str, Distribution]
    source: str = ""
    ranked: int | None = None

    @property
    def relative_l2(self) -> Distribution:
        """The relative ℓ₂ distance, which every null holds."""
        return self.distributions["relative_l2"]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the distributions by name between the other fields."""
        return {
            "n_pictures": self.n_pictures,
            "n_pairs": self.n_pairs,
            **{name: each.to_dict() for name, each in self.distributions.items()},
            "source": self.source,
            **({} if self.ranked is None else {"ranked": self.ranked}),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Null:
        """The null in what `to_dict` wrote, with whatever distributions it holds."""
        others = ("n_pictures", "n_pairs", "source", "ranked")
        return cls(
            n_pictures=plain["n_pictures"],
            n_pairs=plain["n_pairs"],
            distributions={
                name: Distribution.from_dict(each)
                for name, each in plain.items()
                if name not in others
            },
            source=plain.get("source", ""),
            ranked=plain.get("ranked"),
        )
