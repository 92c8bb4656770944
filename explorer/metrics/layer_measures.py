"""The measures of representations that there are, as data (no torch).

Those of a pair are computed by `explorer.metrics.representation`, those of a set of images by
`explorer.metrics.cka` and `explorer.metrics.stir`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class LayerMeasure:
    """One measure of two representations, or of those of a whole set of images.

    formula: a and b are the representations of image and target, flattened. nearer, range: as of
    `explorer.metrics.registry.Measure`. of: whether it compares the representations of one pair of
    images or those of a set. null: its name in the null distribution, "" where it has none there.
    """

    name: str
    title: str
    formula: str
    nearer: Literal["higher", "lower"]
    range: tuple[float | None, float | None]
    source: str
    of: Literal["pair", "set"] = "pair"
    differentiable: bool = True
    null: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for `python -m explorer measures --json`."""
        return {
            "name": self.name,
            "kind": "representation" if self.of == "pair" else "representations of a set",
            "title": self.title,
            "says": self.formula,
            "nearer": self.nearer,
            "range": list(self.range),
            "source": self.source,
            "needs_download": False,
            "differentiable": self.differentiable,
        }


LAYER_MEASURES: dict[str, LayerMeasure] = {
    measure.name: measure
    for measure in (
        LayerMeasure(
            name="relative_l2",
            title="relative distance",
            formula="‖a − b‖₂ / ‖b‖₂",
            nearer="lower",
            range=(0.0, None),
            source="Nanda et al. 2023, the regularizer-free loss",
            null="relative_l2",
        ),
        LayerMeasure(
            name="cosine",
            title="cosine",
            formula="⟨a, b⟩ / (‖a‖₂·‖b‖₂)",
            nearer="higher",
            range=(-1.0, 1.0),
            source="the angle between the two; blind to their length",
            null="cosine",
        ),
        LayerMeasure(
            name="pearson",
            title="Pearson correlation",
            formula="cosine of a − mean(a) and b − mean(b)",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Feather et al. 2023, whose test of success uses its square",
            null="pearson_r2",
        ),
        LayerMeasure(
            name="spearman",
            title="Spearman correlation",
            formula="Pearson correlation of the ranks of a and b, ties sharing their mean rank",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Feather et al. 2023",
            differentiable=False,
            null="spearman",
        ),
        LayerMeasure(
            name="snr_db",
            title="signal to noise (dB)",
            formula="20·log₁₀(‖b‖₂ / ‖a − b‖₂)",
            nearer="higher",
            range=(-300.0, 300.0),
            source="Feather et al. 2023; their code prints half of it (10·log₁₀)",
            null="snr_db",
        ),
        LayerMeasure(
            name="cka",
            title="linear CKA",
            formula="⟨K, L⟩ / (‖K‖·‖L‖), K and L the inner products of the centred representations",
            nearer="higher",
            range=(0.0, 1.0),
            source="Kornblith, Norouzi, Lee & Hinton 2019",
            of="set",
        ),
        LayerMeasure(
            name="stir",
            title="STIR",
            formula="linear CKA of g₂(X) and g₂(X_r), X_r the IRIs of X for network 1",
            nearer="higher",
            range=(0.0, 1.0),
            source="Nanda et al. 2022",
            of="set",
        ),
    )
}

OF_A_PAIR = tuple(name for name, each in LAYER_MEASURES.items() if each.of == "pair")
