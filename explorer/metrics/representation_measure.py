"""The record of a measure of representations, of a pair of them or of a whole set (no torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.metrics.null_distribution import AllPairs


def deferred(module: str, name: str) -> Callable[..., Any]:
    """`name` of a sibling module, which is imported when it is first called."""

    def function(*arguments: Any) -> Any:
        return getattr(import_module(f"explorer.metrics.{module}"), name)(*arguments)

    return function


def unchanged(value: float) -> float:
    """The value itself."""
    return value


@dataclass(frozen=True, kw_only=True)
class RepresentationMeasure:
    """What is known of a measure of representations.

    formula: a and b are the representations of image and target, flattened. nearer: whether a
    higher or a lower value means more alike. range: smallest and largest value, None for no bound.
    """

    kind: ClassVar[str]

    name: str
    title: str
    formula: str
    nearer: Literal["higher", "lower"]
    range: tuple[float | None, float | None]
    source: str
    differentiable: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for `measures --json`."""
        return {
            "name": self.name,
            "kind": self.kind,
            "title": self.title,
            "says": self.formula,
            "formula": self.formula,
            "nearer": self.nearer,
            "range": list(self.range),
            "source": self.source,
            "needs_download": False,
            "differentiable": self.differentiable,
        }


@dataclass(frozen=True, kw_only=True)
class PairMeasure(RepresentationMeasure):
    """A measure of the representations of an image and its target.

    function: two tensors N×…, float64 → N values, nan where undefined; the second is the target's.
    null: its name in the null distribution, "" to leave it out. in_null: its value as the null
    holds it. of_all_pairs: P×P values of P pictures at once, where that is faster than `function`
    for each pair; row i, column j is picture i with target j. ranks: it sorts the numbers, so that
    of a very large layer only a part of them is taken.
    """

    kind: ClassVar[str] = "representation"

    function: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    null: str = ""
    in_null: Callable[[float], float] = field(default=unchanged, repr=False)
    of_all_pairs: Callable[[AllPairs], Tensor] | None = field(default=None, repr=False)
    ranks: bool = False

    @property
    def title_in_null(self) -> str:
        """What the null's distribution is called."""
        return self.title if self.in_null is unchanged else f"{self.title}, squared"


@dataclass(frozen=True, kw_only=True)
class SetMeasure(RepresentationMeasure):
    """A measure of the representations of a whole set of images.

    function: see `explorer.metrics.cka.linear_cka` and `explorer.metrics.stir.stir`.
    """

    kind: ClassVar[str] = "representations of a set"

    function: Callable[..., Any] = field(repr=False)
