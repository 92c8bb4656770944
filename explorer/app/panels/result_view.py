"""A finished result: pictures, the two verdicts, plots, downloads, and how it was made."""

from __future__ import annotations

import json

import streamlit as st

from explorer.app import session
from explorer.app.components.deferred import is_painted
from explorer.app.components.pictures import Shown, show_pictures
from explorer.app.naming import command, network_title, picture_title, said
from explorer.app.panels.network_plots import show_classes, show_layers, show_null, show_other
from explorer.app.panels.pending_view import ask_to_make
from explorer.app.panels.seed_runs import show_tried
from explorer.app.panels.verdicts import how_it_ended, matched, show_verdicts
from explorer.metrics.perceptual import MEASURES, why_it_judges
from explorer.plots.match import falling_curve
from explorer.plots.perception import leaning
from explorer.request import RNG_SEED_RANGE
from explorer.result import Result

NO_BAR = {"displayModeBar": False}
FRAMES_IN_STRIP = 8


def show(result: Result) -> None:
    """Everything about one result, the most important first."""
    show_pictures(_pictures(result), compare=True, key="pictures")
    show_verdicts(result)
    _again(result)
    if _is_random(result.request.seed):
        show_tried(result)
    _details(result)


@st.fragment
def _details(result: Result) -> None:
    if not is_painted(result.request.key):
        return
    _plots(result)
    _take_away(result)
    _provenance(result)
    session.engine().start()


def _pictures(result: Result) -> list[Shown]:
    request = result.request
    seed, target = picture_title(request.seed), picture_title(request.target)
    size = f"{result.iri.shape[2]}×{result.iri.shape[1]} px"
    return [
        Shown(result.seed_png, "Seed", seed, f"Seed, where the IRI started: {seed}", "seed"),
        Shown(
            result.iri_png,
            "IRI",
            f"{network_title(request.model)}, {request.layer}, {size}",
            f"IRI: the picture that the network should take for {target}",
            "iri",
        ),
        Shown(result.target_png, "Target", target, f"Target: {target}", "target"),
    ]


def _again(result: Result) -> None:
    st.button(
        "Again from other noise" if result.request.seed != "white" else "Again",
        icon=":material/casino:",
        key="again",
        on_click=_next_random_number,
        args=(result.request.rng_seed,),
        help="Make it once more with the next random number: does the conclusion hang on the seed?",
        disabled=not _is_random(result.request.seed),
    )


def _is_random(seed: str) -> bool:
    return seed.endswith("noise") or seed == "uniform"


def _next_random_number(now: int) -> None:
    st.session_state["rng"] = 0 if now >= RNG_SEED_RANGE[1] else now + 1
    ask_to_make()


def _plots(result: Result) -> None:
    network, person = st.columns(2, gap="large")
    with network:
        show_null(result)
        show_layers(result, matched(result))
        show_classes(result)
        show_other(result)
    with person:
        _perception(result)
        _curve(result)


def _perception(result: Result) -> None:
    titles = {name: measure.title for name, measure in MEASURES.items()}
    st.subheader("Nearer the target or the seed?")
    st.plotly_chart(
        leaning(result.perceptual, titles),
        config=NO_BAR,
        key="perception",
        alt="For each perceptual measure, whether the IRI is nearer its target or its seed",
    )
    st.caption(
        "A bar to the right: nearer the target. Striped bars may not judge: the loss used the "
        "measure or its network, it rests on a relative of this network, or it nearly repeats "
        "another one."
    )
    with st.expander("The numbers, and what each measure looks at"):
        # A real table: it needs no data frames, and a screen reader reads it.
        rows = [_row(row) for row in result.perceptual]
        lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _row(row: dict) -> dict[str, str]:
    measure = MEASURES[row["measure"]]
    values = {
        title: "–" if row[name] is None else f"{row[name]:.3f}"
        for title, name in (
            ("to target", "to_target"),
            ("to seed", "to_seed"),
            ("to a wrong target", "to_mismatched"),
        )
    }
    return {
        "measure": measure.title,
        **values,
        "nearer is": row["nearer"],
        "judges": why_it_judges(row) if row["to_target"] is not None else "–",
        "what it looks at": row["reason"] or measure.sees,
    }


def _curve(result: Result) -> None:
    curves = result.curves
    st.subheader("How did it get there?")
    st.plotly_chart(
        falling_curve(
            curves["step"],
            curves["relative_l2"],
            result.request.goal,
            result.match["null"]["relative_l2"]["quantiles"]["min"],
        ),
        config=NO_BAR,
        key="curve",
        alt="Relative distance at the layer over the steps",
    )
    st.caption(
        f"{result.provenance['steps']:,} steps in {result.provenance['seconds_making']:.1f} s. "
        f"{how_it_ended(result)}"
    )
    frames = [frame for frame in result.frames if frame[0] > 0][-FRAMES_IN_STRIP:]
    show_pictures(
        [
            Shown(png, f"{step:,}", "", f"The image after {step:,} steps", "frame")
            for step, png in frames
        ],
        key="frames",
    )


def _take_away(result: Result) -> None:
    name = f"iri-{result.request.key[:10]}"
    st.subheader("Take it with you")
    with st.container(horizontal=True):
        st.download_button(
            "IRI as PNG",
            result.iri_png,
            f"{name}.png",
            "image/png",
            on_click="ignore",
            icon=":material/image:",
            key="png",
        )
        st.download_button(
            "Everything (zip)",
            result.to_bytes,
            f"{name}.zip",
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key="zip",
            help="Pictures, the float32 image, key frames, curves, measures and versions.",
        )
    st.caption("The address of this page is a link to this result. On the command line:")
    st.code(command(result.request), language="bash", wrap_lines=True)


def _provenance(result: Result) -> None:
    made = result.provenance
    with st.expander("How it was made"):
        st.markdown(said(result.request))
        st.markdown(
            f"Optimiser: {made['optimiser']['help']}. Best step: {made['best_step']:,}. "
            f"Device: {made['device']}. Making {made['seconds_making']:.1f} s, measuring "
            f"{made['seconds_measuring']:.1f} s."
        )
        versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
        st.markdown(f"Versions: {versions}.")
        st.json(json.dumps({"key": result.request.key, **result.request.to_dict()}), expanded=False)
