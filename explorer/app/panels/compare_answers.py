"""What a comparison says: one plot that answers its question, read in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from explorer.analysis import compared
from explorer.analysis.compared import Compared, Group
from explorer.analysis.variation import FACTORS, Cell, factor_of
from explorer.app.naming import picture_title
from explorer.app.panels import compare_table, eyes_view, people_curve
from explorer.app.panels.compare_cells import Shown
from explorer.app.panels.compare_settings import View
from explorer.app.panels.compare_tiles import open_in_explore
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.plots.comparison import Bar, Dot, alignment_bars, match_scatter
from explorer.plots.ladder import Rung, ladder_figure

NO_BAR = {"displayModeBar": False}
_WHAT = {
    "losses": "the loss",
    "networks": "the network",
    "seeds": "the seed image",
    "targets": "the target",
}
_HOW_TO_READ = (
    "Above: an image below the grey band is nearer its target than unrelated images are. Below: "
    "where the line meets the dashed one, the image is no nearer its target than its seed."
)
_BARS, _SCATTER = "Alignment", "Match and alignment"


def show(view: View, shown: Sequence[Shown]) -> None:
    """The plot, its reading, the table and its download; nothing while nothing is finished."""
    results = [each.result for each in shown if each.result is not None]
    if not results:
        return
    if view.axis.name == "layers":
        values = compared.in_network_order(view.values, results)
        view = replace(view, values=values)
        shown = sorted(shown, key=lambda each: values.index(each.cell.value))
        results = [each.result for each in shown if each.result is not None]
        _ladder(view, shown)
        people_curve.show(results[0].request.network, view.values)
    else:
        _bars(view, shown)
    if view.axis.name == "networks":
        eyes_view.show([each.request.key for each in results])
    compare_table.show(view, results)


def heading_of(view: View, cell: Cell) -> str:
    """The heading under which a cell's image stands; "" where all stand in one row."""
    if view.factor is not None:
        level = factor_of(cell.value, view.factor)
        return level[:1].upper() + level[1:]
    return "" if cell.again is None or _is_single(view, cell) else view.title(cell.value)


def _is_single(view: View, cell: Cell) -> bool:
    """Whether no value is made more than once."""
    return len({each.again for each in view.cells or ()}) < 2


def _groups(view: View, shown: Sequence[Shown]) -> list[Group]:
    """The finished results by value, in the order of the values."""
    by_value: dict[str, list[Compared]] = {value: [] for value in view.values}
    for each in shown:
        if each.result is not None:
            by_value[each.cell.value].append(each.result)
    return [Group.of(view.title(value), results) for value, results in by_value.items() if results]


def _bars(view: View, shown: Sequence[Shown]) -> None:
    st.subheader("Nearer the target or the seed?")
    finished = [each for each in shown if each.result is not None]
    results = [each.result for each in finished if each.result is not None]
    kind = st.segmented_control(
        "Plot", [_BARS, _SCATTER], key="compare_plot", default=_BARS, label_visibility="collapsed"
    )
    dots: dict[str, list[Dot]] = {each.cell.value: [] for each in finished}
    for each in finished:
        dots[each.cell.value] += _dot(view, each)
    groups = _groups(view, shown)
    values = [value for value in view.values if value in dots]
    if kind == _SCATTER:
        figure = match_scatter([dot for some in dots.values() for dot in some])
    else:
        figure = alignment_bars(
            [
                Bar(
                    group.name,
                    group.share.value,
                    *(
                        (group.share.low, group.share.high)
                        if group.share.count > 1
                        else (None, None)
                    ),
                    group.wrong,
                    tuple(dots[value]),
                )
                for value, group in zip(values, groups, strict=True)
            ]
        )
    event = st.plotly_chart(
        figure,
        config=NO_BAR,
        key=f"compare_{kind}",
        on_select="rerun",
        selection_mode="points",
        alt="; ".join(f"{each.name}: {each.share.to_text()}" for each in groups),
    )
    sentences = [compared.spread(groups, _WHAT[view.axis.name])]
    if view.axis.name == "networks":
        factor = view.factor or "training"
        sentences.append(
            compared.by_factor(
                groups, [factor_of(value, factor) for value in values], FACTORS[factor]
            )
        )
    if any(each.share.count > 1 for each in groups):
        sentences.append("Lines through the bars are 95 % intervals.")
    sentences += [compared.left_out(results), compared.equal_match(results)]
    st.caption(" ".join(each for each in sentences if each))
    open_in_explore(shown, _clicked(event))


