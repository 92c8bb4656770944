"""The null distribution of a layer, from the representations of unrelated pictures.

Every registered measure of a pair that has a name in the null is computed of all ordered pairs of
pictures; what several of them need, such as all distances, is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from explorer.metrics.null import BINS, Distribution, Null
from explorer.metrics.representation import (
    FEWEST_CORRELATED,
    SNR_CAP_DB,
    average_ranks,
    in_double,
)
from explorer.metrics.representation_measure import PairMeasure
from explorer.metrics.representation_measures import pair_measures

_CHUNK_NUMBERS = 2**21


def null_distribution(representations: Tensor, bins: int = BINS, source: str = "") -> Null:
    """The null from representations P×… of P unrelated pictures, all P·(P − 1) ordered pairs.

    Pairs whose target gives nothing but zeros are in no distribution: no image is near it or far.
    Takes about as much memory again as the representations. Raises ValueError for fewer than two
    pictures. Source: the first success test of Feather et al. 2023.
    """
    vectors = representations.detach().flatten(1)
    pictures = len(vectors)
    if pictures < 2:
        raise ValueError(f"a null needs representations of at least 2 pictures, not {pictures}")
    all_pairs, unrelated = AllPairs(vectors), ~torch.eye(pictures, dtype=torch.bool)
    unrelated &= vectors.ne(0).any(1).cpu()
    return Null(
        n_pictures=pictures,
        n_pairs=pictures * (pictures - 1),
        distributions={
            measure.null: Distribution.of(_values(measure, all_pairs)[unrelated].numpy(), bins)
            for measure in pair_measures().values()
            if measure.null
        },
        source=source,
    )


def _values(measure: PairMeasure, pairs: AllPairs) -> Tensor:
    """A measure of all pairs as the null holds it, P×P; row i, column j: image i, target j."""
    if measure.of_all_pairs is not None:
        return measure.of_all_pairs(pairs)
    return pairs.one_by_one(measure)


class AllPairs:
    """Representations P×D of P pictures, and what measures of all their pairs share, each P×P."""

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    @cached_property
    def distances(self) -> Tensor:
        """‖rᵢ − rⱼ‖₂, from the differences themselves: no cancellation between near pictures."""
        squares = torch.zeros(len(self.vectors), len(self.vectors), dtype=torch.float64)
        for chunk in _chunks(self.vectors):
            part = torch.cdist(chunk, chunk, compute_mode="donot_use_mm_for_euclid_dist")
            squares += part.square().cpu()
        return squares.sqrt()

    @cached_property
    def norms(self) -> Tensor:
        """The target's length ‖rⱼ‖₂ in every column j."""
        squares = torch.zeros(len(self.vectors), dtype=torch.float64)
        for chunk in _chunks(self.vectors):
            squares += chunk.square().sum(1).cpu()
        return squares.sqrt().expand(len(squares), -1)

    def one_by_one(self, measure: PairMeasure) -> Tensor:
        """A measure by its function, all pictures with one target at a time."""
        width = max(1, _CHUNK_NUMBERS // self.vectors.shape[1])
        columns = []
        for target in self.vectors:
            alone = in_double(target[None])
            parts = (in_double(part) for part in self.vectors.split(width))
            values = [measure.function(part, alone.expand_as(part)).cpu() for part in parts]
            columns.append(torch.cat(values))
        return torch.stack(columns, dim=1).double().apply_(measure.in_null)


def relative_l2(pairs: AllPairs) -> Tensor:
    """The relative ℓ₂ distance of all pairs, P×P."""
    noise = pairs.distances
    return torch.where(noise == 0, 0.0, noise / pairs.norms)


def cosine(pairs: AllPairs) -> Tensor:
    """The cosine of all pairs, P×P; nan where one is zero."""
    zeros = torch.zeros(len(pairs.vectors), dtype=torch.float64)
    return _normalised(_products(pairs.vectors, zeros))


def pearson_r2(pairs: AllPairs) -> Tensor:
    """The square of Pearson's correlation of all pairs, P×P; nan where one is constant."""
    return _correlations(pairs.vectors).square()


def spearman(pairs: AllPairs) -> Tensor:
    """Spearman's correlation of all pairs, P×P; nan where one is constant."""
    return _correlations(_ranks(pairs.vectors))


def snr_db(pairs: AllPairs) -> Tensor:
    """The signal-to-noise ratio of all pairs in dB, P×P, capped at ±SNR_CAP_DB."""
    noise = pairs.distances
    decibels = torch.where(noise == 0, SNR_CAP_DB, 20 * (pairs.norms / noise).log10())
    return decibels.clamp(-SNR_CAP_DB, SNR_CAP_DB)


def _chunks(vectors: Tensor) -> Iterator[Tensor]:
    """The columns of P×D in float64, a few at a time."""
    width = max(1, _CHUNK_NUMBERS // len(vectors))
    for start in range(0, vectors.shape[1], width):
        yield in_double(vectors[:, start : start + width])


def _ranks(vectors: Tensor) -> Tensor:
    """Mean ranks of each row, once per picture; halves up to 8 million are exact in float32."""
    ranks = torch.empty(vectors.shape, dtype=torch.float32, device=vectors.device)
    for row, vector in zip(ranks, vectors, strict=True):
        row.copy_(average_ranks(vector[None])[0])
    return ranks


def _correlations(vectors: Tensor) -> Tensor:
    undefined = (vectors.amax(1) == vectors.amin(1)).cpu()
    undefined |= vectors.shape[1] < FEWEST_CORRELATED
    means = torch.stack([in_double(row[None]).mean() for row in vectors])
    correlations = _normalised(_products(vectors, means))
    correlations[undefined] = torch.nan
    correlations[:, undefined] = torch.nan
    return correlations


def _products(vectors: Tensor, offsets: Tensor) -> Tensor:
    """The inner products of all rows less their offsets (P,) with each other, P×P."""
    products = torch.zeros(len(vectors), len(vectors), dtype=torch.float64)
    for chunk in _chunks(vectors):
        moved = chunk - offsets.to(chunk.device)[:, None]
        products += (moved @ moved.T).cpu()
    return products


def _normalised(products: Tensor) -> Tensor:
    """Inner products P×P divided by the lengths of both sides."""
    lengths = products.diagonal().sqrt()
    return (products / torch.outer(lengths, lengths)).clamp(-1, 1)
