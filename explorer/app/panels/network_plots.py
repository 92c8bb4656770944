"""The first question in figures: how near is near, at which layer, and to another network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from explorer.app.naming import code, literal, number
from explorer.metrics import no_match
from explorer.metrics.match import LayerComparison, Match
from explorer.metrics.null import Distribution
from explorer.metrics.representation_measure import PairMeasure
from explorer.metrics.representation_measures import pair_measures
from explorer.models import layer_expression
from explorer.models.layer_expression import LayerExpression
from explorer.plots.match import layer_profile, null_histogram
from explorer.result import Result

if TYPE_CHECKING:
    pass

NO_BAR = {"displayModeBar": False}


def show_null(result: Result) -> None:
    """How alike unrelated images are, and the IRI and its target among them."""
    null = result.null
    st.subheader("How near is near?")
    measure = _choose_measure(
        "null_by", [each for each in pair_measures().values() if each.null in null.distributions]
    )
    distribution = null.distributions[measure.null]
    measured = result.match.values.get(measure.name)
    if measured is None or not distribution.n:
        st.caption(
            "It is undefined here: a representation is constant or zero, or it holds fewer than "
            "three numbers, which have no correlation."
        )
        return
    value = measure.in_null(measured)
    st.plotly_chart(
        null_histogram(distribution, value, measure.title_in_null),
        config=NO_BAR,
        key="null",
        alt=f"{measure.title_in_null} of unrelated images, {distribution.min:.2f} to "
        f"{distribution.max:.2f}; of the IRI and its target it is {value:.3f}",
    )
    st.caption(
        f"{_compared_with_null(measure, value, distribution)}{_verdict_differs(result, measure)}"
    )
    low, middle, high = (f"{distribution.quantiles[name]:.3g}" for name in ("q05", "q50", "q95"))
    source = (
        f" They are {null.n_pairs:,} ordered pairs of {literal(null.source)}."
        if null.source
        else ""
    )
    st.caption(f"Half of the pairs are below {middle}; 5 % below {low}, 5 % above {high}.{source}")


def _choose_measure(key: str, measures: Sequence[PairMeasure]) -> PairMeasure:
    by_name = {each.name: each for each in measures}
    name = st.selectbox(
        "Measured by",
        list(by_name),
        key=key,
        format_func=lambda name: by_name[name].title,
        help="Of the IRI's representation a and the target's, b.\n\n"
        + "\n\n".join(f"**{each.title}**: {each.formula}" for each in measures),
    )
    return by_name[name]


def _compared_with_null(measure: PairMeasure, value: float, distribution: Distribution) -> str:
    if measure.nearer == "lower" and value < distribution.min:
        return (
            f"The IRI is {distribution.min / max(value, 1e-9):.0f} times nearer to its target than "
            f"the most alike of {distribution.n:,} pairs of unrelated images."
        )
    if measure.nearer == "higher" and value > distribution.max:
        return (
            f"IRI and target are more alike than any of {distribution.n:,} pairs of unrelated "
            f"images, of which the most alike reach {distribution.max:.3f}."
        )
    return "Some unrelated images are as near to each other as the IRI to its target."


def _verdict_differs(result: Result, measure: PairMeasure) -> str:
    """What the verdict says where this measure alone would say something else; else nothing."""
    value, distribution = result.match.values[measure.name], result.null.distributions[measure.null]
    if value is None:
        return ""
    in_null = measure.in_null(value)
    lower = measure.nearer == "lower"
    nearer = in_null < distribution.min if lower else in_null > distribution.max
    if nearer and not result.matched:
        failed = [*map(no_match.title, no_match.failed_measures(result.match, result.null))]
        why = f": no match by {' and '.join(failed)}" if failed else ""
        return f" That is not enough for the verdict above{why}."
    if not nearer and result.match.beyond_null:
        return " The verdict above does not depend on this: it is decided by other tests."
    return ""


def show_layers(result: Result) -> None:
    """What IRI and target have in common at every layer, of this network and of another one."""
    st.subheader("Where do the images become the same?")
    measure = _choose_measure("layers_by", measures_of(result.layers))
    layer_plot(result.layers, measure, result.request.layer, "matched here", "layers", result.match)
    distances = [each.values.get("relative_l2") for each in result.layers]
    known = [distance for distance in distances if distance is not None]
    names = [each.name for each in result.layers]
    expression = layer_expression.parse(result.request.layer, names.__contains__)
    if known and expression.is_whole_layer:
        st.caption(_distances(result, max(known)))
    elif not expression.is_whole_layer:
        st.caption(_matched_there(expression))
    if measure.name == "relative_l2" and 0 in distances:
        st.caption(
            "A triangle at the bottom is a distance of exactly 0: the layer gives the same numbers "
            "for both images, perhaps nothing but zeros."
        )
    if measure.ranks and any(each.ranked is not None for each in result.layers):
        st.caption(
            "The largest layers hold too many numbers to rank them all; there, this correlation is "
            "that of a sample of them."
        )


def _distances(result: Result, largest: float) -> str:
    """By how much the images differ at any layer, at the matched one and after it."""
    names = [each.name for each in result.layers]
    layer = result.request.layer
    after = result.layers[names.index(layer) + 1 :] if layer in names else ()
    distances = [each.values.get("relative_l2") for each in after]
    later = [distance for distance in distances if distance is not None]
    text = (
        "Each layer, from the image to the classes. The images differ by up to "
        f"{largest:.3g} in relative distance at a layer, and by "
        f"{number(result.match.relative_l2)} at the matched one"
    )
    return f"{text}, after it by up to {max(later):.3g}." if later else f"{text}."


def _matched_there(expression: LayerExpression) -> str:
    """What the dots of several layers or of parts of layers stand for."""
    if all(place.part is None for place, _ in expression.terms):
        return (
            "Each layer, from the image to the classes. Several layers were matched together, "
            f"{code(expression.title)}; the orange dots are what each of them has come to by "
            "itself."
        )
    dots = "The orange dot is that part alone"
    if expression.single is None:
        dots = "The orange dots are all that was matched, taken together"
    return (
        f"Only {code(expression.title)} was matched. {dots}; the grey points are whole layers. The "
        "rest of a layer was not asked to become the same, so it may differ there and in the "
        "layers after it."
    )


def measures_of(layers: Sequence[LayerComparison]) -> list[PairMeasure]:
    """The measures that these layers hold; older results have the relative distance alone."""
    return [each for name, each in pair_measures().items() if name in layers[0].values]


def layer_plot(
    layers: Sequence[LayerComparison],
    measure: PairMeasure,
    layer: str,
    mark: str,
    key: str,
    match: Match,
) -> None:
    """A measure at every layer; `layer` is marked, `mark` says as what. key: of the chart."""
    st.plotly_chart(
        layer_profile(layers, measure, layer, mark, match.values.get(measure.name)),
        config=NO_BAR,
        key=key,
        alt=f"{measure.title} of IRI and target at {len(layers)} layers; {mark}: "
        f"{layer_expression.title(layer)}",
    )


def show_classes(result: Result) -> None:
    """What the network calls target and IRI, the three likeliest names of each."""
    if not result.match.target_top:
        return
    st.subheader("What does the network call them?")
    st.markdown(classes_table(result.match))


def classes_table(match: Match) -> str:
    """The three likeliest classes of target and IRI, as a Markdown table."""
    lines = ["| | likeliest | second | third |", "| --- | --- | --- | --- |"]
    for title, predictions in (("target", match.target_top), ("IRI", match.iri_top)):
        cells = [f"{literal(each.name)} {each.probability:.0%}" for each in predictions]
        cells += ["–"] * (3 - len(cells))
        lines.append(f"| **{title}** | {' | '.join(cells[:3])} |")
    return "\n".join(lines)
