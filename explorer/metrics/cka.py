"""Linear CKA: how alike two representations of one set of images are, up to rotation and scale.

With few images and many features CKA is high for anything, so compare it with `cka_by_chance`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from explorer.metrics.invariance import FEWEST_IMAGES
from explorer.metrics.representation import in_double

MOST_PAIRINGS = 64

_CHUNK_NUMBERS = 2**24


def linear_cka(representation_a: Tensor, representation_b: Tensor) -> float:
    """Linear CKA in [0, 1] of two representations N×… of the same N images, in the same order.

    With X (N×D₁) and Y (N×D₂) flattened and every feature centred over the images,
    ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖), Frobenius norms; with K = XXᵀ and L = YYᵀ that is ⟨K, L⟩ / (‖K‖·‖L‖).
    The second form is used where there are fewer images than features. Symmetric; unchanged by
    orthogonal maps, scaling and shifts of either one. In float64. Source: Kornblith, Norouzi, Lee &
    Hinton 2019, section 3.

    Raises ValueError for another number of images on either side, for fewer than FEWEST_IMAGES (two
    images always give 1), for values that are not finite, and for a representation that is the same
    for every image.
    """
    a, b = _pair(representation_a, representation_b)
    if max(a.shape[1], b.shape[1]) <= len(a):
        x, y = (torch.cat(list(_centred(each)), dim=1) for each in (a, b))
        alike = (y.T @ x).square().sum()
        own = (x.T @ x).norm() * (y.T @ y).norm()
    else:
        k, l_ = _gram(a), _gram(b)
        alike, own = (k * l_).sum(), k.norm() * l_.norm()
    return min(float(alike / own), 1.0)


def cka_by_chance(representation_a: Tensor, representation_b: Tensor) -> float:
    """The mean linear CKA when the images of one side are paired with wrong ones of the other.

    Wrong pairings are the cyclic shifts of the order, all N − 1 of them or MOST_PAIRINGS spread
    evenly. Representations and errors as in `linear_cka`; holds two N×N matrices.
    """
    a, b = _pair(representation_a, representation_b)
    k, l_ = _gram(a), _gram(b)
    shifts = torch.linspace(1, len(a) - 1, min(len(a) - 1, MOST_PAIRINGS)).round().int().tolist()
    alike = sum(float((k * l_.roll((shift, shift), (0, 1))).sum()) for shift in shifts)
    return min(alike / len(shifts) / float(k.norm() * l_.norm()), 1.0)


def _pair(representation_a: Tensor, representation_b: Tensor) -> tuple[Tensor, Tensor]:
    shape, other = tuple(representation_a.shape), tuple(representation_b.shape)
    if min(len(shape), len(other)) < 2 or 0 in (*shape, *other):
        raise ValueError(f"representations are N×…, one row per image, not {shape} and {other}")
    if shape[0] != other[0]:
        raise ValueError(
            f"CKA compares representations of the same images, not of {shape[0]} and {other[0]}"
        )
    if shape[0] < FEWEST_IMAGES:
        raise ValueError(f"CKA needs at least {FEWEST_IMAGES} images, not {shape[0]}")
    flat = representation_a.flatten(1), representation_b.flatten(1).to(representation_a.device)
    for which, each in zip(("first", "second"), flat, strict=True):
        if not bool(each.isfinite().all()):
            raise ValueError(f"the {which} representation holds values that are not finite")
        spread = (each.amax(0) - each.amin(0)).amax()
        if spread <= 8 * torch.finfo(each.dtype).eps * each.abs().amax():
            raise ValueError(
                f"the {which} representation is the same for every image, so CKA is undefined"
            )
    return flat


def _centred(flat: Tensor) -> Iterator[Tensor]:
    """The columns of an N×D tensor in float64, each with mean 0, a chunk of them at a time."""
    for chunk in flat.split(max(1, _CHUNK_NUMBERS // len(flat)), dim=1):
        columns = in_double(chunk)
        yield columns - columns.mean(0)


def _gram(flat: Tensor) -> Tensor:
    """The N×N inner products of the centred rows."""
    gram = torch.zeros(len(flat), len(flat), dtype=torch.float64, device=flat.device)
    for columns in _centred(flat):
        gram += columns @ columns.T
    return gram
