"""What people recognised in this network's metamers, under the layer ladder."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.analysis.people import (
    CITATION,
    MEASURED,
    SOURCE,
    Experiment,
    RecognitionCurve,
    recognition_of,
)
from explorer.app.naming import literal
from explorer.network_reference import NetworkReference
from explorer.plots.people import RecognitionPoint, recognition

NO_BAR = {"displayModeBar": False}
PHOTOGRAPHS = "photographs"


def show(network: NetworkReference | str, layers: Sequence[str]) -> None:
    """The published curve over the ladder's layers; nothing where network or layers have none.

    layers: of the ladder, from the image to the classes.
    """
    curve = recognition_of(network)
    tested = [name for name in layers if curve is not None and curve.layer_of(name) is not None]
    if curve is None or not tested:
        return
    st.subheader("What do people recognise?")
    st.plotly_chart(
        recognition(
            [(_name(each), _points(curve, each, layers)) for each in curve.experiments],
            [PHOTOGRAPHS, *layers],
            curve.chance,
        ),
        config=NO_BAR,
        key="people_curve",
        alt=f"Share of metamers of {curve.title} that people recognised, by layer: "
        + "; ".join(_in_words(curve, name) for name in tested),
    )
    st.caption(_reading(curve, tested))
    with st.expander("What was measured", icon=":material/groups:"):
        st.markdown(_measured(curve, layers))


def rungs(model: str, size: int | None = None) -> list[str]:
    """The layers of a network of which people were shown metamers; none for other networks.

    size: the input resolution in px, where it is not the network's own.
    """
    curve = recognition_of(NetworkReference(model, size=size))
    return [] if curve is None else list(curve.layers)


def _name(experiment: Experiment) -> str:
    return f"exp. {experiment.number}, n = {experiment.participants}"


def _points(
    curve: RecognitionCurve, experiment: Experiment, layers: Sequence[str]
) -> list[RecognitionPoint]:
    """The photographs themselves, then the layers of which metamers were shown."""
    own = experiment.photographs
    points = [RecognitionPoint(PHOTOGRAPHS, own.mean, own.standard_error, own.network)]
    for name in layers:
        layer = curve.layer_of(name)
        if layer is not None:
            row = experiment.layers[layer]
            points.append(RecognitionPoint(name, row.mean, row.standard_error, row.network))
    return points


def _in_words(curve: RecognitionCurve, name: str) -> str:
    layer = curve.layer_of(name) or name
    return f"{name} " + ", ".join(f"{each.layers[layer].mean:.0%}" for each in curve.experiments)


def _reading(curve: RecognitionCurve, tested: Sequence[str]) -> str:
    last = curve.experiments[0].layers[curve.layer_of(tested[-1]) or ""]
    return (
        f"Of metamers of `{tested[-1]}` people named {last.mean:.0%} right, the network "
        f"{last.network:.0%}; chance is 1 in 16. Bars are standard errors over participants."
    )


def _measured(curve: RecognitionCurve, layers: Sequence[str]) -> str:
    others = [name for name in curve.layers if not any(name == curve.layer_of(n) for n in layers)]
    lines = [
        MEASURED,
        "exp.: the visual experiment of the paper; n: its participants; dotted: the network's own "
        "answers to the same images.",
        f"The weights are the same as here: {literal(curve.ground)} {literal(curve.difference)}",
    ]
    if others:
        lines.append(f"They were shown metamers of {', '.join(f'`{n}`' for n in others)}, too.")
    lines.append(f"{literal(CITATION)}, [data]({SOURCE}).")
    return "\n\n".join(line.strip() for line in lines)
