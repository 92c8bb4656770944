"""The null distribution: how alike the representations of unrelated pictures are.

A match means something only beside it (Feather et al. 2023): the same layer, pairs of pictures that
have nothing to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.metrics.representation import SNR_CAP_DB, average_ranks, in_double

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
_CHUNK_NUMBERS = 2**21


@dataclass(frozen=True)
class Distribution:
    """One measure over all pairs for which it is defined.

    n: how many pairs that are. quantiles: by the names of QUANTILES; nan where n is 0.
    counts, edges: the histogram, edges one longer than counts; both empty where n is 0.
    """

    n: int
    quantiles: dict[str, float]
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
        low, high = float(values.min()), float(values.max())
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(values, bins=bins, range=(low, high))
        quantiles = np.quantile(values, list(QUANTILES.values()))
        return cls(
            n=len(values),
            quantiles={
                name: float(value) for name, value in zip(QUANTILES, quantiles, strict=True)
            },
            counts=tuple(int(count) for count in counts),
            edges=tuple(float(edge) for edge in edges),
        )


@dataclass(frozen=True)
class Null:
    """Distances of all ordered pairs of unrelated pictures at one layer of one network.

    relative_l2 in [0, ∞), cosine in [−1, 1], pearson_r2 (the squared correlation) in [0, 1],
    spearman in [−1, 1], snr_db in dB, each as `explorer.metrics.representation` defines it. A pair
    with a constant representation has no correlation, and one with a zero representation no cosine:
    it is left out of that distribution. source: what the pictures were, in words.
    """

    n_pictures: int
    n_pairs: int
    relative_l2: Distribution
    cosine: Distribution
    pearson_r2: Distribution
    spearman: Distribution
    snr_db: Distribution
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an undefined quantile becomes None."""
        plain = asdict(self)
        for name in MEASURES:
            quantiles = plain[name]["quantiles"]
            plain[name] = {
                "n": plain[name]["n"],
                "quantiles": {k: None if math.isnan(v) else v for k, v in quantiles.items()},
                "counts": list(plain[name]["counts"]),
                "edges": list(plain[name]["edges"]),
            }
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Null:
        """What `to_dict` made, read back."""
        return cls(
            n_pictures=plain["n_pictures"],
            n_pairs=plain["n_pairs"],
            source=plain["source"],
            **{name: _distribution_from(plain[name]) for name in MEASURES},
        )


MEASURES = ("relative_l2", "cosine", "pearson_r2", "spearman", "snr_db")


def null_distribution(representations: Tensor, bins: int = BINS, source: str = "") -> Null:
    """The null from representations P×… of P unrelated pictures, all P·(P − 1) ordered pairs.

    Takes about as much memory again as the representations. Raises ValueError for fewer than two
    pictures. Source: the first success test of Feather et al. 2023.
    """
    vectors = representations.detach().flatten(1)
    pictures = len(vectors)
    if pictures < 2:
        raise ValueError(f"a null needs representations of at least 2 pictures, not {pictures}")
    pairs = ~torch.eye(pictures, dtype=torch.bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise, signal = _distances(vectors)[pairs].numpy(), _norms(vectors)
        signal = signal.expand(pictures, -1)[pairs].numpy()
        relative = np.where(noise == 0, 0.0, noise / signal)
        decibels = np.where(noise == 0, SNR_CAP_DB, 20 * np.log10(signal / noise))
    return Null(
        n_pictures=pictures,
        n_pairs=pictures * (pictures - 1),
        relative_l2=Distribution.of(relative, bins),
        cosine=Distribution.of(_cosines(vectors)[pairs].numpy(), bins),
        pearson_r2=Distribution.of(_correlations(vectors)[pairs].square().numpy(), bins),
        spearman=Distribution.of(_correlations(_ranks(vectors))[pairs].numpy(), bins),
        snr_db=Distribution.of(decibels.clip(-SNR_CAP_DB, SNR_CAP_DB), bins),
        source=source,
    )


def _distribution_from(plain: dict[str, Any]) -> Distribution:
    quantiles = {k: math.nan if v is None else float(v) for k, v in plain["quantiles"].items()}
    return Distribution(plain["n"], quantiles, tuple(plain["counts"]), tuple(plain["edges"]))


def _chunks(vectors: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The columns of P×D in float64, a few at a time, each with its first column's number."""
    width = max(1, _CHUNK_NUMBERS // len(vectors))
    for start in range(0, vectors.shape[1], width):
        yield start, in_double(vectors[:, start : start + width])


def _distances(vectors: Tensor) -> Tensor:
    """‖rᵢ − rⱼ‖₂, P×P, from the differences themselves: no cancellation between near pictures."""
    squares = torch.zeros(len(vectors), len(vectors), dtype=torch.float64)
    for _, chunk in _chunks(vectors):
        part = torch.cdist(chunk, chunk, compute_mode="donot_use_mm_for_euclid_dist")
        squares += part.square().cpu()
    return squares.sqrt()


def _norms(vectors: Tensor) -> Tensor:
    squares = torch.zeros(len(vectors), dtype=torch.float64)
    for _, chunk in _chunks(vectors):
        squares += chunk.square().sum(1).cpu()
    return squares.sqrt()


def _ranks(vectors: Tensor) -> Tensor:
    """Mean ranks of each row, once per picture; halves up to 8 million are exact in float32."""
    ranks = torch.empty(vectors.shape, dtype=torch.float32, device=vectors.device)
    for row, vector in zip(ranks, vectors, strict=True):
        row.copy_(average_ranks(vector[None])[0])
    return ranks


def _cosines(vectors: Tensor) -> Tensor:
    """The cosine of all rows with all rows, P×P; nan where one is zero."""
    return _normalised(_products(vectors, torch.zeros(len(vectors), dtype=torch.float64)))


def _correlations(vectors: Tensor) -> Tensor:
    """Pearson's correlation of all rows with all rows, P×P; nan where one is constant."""
    constant = (vectors.amax(1) == vectors.amin(1)).cpu()
    means = torch.stack([in_double(row[None]).mean() for row in vectors])
    correlations = _normalised(_products(vectors, means))
    correlations[constant] = torch.nan
    correlations[:, constant] = torch.nan
    return correlations


def _products(vectors: Tensor, offsets: Tensor) -> Tensor:
    """The inner products of all rows less their offsets (P,) with each other, P×P."""
    products = torch.zeros(len(vectors), len(vectors), dtype=torch.float64)
    for _, chunk in _chunks(vectors):
        moved = chunk - offsets.to(chunk.device)[:, None]
        products += (moved @ moved.T).cpu()
    return products


def _normalised(products: Tensor) -> Tensor:
    """Inner products P×P divided by the lengths of both sides."""
    lengths = products.diagonal().sqrt()
    return (products / torch.outer(lengths, lengths)).clamp(-1, 1)
