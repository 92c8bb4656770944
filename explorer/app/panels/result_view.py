"""A finished result: pictures, the two verdicts, plots, downloads, and how it was made."""

from __future__ import annotations

import json
from math import inf

import streamlit as st

from explorer.app import session, sharing
from explorer.app.components.deferred import is_painted
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.links import link
from explorer.app.naming import describe, literal, network_title, picture_title
from explorer.app.panels import copy_view, own_opinion
from explorer.app.panels.along_the_way import show_along_the_way
from explorer.app.panels.compare_button import show_compare_button
from explorer.app.panels.continue_view import show_continue_button, show_earlier
from explorer.app.panels.counterpart_view import show_counterpart
from explorer.app.panels.difference_view import show_controversial
from explorer.app.panels.diverse_view import show_diverse
from explorer.app.panels.nearest_view import moved_sentence, show_nearest
from explorer.app.panels.network_plots import show_classes, show_layers, show_null
from explorer.app.panels.network_settings import show_assumptions, show_settings
from explorer.app.panels.other_network import show_other
from explorer.app.panels.pending_view import request_generation
from explorer.app.panels.seed_runs import show_seed_runs
from explorer.app.panels.verdicts import show_verdicts
from explorer.app.turns import TURNS
from explorer.metrics.perceptual_verdict import Comparison, why_counted_here
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.models import layer_expression
from explorer.plots.match import falling_curve
from explorer.plots.perception import leaning
from explorer.request import RNG_SEED_RANGE, Request
from explorer.result import Result
from explorer.result.ending import how_it_ended

NO_BAR = {"displayModeBar": False}


def show(result: Result) -> None:
    """Everything about one result, the most important first."""
    show_pictures(_pictures(result), compare=True, key="pictures")
    if moved := moved_sentence(result):
        st.caption(moved)
    show_verdicts(result, asks_first=True)
    show_controversial(result)
    asked = own_opinion.is_open_question(result)
    show_counterpart(result, with_person=not asked)
    show_assumptions(result.network)
    sharing.show_switch(result.request)
    with st.container(horizontal=True):
        show_continue_button(result)
        if sharing.may_be_generated(result.request):
            _again(result)
        show_compare_button(result.request)
    show_earlier(result)
    if _is_random(result.request.seed):
        show_seed_runs(result, with_person=not asked)
    show_diverse(result)
    _details(result, asks_first=True)


def show_stored(result: Result) -> None:
    """A result for which the sidebar has no settings: all but what goes on from it."""
    show_pictures(_pictures(result), compare=True, key="pictures")
    if moved := moved_sentence(result):
        st.caption(moved)
    show_verdicts(result, may_go_on=False)
    show_assumptions(result.network)
    _details(result)


@st.fragment
def _details(result: Result, asks_first: bool = False) -> None:
    if not is_painted(result.request.key):
        return
    with TURNS.later():
        _plots(result, asks_first)
        _download(result)
        _provenance(result)
    session.engine().start()


def _pictures(result: Result) -> list[Picture]:
    request = result.request
    seed, target = picture_title(request.seed), picture_title(request.target)
    size = f"{result.iri.shape[2]}×{result.iri.shape[1]} px"
    return [
        Picture(result.seed_png, "Seed", seed, f"Seed, where the IRI started: {seed}", "seed"),
        Picture(
            result.iri_png,
            "IRI",
            f"{network_title(request.model)}, {layer_expression.title(request.layer)}, {size}",
            f"IRI: the image that the network should take for {target}",
            "iri",
        ),
        Picture(result.target_png, "Target", target, f"Target: {target}", "target"),
    ]


def _again(result: Result) -> None:
    st.button(
        "Try another random seed",
        icon=":material/casino:",
        key="again",
        on_click=_next_random_number,
        args=(result.request.rng_seed,),
        help="Generate it once more with the next random seed: does the conclusion depend on it?",
        disabled=not _is_random(result.request.seed),
    )


def _is_random(seed: str) -> bool:
    return seed.endswith("noise") or seed == "uniform"


def _next_random_number(now: int) -> None:
    st.session_state["rng"] = 0 if now >= RNG_SEED_RANGE[1] else now + 1
    request_generation()


def _plots(result: Result, asks_first: bool) -> None:
    network, person = st.columns(2, gap="large")
    with network:
        show_null(result)
        show_layers(result)
        show_classes(result)
        show_other(result)
    with person:
        if asks_first and own_opinion.is_open_question(result):
            _perception_follows()
        else:
            _perception(result)
            show_nearest(result)
        _curve(result)


def _perception_follows() -> None:
    st.subheader("Nearer the target or the seed?")
    st.caption("First say what *you* see, above: what the measures say is shown after your answer.")