def _dot(view: View, each: Shown) -> list[Dot]:
    """The dot of a finished cell; none where there is no answer."""
    result = each.result
    if result is None or result.share is None:
        return []
    text = view.title(each.cell.value)
    if each.cell.again is not None:
        text += f", {each.cell.again}"
    return [Dot(result.request.key, result.share, result.relative_l2, result.converged, text)]


def _clicked(event: object) -> str | None:
    """The key of the point that was clicked in a plot, None where none was."""
    points = getattr(getattr(event, "selection", None), "points", None) or []
    for point in points:
        data = point.get("customdata")
        if data:
            return str(
                data[0] if isinstance(data, Sequence) and not isinstance(data, str) else data
            )
    return None


def _ladder(view: View, shown: Sequence[Shown]) -> None:
    """Match and perception along the layers, of the first target where there are several."""
    st.subheader("Match and perception along the layers")
    first = next((each.cell.again for each in shown), None)
    rungs = [each for each in shown if each.cell.again == first]
    results = [each.result for each in rungs if each.result is not None]
    names = _measures(results)
    if not names:
        return
    name = st.selectbox(
        "Perceptual measure",
        names,
        key="compare_measure",
        format_func=lambda name: PERCEPTUAL_MEASURES[name].title,
        width=320,
        help="The first ones count in the verdict at most layers.",
    )
    measure = PERCEPTUAL_MEASURES[name]
    arrow = "lower is nearer" if measure.nearer == "lower" else "higher is nearer"
    event = st.plotly_chart(
        ladder_figure([_rung(view, each, name) for each in rungs], f"{measure.title} ({arrow})"),
        config=NO_BAR,
        key="compare_ladder",
        on_select="rerun",
        selection_mode="points",
        alt=f"Relative distance and {measure.title} at {len(rungs)} layers",
    )
    groups = [
        Group.of(view.title(each.cell.value), [each.result])
        for each in rungs
        if each.result is not None
    ]
    of_target = f"Target: {picture_title(str(first))}." if first is not None else ""
    beyond = [each for each in results if not each.matched]
    sentences = [
        compared.where_it_falls_apart(groups, len(rungs)),
        f"Without a match: {len(beyond)} of {len(results)} layers." if beyond else "",
        _HOW_TO_READ if len(results) > 1 else "",
        of_target,
        "Hollow: not at the goal." if any(not each.converged for each in results) else "",
    ]
    st.caption(" ".join(each for each in sentences if each))
    open_in_explore(shown, _clicked(event))


def _rung(view: View, each: Shown, measure: str) -> Rung:
    result, title = each.result, view.title(each.cell.value)
    if result is None:
        return Rung(title, "", None, False, None, None, None, None)
    quantiles = result.null.quantiles
    values = next((one for one in result.perceptual if one.measure == measure), None)
    return Rung(
        title,
        result.request.key,
        result.relative_l2,
        result.converged,
        (quantiles["q05"], quantiles["q50"], quantiles["q95"]) if result.null.n else None,
        values.to_target if values else None,
        values.to_seed if values else None,
        values.to_mismatched if values else None,
    )


def _measures(results: Sequence[Compared]) -> list[str]:
    """The measures that have values, those first that count in most verdicts."""
    votes: dict[str, int] = {}
    for result in results:
        for each in result.perceptual:
            if each.to_target is not None and each.measure in PERCEPTUAL_MEASURES:
                counts = each.counts_in_verdict
                votes[each.measure] = votes.get(each.measure, 0) + counts
    return sorted(votes, key=lambda name: -votes[name])
