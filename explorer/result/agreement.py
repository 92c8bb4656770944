"""Whether the numbers of a stranger's result that say one thing twice agree.

A distance is in the match, in the curve of the search, in the profile of all layers and, in another
unit, in the SNR. Tolerances are what other batches, threads and devices make of one image; on a GPU
earlier versions measured all layers in TF32, where a deep network is off by up to 0.02.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from explorer.errors import RequestError
from explorer.metrics.match import LayerComparison, Match
from explorer.models.layer_expression import parse
from explorer.result import Result

_SNR_DB = 0.01
_SEARCH = (0.02, 1e-3)
"""How far a distance may be from that of the search: a share of it, and as it is."""

_LAYERS = {"CPU": (0.01, 1e-3)}
_LAYERS_OTHERWISE = (0.05, 0.03)
"""The same for the profile of all layers, by device."""

_CORRELATIONS = {"cosine": 0.02, "pearson": 0.02, "spearman": 0.08}
"""How far these may differ; the profile ranks a part of the numbers only."""

_DIFFERENCE = (0.01, 1e-4)


def disagreements(result: Result, stated: Mapping[str, Any]) -> Iterator[str]:
    """What a result says in one place and not in another, in sentences; stated: its result.json."""
    yield from _of_snr("match", result.match.values)
    yield from _of_snr("match.after_8bit", result.match_8bit.values)
    yield from _of_layers(result)
    phase = result.tightening or result.difference
    searched = result.match.relative_l2 if phase is None else phase.searched_relative_l2
    if "best_step" in stated:
        yield from _of_search(result, searched, "match" if phase is None else "searched image")
    if phase is not None:
        yield from _of_phase(result, phase.allowed, searched)
    if result.tightening is not None:
        yield from _of_course("tightening.rms", [-each for each in result.tightening.rms])
        moved = None if result.moved is None else result.moved.rms
        if not _agree(moved, result.tightening.rms[-1], *_SEARCH):
            yield "'tightening.rms' does not end at 'moved.rms'"
    if result.difference is not None:
        yield from _of_difference(result)


def _of_search(result: Result, searched: float | None, name: str) -> Iterator[str]:
    """The distance that the search reached, and its curve at that step.

    A continuation that finds nothing nearer keeps the image of before: brought nearest to its seed,
    it may be further from its target than the step that found it.
    """
    step = result.provenance.best_step
    found = dict(zip(result.curves.step, result.curves.relative_l2, strict=False)).get(step)
    is_kept = step <= result.provenance.steps_before
    if is_kept and searched is not None and found is not None and searched > found:
        return
    if not _agree(searched, found, *_SEARCH):
        yield (
            f"the relative distance of its {name} is {searched:.4g}, and at step {step} of its "
            f"curve {found:.4g}"
        )


def _agree(one: float | None, other: float | None, share: float, least: float) -> bool:
    """Whether two numbers are near each other; of what is not known, nothing is said."""
    return one is None or other is None or math.isclose(one, other, rel_tol=share, abs_tol=least)


def _of_snr(name: str, values: Mapping[str, float | None]) -> Iterator[str]:
    distance, snr = values.get("relative_l2"), values.get("snr_db")
    if not distance or snr is None:
        return
    if distance < 0 or abs(snr + 20 * math.log10(distance)) > _SNR_DB:
        yield f"'{name}.snr_db' is {snr:.4g}, which is not that of a distance of {distance:.4g}"


def _of_layers(result: Result) -> Iterator[str]:
    """The profile of all layers, and the match at its layer where that is a whole one."""
    for each in result.layers:
        yield from _of_snr(f"layers.{each.name}", each.values)
    layer = _matched_layer(result)
    if layer is None:
        return
    near = _LAYERS.get(result.provenance.device, _LAYERS_OTHERWISE)
    here, there = result.match.values, layer.values
    for name in ("relative_l2", *_CORRELATIONS):
        share, least = near if name == "relative_l2" else (0.0, _CORRELATIONS[name])
        if not _agree(here.get(name), there.get(name), share, least):
            yield (
                f"'match.{name}' is {here[name]:.4g}, and in 'layers' at {layer.name!r} "
                f"{there[name]:.4g}"
            )


def _matched_layer(result: Result) -> LayerComparison | None:
    by_name = {layer.name: layer for layer in result.layers}
    try:
        expression = parse(result.request.layer, by_name.__contains__)
    except RequestError:
        return None
    whole = expression.single if expression.is_whole_layer else None
    return None if whole is None else by_name.get(whole.layer)


def _of_phase(result: Result, allowed: float, searched: float | None) -> Iterator[str]:
    """The phase after the search: what it allows, and what its image has."""
    if searched is not None and not _agree(allowed, max(result.request.goal, searched), *_SEARCH):
        yield (
            f"it allows a relative distance of {allowed:.4g}, which is neither its goal nor what "
            "its search reached"
        )
    share, least = _SEARCH
    distance = result.match.relative_l2
    if distance is not None and distance > allowed * (1 + share) + least:
        yield f"'match.relative_l2' is {distance:.4g}, and its phase allows {allowed:.4g}"


def _of_course(name: str, values: Sequence[float]) -> Iterator[str]:
    if any(later < before for before, later in pairwise(values)):
        yield f"'{name}' goes back, and is the best so far after each pass"


def _of_difference(result: Result) -> Iterator[str]:
    made = result.difference
    assert made is not None
    yield from _of_course("difference.values", made.values)
    if made.away_from and all(distance > 0 for _, distance in made.away_from):
        logs = [math.log(distance) for _, distance in made.away_from]
        mean = math.exp(math.fsum(logs) / len(logs))
        if not _agree(made.values[-1], mean, *_DIFFERENCE):
            yield (
                f"'difference.values' ends at {made.values[-1]:.4g}, but its distances give "
                f"{mean:.4g}"
            )
    if made.observed is not None:
        both: dict[str, Match] = {"": made.observed.match, ".after_8bit": made.observed.match_8bit}
        for part, match in both.items():
            yield from _of_snr(f"difference.observed.match{part}", match.values)
