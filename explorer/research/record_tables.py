"""Markdown tables of the records: loss terms and variants, measures, seeds, noise targets."""

from __future__ import annotations

from explorer.images.noise_targets import NOISE_TARGETS
from explorer.images.seeds import SEED_KINDS
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS
from explorer.losses.variants import LOSSES, base_names
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.research.markdown import table


def loss_terms() -> str:
    """The terms that losses are made of."""
    return table(
        ("term", "formula", "asks for"),
        ((f"`{term.name}`", term.symbol, term.help) for term in TERMS.values()),
    )


def comparisons() -> str:
    """How the representation term may compare."""
    return table(
        ("comparison", "formula", "compares"),
        ((f"`{each.name}`", each.formula, each.help) for each in COMPARISONS.values()),
    )


def loss_variants() -> str:
    """The losses without suffixes."""
    losses = [LOSSES[name] for name in base_names()]
    return table(
        ("loss", "family", "formula", "what it asks for"),
        ((f"`{loss.name}`", loss.family, loss.formula, loss.help) for loss in losses),
    )


def perceptual_measures() -> str:
    """The perceptual measures, and which of them count in the verdict."""
    return table(
        ("measure", "what it compares", "nearer", "range", "least px", "counts", "source"),
        (
            (
                f"`{measure.name}`",
                measure.help,
                measure.nearer,
                " to ".join("∞" if end is None else f"{end:g}" for end in measure.range),
                measure.smallest,
                "no" if measure.redundant else "yes",
                measure.source,
            )
            for measure in PERCEPTUAL_MEASURES.values()
        ),
    )


def seed_kinds() -> str:
    """The seed images that are drawn by a formula."""
    return table(
        ("seed", "what it is"), ((f"`{kind.name}`", kind.help) for kind in SEED_KINDS.values())
    )


def noise_targets() -> str:
    """The targets that are drawn by a formula."""
    return table(
        ("target", "what it is"), ((f"`{kind.name}`", kind.help) for kind in NOISE_TARGETS.values())
    )
