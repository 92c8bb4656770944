"""How far apart two representations are: relative ℓ₂, cosine, Pearson, Spearman, SNR, per sample.

Every function takes two tensors of one shape, N×…, flattens each sample, works in float64 (a
layer may hold a million numbers) and returns N float64 values. What is known of each is in
`explorer.metrics.representation_measures`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from explorer.metrics.representation_measures import pair_measures

SNR_CAP_DB = 300.0

FEWEST_CORRELATED = 3
"""Numbers of a representation; the correlation of two pairs of numbers is always 1 or −1."""

MOST_RANKED = 2**16
"""Numbers of a representation that are ranked for Spearman's correlation in a match and the null:
sorting all of a photo network's larger layers would take longer than everything else. Of n numbers
drawn from a layer the correlation is within about 2·(1 − ρ²)/√n of that of all: at most 0.008 here.
"""


def all_measures(
    representation: Tensor, target_representation: Tensor, most_ranked: int = MOST_RANKED
) -> dict[str, Tensor]:
    """Every registered measure of a pair by name, N values each, from one conversion to float64.

    Measures that rank see at most `most_ranked` of the numbers, those of `ranked_part`.
    """
    a, b = _pair(representation, target_representation)
    part = ranked_part(a, most_ranked), ranked_part(b, most_ranked)
    return {
        name: measure.function(*(part if measure.ranks else (a, b)))
        for name, measure in pair_measures().items()
    }


def relative_l2(representation: Tensor, target_representation: Tensor) -> Tensor:
    """‖a − b‖₂ / ‖b‖₂ per sample, N values in [0, ∞); b is the target's representation.

    Two zero vectors give 0; anything else against a zero target gives infinity. Source: Nanda et
    al. 2023, the regularizer-free loss.
    """
    a, b = _pair(representation, target_representation)
    noise = _norm(a - b)
    return torch.where(noise == 0, torch.zeros_like(noise), noise / _norm(b))


def cosine(representation: Tensor, target_representation: Tensor) -> Tensor:
    """⟨a, b⟩ / (‖a‖₂·‖b‖₂) per sample, N values in [−1, 1]; nan where either one is zero."""
    a, b = _pair(representation, target_representation)
    return ((a * b).sum(1) / (_norm(a) * _norm(b))).clamp(-1, 1)


def pearson(representation: Tensor, target_representation: Tensor) -> Tensor:
    """Pearson's correlation per sample, N values in [−1, 1].

    nan where either one is constant, or holds fewer than FEWEST_CORRELATED numbers.
    """
    return _correlation(*_pair(representation, target_representation))


def spearman(representation: Tensor, target_representation: Tensor) -> Tensor:
    """Spearman's rank correlation per sample, N values in [−1, 1]; ties share their mean rank.

    nan where either one is constant, holds a nan, or fewer than FEWEST_CORRELATED numbers.
    """
    a, b = _pair(representation, target_representation)
    undefined = (a.isnan() | b.isnan()).any(dim=1)
    return _correlation(average_ranks(a), average_ranks(b)).masked_fill(undefined, torch.nan)


def snr_db(representation: Tensor, target_representation: Tensor) -> Tensor:
    """20·log₁₀(‖b‖₂ / ‖b − a‖₂) per sample, N values in dB; b is the target's representation.

    A relative distance of 0.1 is 20 dB. (The code published with Feather et al. 2023 takes 10·log₁₀
    of the same ratio, so it prints half of this.) Capped at ±SNR_CAP_DB: identical vectors give the
    upper cap, anything else against a zero target the lower one.
    """
    a, b = _pair(representation, target_representation)
    noise = _norm(a - b)
    decibels = 20 * (_norm(b).log10() - noise.log10())
    return decibels.masked_fill(noise == 0, SNR_CAP_DB).clamp(-SNR_CAP_DB, SNR_CAP_DB)


def average_ranks(vectors: Tensor) -> Tensor:
    """Ranks 1 … D of each row, N×D float64; equal values share the mean of their ranks."""
    ordered, order = vectors.sort(dim=1)
    count = ordered.shape[1]
    opens = torch.ones_like(ordered, dtype=torch.bool)
    opens[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    firsts = opens.flatten().nonzero().flatten()
    ties = torch.diff(firsts, append=firsts.new_tensor([ordered.numel()]))
    shared = firsts % count + (ties + 1).double() / 2
    ranks = torch.empty(vectors.shape, dtype=torch.float64, device=vectors.device)
    return ranks.scatter_(1, order, shared.repeat_interleave(ties).view(order.shape))


def in_double(representation: Tensor) -> Tensor:
    """N×… → N×D in float64, on the same device unless that one has no float64."""
    flat = representation.flatten(1)
    return (flat.cpu() if flat.device.type == "mps" else flat).double()


def _pair(representation: Tensor, target_representation: Tensor) -> tuple[Tensor, Tensor]:
    mine, other = tuple(representation.shape), tuple(target_representation.shape)
    if mine != other:
        raise ValueError(f"the representations differ in shape: {mine} and {other}")
    if len(mine) < 2:
        raise ValueError(f"representations are N×…, one row per image; this one is {mine}")
    return in_double(representation), in_double(target_representation)


def ranked_part(vectors: Tensor, most: int = MOST_RANKED) -> Tensor:
    """N×D → the at most `most` of the D numbers that are ranked: the same ones for one D.

    So a match and the null that judges it are ranked by the same units.
    """
    if vectors.shape[1] <= most:
        return vectors
    return vectors[:, _places(vectors.shape[1], most).to(vectors.device)]


@lru_cache(maxsize=64)
def _places(numbers: int, drawn: int) -> Tensor:
    """One place of each of `drawn` equal stretches of 0 … numbers − 1, always the same ones."""
    edges = torch.arange(drawn + 1) * numbers // drawn
    generator = torch.Generator().manual_seed(0)
    share = torch.rand(drawn, dtype=torch.float64, generator=generator)
    return edges[:-1] + (share * edges.diff()).long()


def _norm(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors, dim=1)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    # Rounding in the mean leaves a constant vector a little uneven: ask it before centring.
    constant = (a.amax(1) == a.amin(1)) | (b.amax(1) == b.amin(1))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    correlation = (a * b).sum(1) / (_norm(a) * _norm(b))
    undefined = constant | (a.shape[1] < FEWEST_CORRELATED)
    return correlation.clamp(-1, 1).masked_fill(undefined, torch.nan)
