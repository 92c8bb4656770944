"""The seven comparisons of the lesson, each of results that are finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from explorer.analysis.compared import Compared, equal_match
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.lesson import steps_choices
from explorer.app.lesson.records import Step, Values
from explorer.app.lesson.results import results_of
from explorer.app.naming import literal, network_title, number, picture_title
from explorer.app.panels.along_the_way import show_search
from explorer.app.panels.lesson_factors import published, show_effects, show_reservations
from explorer.app.panels.lesson_parts import Setting, Shown, halves, tiles, trio, verdicts
from explorer.metrics.perceptual_verdict import Comparison, why_counted_here
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.plots.ladder import Rung, ladder_figure
from explorer.plots.perception import leaning
from explorer.plots.style import figure
from explorer.result import Result

NO_BAR = {"displayModeBar": False}
FIRST_PLOT = 4
"""The first step that draws a plot."""
_LADDER_MEASURE = "haarpsi"
_TITLES = {name: measure.title for name, measure in PERCEPTUAL_MEASURES.items()}


def show(step: Step, values: Values, results: list[Result], setting: Setting) -> None:
    """The comparison of a step for these values of its controls."""
    _COMPARISONS[step.name](Shown(values, results, setting))


def preload_plots() -> None:
    """Have the browser fetch what draws plots, unseen: it takes most of a step's second."""
    st.html("<style>.st-key-lesson_preload { display: none }</style>")
    with st.container(key="lesson_preload"):
        st.plotly_chart(figure(), config=NO_BAR, key="lesson_no_plot", alt="Nothing")


def _what(shown: Shown) -> None:
    (result,) = shown.results
    seed = picture_title(result.request.seed)
    start, film = st.columns([1, 2])
    with start:
        show_pictures(
            [Picture(result.seed_png, "Seed", seed, f"Seed: {seed}", "seed")], key="lesson_seed"
        )
    with film:
        show_search(result)
    st.markdown(verdicts(result))


def _standard(shown: Shown) -> None:
    (result,) = shown.results
    trio(result)
    target, iri = result.match.target_top[0], result.match.iri_top[0]
    called = f"The network calls the target “{literal(target.name)}” ({target.probability:.0%})"
    if shown.setting.open_question and shown.values["data"] == "photographs":
        st.markdown(f"{called}. What it calls the IRI is asked for.")
    else:
        st.markdown(f"{called} and the IRI “{literal(iri.name)}” ({iri.probability:.0%}).")
    reservations = _reservations(result)
    if reservations:
        st.markdown(reservations)


def _reservations(result: Result) -> str:
    """What of a result is less clear than step 2 says; "" where nothing is."""
    said = []
    if not result.converged:
        said.append(
            f"This search stopped at {number(result.match.relative_l2)}, short of its goal of "
            f"{number(result.request.goal)}: the nearest pair of unrelated photographs is at "
            f"{number(result.null.relative_l2.min)}."
        )
    person = result.person
    if person.nearer_target:
        said.append(
            f"To {person.nearer_target} of {person.counted} kinds of measures it is nearer the "
            "target than the seed, though perhaps not to you."
        )
    return " ".join(said)


def _pair(shown: Shown) -> None:
    results = shown.results
    standard = results[0]
    seed, target = picture_title(standard.request.seed), picture_title(standard.request.target)
    titles = ("Standard training", "Adversarial training")
    show_pictures(
        [
            Picture(standard.seed_png, "Seed", seed, f"Seed: {seed}", "frame"),
            *(
                Picture(
                    result.iri_png,
                    title,
                    f"relative distance {number(result.match.relative_l2)}",
                    f"IRI, {title.lower()}",
                    "iri",
                )
                for title, result in zip(titles, results, strict=True)
            ),
            Picture(standard.target_png, "Target", target, f"Target: {target}", "frame"),
        ],
        key="lesson_pair",
    )
    for title, result in zip(titles, results, strict=True):
        st.markdown(f"{title}: {verdicts(result)[:1].lower()}{verdicts(result)[1:]}")


