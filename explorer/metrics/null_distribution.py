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
    MOST_RANKED,
    SNR_CAP_DB,
    average_ranks,
    in_double,
    ranked_part,
)
from explorer.metrics.representation_measure import PairMeasure
from explorer.metrics.representation_measures import pair_measures

_CHUNK_NUMBERS = 2**21

_NEAR = 1e-8
"""Of ‖rᵢ‖² + ‖rⱼ‖²; below it a squared distance from products has lost half of its digits."""


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
        ranked=MOST_RANKED if vectors.shape[1] > MOST_RANKED else None,
    )


def _values(measure: PairMeasure, pairs: AllPairs) -> Tensor:
    """A measure of all pairs as the null holds it, P×P; row i, column j: image i, target j."""
    if measure.of_all_pairs is not None:
        return measure.of_all_pairs(pairs)
    return pairs.one_by_one(measure)


class AllPairs:
    """Representations P×D of P pictures, and what measures of all their pairs share, each P×P.

    Everything comes from one product of the representations, less their common mean, with each
    other: rows uᵢ = rᵢ − μ.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    @cached_property
    def distances(self) -> Tensor:
        """‖rᵢ − rⱼ‖₂; of very near pictures from the differences, which do not cancel."""
        lengths = self._products.diagonal()
        either = lengths[:, None] + lengths[None, :]
        squares = (either - 2 * self._products).clamp(min=0)
        squares.fill_diagonal_(0)
        for i, j in (squares < _NEAR * either).triu(1).nonzero().tolist():
            difference = in_double(self.vectors[i : i + 1]) - in_double(self.vectors[j : j + 1])
            squares[i, j] = squares[j, i] = float(difference.square().sum())
        return squares.sqrt()

    @cached_property
    def norms(self) -> Tensor:
        """The target's length ‖rⱼ‖₂ in every column j."""
        return self.products.diagonal().clamp(min=0).sqrt().expand(len(self.vectors), -1)

    @cached_property
    def products(self) -> Tensor:
        """⟨rᵢ, rⱼ⟩."""
        numbers, sums = self.vectors.shape[1], self._sums
        shift = self._mean * (sums[:, None] + sums[None, :]) + self._mean**2 * numbers
        products = self._products + shift
        dead = ~self.vectors.ne(0).any(1).cpu()
        products[dead] = 0
        products[:, dead] = 0
        return products

    @cached_property
    def covariances(self) -> Tensor:
        """⟨rᵢ − mean(rᵢ), rⱼ − mean(rⱼ)⟩; nan where one is constant or has too few numbers."""
        covariances = self._products - torch.outer(self._sums, self._sums) / self.vectors.shape[1]
        undefined = (self.vectors.amax(1) == self.vectors.amin(1)).cpu()
        undefined |= self.vectors.shape[1] < FEWEST_CORRELATED
        covariances[undefined] = torch.nan
        covariances[:, undefined] = torch.nan
        return covariances

    @cached_property
    def _mean(self) -> float:
        """μ, the mean of all numbers of all pictures; without it large offsets would cancel."""
        total = sum(float(chunk.sum()) for chunk in _chunks(self.vectors))
        return total / self.vectors.numel()

    @cached_property
    def _moments(self) -> Tensor:
        """The inner products of u₁ … u_P and a row of ones, (P + 1)×(P + 1)."""
        pictures = len(self.vectors)
        moments = torch.zeros(pictures + 1, pictures + 1, dtype=torch.float64)
        for chunk in _chunks(self.vectors):
            rows = torch.cat([chunk - self._mean, chunk.new_ones(1, chunk.shape[1])])
            moments += (rows @ rows.T).cpu()
        return moments

    @property
    def _products(self) -> Tensor:
        return self._moments[:-1, :-1]

    @property
    def _sums(self) -> Tensor:
        return self._moments[:-1, -1]

    def one_by_one(self, measure: PairMeasure) -> Tensor:
        """A measure by its function, all pictures with one target at a time."""
        vectors = ranked_part(self.vectors) if measure.ranks else self.vectors
        width = max(1, _CHUNK_NUMBERS // vectors.shape[1])
        columns = []
        for target in vectors:
            alone = in_double(target[None])
            parts = (in_double(part) for part in vectors.split(width))
            values = [measure.function(part, alone.expand_as(part)).cpu() for part in parts]
            columns.append(torch.cat(values))
        return torch.stack(columns, dim=1).double().apply_(measure.in_null)


def relative_l2(pairs: AllPairs) -> Tensor:
    """The relative ℓ₂ distance of all pairs, P×P."""
    noise = pairs.distances
    return torch.where(noise == 0, 0.0, noise / pairs.norms)


def cosine(pairs: AllPairs) -> Tensor:
    """The cosine of all pairs, P×P; nan where one is zero."""
    return _normalised(pairs.products)


def pearson_r2(pairs: AllPairs) -> Tensor:
    """The square of Pearson's correlation of all pairs, P×P; nan where one is constant."""
    return _normalised(pairs.covariances).square()


def spearman(pairs: AllPairs) -> Tensor:
    """Spearman's correlation of all pairs, of the `ranked_part`, P×P; nan where one is constant."""
    vectors = ranked_part(pairs.vectors)
    rows = max(1, _CHUNK_NUMBERS // vectors.shape[1])  # sorting takes much room
    ranks = torch.cat([average_ranks(part) for part in vectors.split(rows)])
    return _normalised(AllPairs(ranks).covariances)


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


def _normalised(products: Tensor) -> Tensor:
    """Inner products P×P divided by the lengths of both sides."""
    lengths = products.diagonal().sqrt()
    return (products / torch.outer(lengths, lengths)).clamp(-1, 1)
