"""The measures of representations that there are: one record each, with its function (no torch).

Matches, nulls, layer profiles, plots and the choices on the page hold every measure of a pair that
is registered here. To add one, write its function and its record in a file of its own, with torch
imported in the function only, and register it at the end of this one:

    REPRESENTATION_MEASURES.register_from("explorer.metrics.chebyshev:CHEBYSHEV")

What decides the verdict is stated in `explorer.metrics.match.beyond_null`.
"""

from __future__ import annotations

from explorer.metrics.representation_measure import (
    PairMeasure,
    RepresentationMeasure,
    SetMeasure,
    deferred,
)
from explorer.registry import Registry


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