def _perception(result: Result) -> None:
    titles = {name: measure.title for name, measure in PERCEPTUAL_MEASURES.items()}
    st.subheader("Nearer the target or the seed?")
    st.plotly_chart(
        leaning(result.perceptual, titles),
        config=NO_BAR,
        key="perception",
        alt="For each perceptual measure, whether the IRI is nearer its target or its seed",
    )
    st.caption(
        "A bar to the right: nearer the target. Hatched: not counted in the verdict, for the "
        "reason that the table below gives."
    )
    numbers = st.expander("The numbers, and what each measure looks at")
    with numbers, st.container(key="perceptual_numbers"):
        # A real table: it needs no data frames, and a screen reader reads it.
        if rows := [_row(each) for each in result.perceptual if each.to_target is not None]:
            lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
            st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
        st.caption(
            "↓: lower is nearer; ↑: higher is nearer. To wrong targets: the mean. Here: in such a "
            "seed at this size."
        )
        st.markdown("\n".join([*_what_it_looks_at(result), *_not_available(result)]))


def _title(comparison: Comparison) -> str:
    measure = PERCEPTUAL_MEASURES.get(comparison.measure)  # None: an older or newer version's
    return literal(comparison.measure) if measure is None else measure.title


def _row(comparison: Comparison) -> dict[str, str]:
    arrow = "↓" if comparison.nearer == "lower" else "↑"
    return {
        "measure": f"{_title(comparison)}\N{NO-BREAK SPACE}{arrow}",
        "to target": _value(comparison.to_target),
        "to seed": _value(comparison.to_seed),
        "to wrong targets": _value(comparison.to_mismatched),
        "counted": literal(why_counted_here(comparison)),
    }


def _not_available(result: Result) -> list[str]:
    """An item of a Markdown list for each reason why measures have no values here."""
    by_reason: dict[str, list[str]] = {}
    for each in result.perceptual:
        if each.to_target is None:
            reason = each.reason or "the reason is not known"
            by_reason.setdefault(reason, []).append(_title(each))
    return [
        f"- *Not measured*: {', '.join(titles)} ({literal(reason)})."
        for reason, titles in by_reason.items()
    ]


def _what_it_looks_at(result: Result) -> list[str]:
    """An item of a Markdown list for each measure that has values and that this version knows."""
    measured = [each.measure for each in result.perceptual if each.to_target is not None]
    known = map(PERCEPTUAL_MEASURES.get, measured)
    return [f"- **{each.title}**: {each.help}" for each in known if each is not None]


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.{1 if abs(value) >= 10 else 3}f}"


def _curve(result: Result) -> None:
    provenance = result.provenance
    st.subheader("How did it get there?")
    st.plotly_chart(
        falling_curve(
            result.curves.step,
            result.curves.relative_l2,
            result.request.goal,
            result.null.relative_l2.min,
            continued_at=provenance.steps_before or None,
        ),
        config=NO_BAR,
        key="curve",
        alt="Relative distance at the layer over the steps",
    )
    st.caption(
        f"{provenance.steps:,} steps in {provenance.seconds_making:.1f} s"
        + (f", after {provenance.steps_before:,} before" if provenance.steps_before else "")
        + f". {how_it_ended(result)}{_rise(result)}"
    )
    show_along_the_way(result)


def _rise(result: Result) -> str:
    """A sentence where the distance more than doubles after the search was continued."""
    before, curves = result.provenance.steps_before, result.curves
    nearest, highest, at = inf, 0.0, 0
    for step, distance in zip(curves.step, curves.relative_l2, strict=True):
        if step > before > 0 and distance > max(2 * nearest, highest):
            highest, at = distance, step
        nearest = min(nearest, distance)
    if not at:
        return ""
    return (
        f" At step {at:,} the distance rises to {highest:.2g} for a while; what is shown is the "
        "nearest image of all steps."
    )


def _download(result: Result) -> None:
    name = f"iri-{result.request.key[:10]}"
    st.subheader("Download")
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
    limits = sharing.limits_of_link(result.request)
    st.caption(f"The address of this page is a link to this result{limits}.")
    copy_view.show([result.request], _link(result.request), copy_view.COMMAND)


def _link(request: Request) -> dict[str, str] | None:
    """The URL parameters of this page; None where the sidebar has no such settings."""
    try:
        return link(request)
    except ValueError:
        return None


def _provenance(result: Result) -> None:
    provenance = result.provenance
    with st.expander("How it was made"):
        st.markdown(describe(result.request))
        st.markdown(
            f"Optimiser: {literal(provenance.optimiser.help)}. "
            f"Best step: {provenance.best_step:,}. Device: {literal(provenance.device)}. "
            f"Search {provenance.seconds_making:.1f} s, measuring "
            f"{provenance.seconds_measuring:.1f} s."
        )
        show_settings(result.network)
        versions = ", ".join(f"{name} {number}" for name, number in provenance.versions.items())
        st.markdown(f"Versions: {literal(versions)}.")
        st.json(json.dumps({"key": result.request.key, **result.request.to_dict()}), expanded=False)
