"""The measures of representations that there are: one record each, with its function (no torch).

Matches, nulls, layer profiles, plots and the choices on the page hold every measure of a pair that
is registered here. To add one, write its function and its record in a file of its own and register
it below. What decides the verdict is stated in `explorer.metrics.match.beyond_null`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.registry import Registry

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


def _squared(value: float) -> float:
    return value**2


REPRESENTATION_MEASURES: Registry[RepresentationMeasure] = Registry(
    "representation measure",
    "measure",
    (
        PairMeasure(
            name="relative_l2",
            title="relative distance",
            formula="‖a − b‖₂ / ‖b‖₂",
            nearer="lower",
            range=(0.0, None),
            source="Nanda et al. 2023, the regularizer-free loss",
            function=deferred("representation", "relative_l2"),
            null="relative_l2",
            of_all_pairs=deferred("null_distribution", "relative_l2"),
        ),
        PairMeasure(
            name="cosine",
            title="cosine",
            formula="⟨a, b⟩ / (‖a‖₂·‖b‖₂)",
            nearer="higher",
            range=(-1.0, 1.0),
            source="the angle between the two; blind to their length",
            function=deferred("representation", "cosine"),
            null="cosine",
            of_all_pairs=deferred("null_distribution", "cosine"),
        ),
        PairMeasure(
            name="pearson",
            title="Pearson correlation",
            formula="cosine of a − mean(a) and b − mean(b)",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Feather et al. 2023, whose test of success uses its square",
            function=deferred("representation", "pearson"),
            null="pearson_r2",
            in_null=_squared,
            of_all_pairs=deferred("null_distribution", "pearson_r2"),
        ),
        PairMeasure(
            name="spearman",
            title="Spearman correlation",
            formula="Pearson correlation of the ranks of a and b, ties sharing their mean rank",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Feather et al. 2023",
            differentiable=False,
            function=deferred("representation", "spearman"),
            null="spearman",
            of_all_pairs=deferred("null_distribution", "spearman"),
            ranks=True,
        ),
        PairMeasure(
            name="snr_db",
            title="signal to noise (dB)",
            formula="20·log₁₀(‖b‖₂ / ‖a − b‖₂)",
            nearer="higher",
            range=(-300.0, 300.0),
            source="Feather et al. 2023; their code prints half of it (10·log₁₀)",
            function=deferred("representation", "snr_db"),
            null="snr_db",
            of_all_pairs=deferred("null_distribution", "snr_db"),
        ),
        SetMeasure(
            name="cka",
            title="linear CKA",
            formula="⟨K, L⟩ / (‖K‖·‖L‖), K and L the inner products of the centred representations",
            nearer="higher",
            range=(0.0, 1.0),
            source="Kornblith, Norouzi, Lee & Hinton 2019",
            function=deferred("cka", "linear_cka"),
        ),
        SetMeasure(
            name="stir",
            title="STIR",
            formula="linear CKA of g₂(X) and g₂(X_r), X_r the IRIs of X for network 1",
            nearer="higher",
            range=(0.0, 1.0),
            source="Nanda et al. 2022",
            function=deferred("stir", "stir"),
        ),
    ),
)


def pair_measures() -> dict[str, PairMeasure]:
    """The measures of a pair by name, in the order in which they were registered."""
    return {
        name: each
        for name, each in REPRESENTATION_MEASURES.items()
        if isinstance(each, PairMeasure)
    }