def _ladder(shown: Shown) -> None:
    (result,) = shown.results
    found = results_of(steps_choices.rungs(shown.values["photo"])) or []
    images, plot = halves(shown)
    with images:
        trio(result)
    with plot:
        _rungs(found)
    with images if shown.setting.slide else plot:
        goals = ", ".join(f"{each.request.goal:g}" for each in found)
        st.caption(
            "Above: each image is far below the grey band of unrelated photographs. Below: where "
            "the line meets the dashed one, the measure calls the image no nearer its target than "
            f"its seed. The goals of the searches differ ({goals}), so that a part of the change "
            "from layer to layer may be theirs."
        )


def _rungs(found: Sequence[Result]) -> None:
    measure = PERCEPTUAL_MEASURES[_LADDER_MEASURE]
    st.plotly_chart(
        ladder_figure([_rung(each) for each in found], f"{measure.title} (higher is nearer)"),
        config=NO_BAR,
        key="lesson_ladder",
        alt=f"Relative distance and {measure.title} at three layers: "
        + "; ".join(f"{each.request.layer} {number(each.match.relative_l2)}" for each in found),
    )


def _rung(result: Result) -> Rung:
    quantiles = result.null.relative_l2.quantiles
    values = _by_measure(result)[_LADDER_MEASURE]
    return Rung(
        steps_choices.LAYERS[result.request.layer].split(" (")[0],
        result.request.key,
        result.match.relative_l2,
        result.converged,
        (quantiles["q05"], quantiles["q50"], quantiles["q95"]),
        values.to_target,
        values.to_seed,
        values.to_mismatched,
    )


def _by_measure(result: Result) -> Mapping[str, Comparison]:
    return {each.measure: each for each in result.perceptual}


def _losses(shown: Shown) -> None:
    (result,) = shown.results
    images, losses = halves(shown)
    with images:
        trio(result)
    with losses:
        _all_losses(results_of(steps_choices.by_loss(shown.values["network"])) or [])


def _all_losses(found: Sequence[Result]) -> None:
    st.markdown(f"**The same network, {len(found)} losses**")
    titles = steps_choices.LOSSES.values()
    tiles([(title, each, "") for title, each in zip(titles, found, strict=True)])
    st.caption(equal_match([Compared.of(each) for each in found]))


def _measures(shown: Shown) -> None:
    (result,) = shown.results
    measure = shown.values["measure"]
    images, plot = halves(shown)
    with images:
        trio(result, compare=False)
        hides = shown.setting.open_question and measure == steps_choices.ASKED_ABOUT
        st.markdown(_said(_by_measure(result)[measure], hides_control=hides))
    with plot:
        st.plotly_chart(
            leaning(result.perceptual, _TITLES),
            config=NO_BAR,
            key="lesson_measures",
            alt="For each perceptual measure, whether the IRI is nearer its target or its seed",
        )
        st.caption("A bar to the right: nearer the target. Hatched: not counted in the verdict.")


def _said(comparison: Comparison, *, hides_control: bool) -> str:
    """What one measure says of an IRI, in sentences; of wrong targets unless that is hidden."""
    title = _TITLES[comparison.measure]
    if comparison.to_target is None or comparison.to_seed is None:
        return f"**{title}** has no value for images of this size."
    nearer = "target" if comparison.nearer_target else "seed"
    direction = "higher is nearer" if comparison.nearer == "higher" else "lower is nearer"
    first = (
        f"**{title}** says nearer the {nearer}: {comparison.to_target:.2f} to the target, "
        f"{comparison.to_seed:.2f} to the seed ({direction})."
    )
    if hides_control:
        return f"{first} What it says of wrong targets is asked for."
    wrong = comparison.wrong_nearer
    control = "" if wrong is None else f" It calls {wrong:.0%} of five wrong targets nearer, too."
    counts = why_counted_here(comparison)
    vote = "It has a vote." if counts == "yes" else f"It has no vote: {counts.partition(': ')[2]}."
    return f"{first}{control} {vote}"


def _factors(shown: Shown) -> None:
    images, effects = halves(shown)
    with images:
        titled = [(network_title(one.request.model), one, published(one)) for one in shown.results]
        tiles(titled, target=True)
    with effects:
        show_effects(shown.values["factor"])
        with st.expander("To be read with it") if shown.setting.slide else st.container():
            show_reservations(shown.values["factor"])


_COMPARISONS: dict[str, Callable[[Shown], None]] = {
    "what": _what,
    "standard": _standard,
    "pair": _pair,
    "ladder": _ladder,
    "losses": _losses,
    "measures": _measures,
    "factors": _factors,
}
