"""The first question in figures: how near is near, at which layer, and to another network."""

from __future__ import annotations

import streamlit as st

from explorer import validation
from explorer.app import session
from explorer.app.naming import network_title, number
from explorer.jobs import work
from explorer.metrics.layer_measures import LAYER_MEASURES, OF_A_PAIR, LayerMeasure
from explorer.models import catalogue
from explorer.plots.match import by_layer, null_histogram
from explorer.request import RequestError
from explorer.result import Result

NO_BAR = {"displayModeBar": False}
NOBODY = "nobody"


def show_null(result: Result) -> None:
    """How alike unrelated pictures are, and the IRI and its target among them."""
    null = result.match["null"]
    st.subheader("How near is near?")
    measure = _measure("null_by", [name for name in OF_A_PAIR if LAYER_MEASURES[name].null in null])
    spread = null[measure.null]
    value = _as_in_null(measure.name, result.match[measure.name])
    if value is None or not spread["n"]:
        st.caption("It is undefined here: a representation is constant or zero.")
        return
    title = measure.title if measure.name == measure.null else f"{measure.title}, squared"
    st.plotly_chart(
        null_histogram(spread["counts"], spread["edges"], value, null["n_pairs"], title),
        config=NO_BAR,
        key="null",
        alt=f"{title} of unrelated pictures, {spread['quantiles']['min']:.2f} to "
        f"{spread['quantiles']['max']:.2f}; of the IRI and its target it is {value:.3f}",
    )
    st.caption(_beside(measure.nearer, value, spread["quantiles"], null["n_pairs"]))
    low, middle, high = (f"{spread['quantiles'][name]:.3g}" for name in ("q05", "q50", "q95"))
    source = f" They are pairs of {null['source']}." if null.get("source") else ""
    st.caption(f"Half of the pairs lie below {middle}; 5 % below {low}, 5 % above {high}.{source}")


def _measure(key: str, names: list[str]) -> LayerMeasure:
    measures = [LAYER_MEASURES[name] for name in names]
    name = st.selectbox(
        "Measured by",
        names,
        key=key,
        format_func=lambda name: LAYER_MEASURES[name].title,
        help="Of the IRI's representation a and the target's, b.\n\n"
        + "\n\n".join(f"**{each.title}**: {each.formula}" for each in measures),
    )
    return LAYER_MEASURES[name]


def _as_in_null(name: str, value: float | None) -> float | None:
    squared = name == "pearson" and value is not None
    return value**2 if squared else value


def _beside(nearer: str, value: float, quantiles: dict[str, float], pairs: int) -> str:
    if nearer == "lower" and value < quantiles["min"]:
        return (
            f"The IRI is {quantiles['min'] / max(value, 1e-9):.0f} times nearer to its target than "
            f"the most alike of {pairs:,} pairs of unrelated pictures."
        )
    if nearer == "higher" and value > quantiles["max"]:
        return (
            f"IRI and target are more alike than any of {pairs:,} pairs of unrelated pictures, of "
            f"which the most alike reach {quantiles['max']:.3f}."
        )
    return "Some unrelated pictures are as near to each other as the IRI to its target."


def show_layers(result: Result, arrived: bool) -> None:
    """What IRI and target have in common at every layer, of this network and of another one."""
    st.subheader("Where do the pictures become the same?")
    # Results made before the other measures were kept hold the relative distance alone.
    measure = _measure("layers_by", [name for name in OF_A_PAIR if name in result.layers[0]])
    _layer_plot(result.layers, measure, result.request.layer, "matched here", "layers")
    known = [row["relative_l2"] for row in result.layers if row["relative_l2"] is not None]
    st.caption(
        f"At the first layers they differ (up to {max(known):.2f} in relative distance); at the "
        "matched layer, and after it, the network hardly tells them apart."
        if arrived and known
        else "Each layer, from the image to the classes."
    )
    if any("ranked" in row for row in result.layers):
        st.caption("At the largest layers, ranks are those of a part of the numbers.")


