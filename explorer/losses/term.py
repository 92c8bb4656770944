"""What a loss term is: one summand's record and function, and what that function may look at.

No torch at module level, so that pages and the command line can read the records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Distance = Callable[["Tensor", "Tensor"], "Tensor"]
"""A perceptual distance d(a, b): two batches N×3×H×W in [0, 1] → N values from 0 up."""

TermFunction = Callable[["TermInputs"], "Tensor"]
"""The value of a term for each of N samples, (N,), differentiable in the images."""


@dataclass(frozen=True)
class TermInputs:
    """All that a term may look at. Targets and seeds, and what belongs to them, take no gradient.

    images, targets, seeds: N×3×H×W in [0, 1], un-normalised. representation,
    target_representation: N×…, at the chosen layer. distance: the perceptual distance d of
    adversarial losses, None for other losses.
    """

    images: Tensor
    representation: Tensor
    target_representation: Tensor
    targets: Tensor
    seeds: Tensor
    distance: Distance | None = None

    @property
    def offset(self) -> Tensor:
        """(g(x) − g(x_t)) / ‖g(x_t)‖₂, N×D, in the network's precision."""
        from torch.linalg import vector_norm

        target = self.target_representation.flatten(1)
        norm = vector_norm(target, dim=1, keepdim=True).clamp_min(1e-12)
        return (self.representation.flatten(1) - target) / norm

    def distance_to(self, others: Tensor) -> Tensor:
        """d(x, others), (N,); ValueError where the loss was given no perceptual distance."""
        if self.distance is None:
            raise ValueError("an adversarial loss needs a perceptual distance as its adversary")
        return self.distance(self.images, others)


@dataclass(frozen=True)
class LossTerm:
    """One term that losses are made of, as data.

    name: in requests, links (`w-NAME`) and `--weight NAME=SIZE`. symbol: how formulae write it; x
    is the image, x_t the target, x_0 the seed. label: its weight's label on the page. help: what
    the term asks for, one plain sentence. repels: the term is subtracted, so that a weight pushes
    the image away. uses_distance: it needs a perceptual distance d, the adversary.
    """

    name: str
    symbol: str
    label: str
    help: str
    function: TermFunction = field(repr=False)
    repels: bool = False
    uses_distance: bool = False

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer losses --json`."""
        return {
            "name": self.name,
            "symbol": self.symbol,
            "label": self.label,
            "help": self.help,
            "repels": self.repels,
            "uses_distance": self.uses_distance,
        }


@dataclass(frozen=True)
class RepresentationComparison:
    """One way in which the representation term compares g(x) with g(x_t), as data.

    formula: how formulae write it. needs_map: the layer must give channels at several places,
    C×H×W or T×C. is_norm: it is a norm of a difference, whose minimum 0 is a kink.
    """

    name: str
    title: str
    formula: str
    help: str
    function: TermFunction = field(repr=False)
    needs_map: bool = False
    is_norm: bool = False

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "title": self.title,
            "formula": self.formula,
            "help": self.help,
            "needs_map": self.needs_map,
            "is_norm": self.is_norm,
        }