def _layer_plot(rows: list[dict], measure: LayerMeasure, layer: str, mark: str, key: str) -> None:
    st.plotly_chart(
        by_layer(
            [row["name"] for row in rows],
            [row[measure.name] for row in rows],
            layer,
            measure.title,
            logarithmic=measure.name == "relative_l2",
            mark=mark,
        ),
        config=NO_BAR,
        key=key,
        alt=f"{measure.title} of IRI and target at {len(rows)} layers; {mark}: {layer}",
    )


def show_classes(result: Result) -> None:
    """What the network calls target and IRI, the three likeliest names of each."""
    if not result.match["target_top"]:
        return
    st.subheader("What does the network call them?")
    st.markdown(_classes(result.match))


def _classes(match: dict) -> str:
    lines = ["| | likeliest | second | third |", "| --- | --- | --- | --- |"]
    for who, title in (("target_top", "target"), ("iri_top", "IRI")):
        cells = [
            f"{one['name'].replace('|', '&#124;')} {one['probability']:.0%}" for one in match[who]
        ]
        cells += ["–"] * (3 - len(cells))
        lines.append(f"| **{title}** | {' | '.join(cells[:3])} |")
    return "\n".join(lines)


def show_other(result: Result) -> None:
    """Another network, chosen here, looks at the same two pictures."""
    st.subheader("How does another network see it?")
    mine = result.request.model
    offered = (*catalogue.entries(), *_published())
    there = [entry.reference for entry in offered if entry.reference != mine]
    model = st.selectbox(
        "Ask another network",
        [NOBODY, *there],
        key="other_network",
        format_func=lambda name: "choose one …" if name == NOBODY else network_title(name),
        accept_new_options=True,
        help="It looks at this IRI and its target as they are in the PNG. Any of timm's networks "
        "works too: type its name.",
    )
    if model is None or model == NOBODY:
        return
    try:
        validation.refuse_file(model)
        eye = validation.observer(model)
    except RequestError as error:
        st.error(str(error), icon=":material/error:")
        return
    asked = session.remembered(f"{eye.key} sees {result.request.key}")
    if "answer" not in asked:
        asked["answer"] = session.engine().ask(work.compare, result.to_bytes(), eye.to_dict())
    if asked["answer"].done():
        _other(asked)
    else:
        _wait(asked)


def _published() -> tuple[catalogue.Entry, ...]:
    try:
        return catalogue.published()
    except RequestError:
        return ()  # the panel says what is wrong with the operator's list


def _other(asked: dict) -> None:
    try:
        found = asked["answer"].result()
    except (RequestError, RuntimeError, MemoryError) as error:
        st.error(getattr(error, "message", str(error)), icon=":material/error:")
        st.button("Try again", on_click=asked.clear, key="ask_other_again")
        return
    match, null = found["match"], found["match"]["null"]
    title = network_title(found["model"])
    near = match["null"]["relative_l2"]["quantiles"]
    st.markdown(
        f"**To {title}, at `{found['layer']}`, the same? {'Yes' if match['same'] else 'No'}.** "
        f"Relative distance {number(match['relative_l2'])}; the most alike of {null['n_pairs']:,} "
        f"pairs of unrelated pictures are {number(near['min'])} apart."
    )
    if match["target_top"]:
        st.markdown(_classes(match))
    measure = LAYER_MEASURES[st.session_state.get("layers_by", "relative_l2")]
    _layer_plot(found["layers"], measure, found["layer"], "judged here", "other_layers")
    st.caption(f"Measured by {measure.title}, as chosen above.")


@st.fragment(run_every=1.0)
def _wait(asked: dict) -> None:
    st.caption(":material/hourglass_top: the other network is looking …")
    if asked.get("answer") is None or asked["answer"].done():
        st.rerun()
