"""Whether a stranger's result says what follows from its own numbers and pictures.

Of a result that this installation made this is known. One that comes in a pack might claim a
verdict that its numbers do not give, or show another image than the one that was measured. Numbers
that were made up consistently are not found out: only making the result again does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any

import numpy as np

from explorer.images.encoding import from_8bit, from_png
from explorer.metrics.match import Match, beyond_null
from explorer.metrics.null import QUANTILES, Null
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict, verdict
from explorer.request import SCHEMA
from explorer.result import Result, ResultError, files_in
from explorer.result.agreement import disagreements
from explorer.result.checks import plain_json
from explorer.result.named_pictures import check_named_pictures
from explorer.result.pictures import check_pictures, check_rounded
from explorer.result.tightening import Moved

LARGEST_SIDE = 2048
"""Of an image, in px: no network that the app offers takes more."""

DECIDING = ("relative_l2", "snr_db", "pearson_r2", "spearman")
"""The measures that verdicts need in a null."""

_MOVED_TOLERANCE = 0.005  # target and seed are known after rounding to 8 bits only


def checked_result(key: str, data: bytes) -> Result:
    """The Result in bytes that somebody else stored under a key.

    Raises ResultError where the bytes hold none, its request has another key, its verdicts do not
    follow from its numbers, or its pictures are not those of its image and its request.
    """
    files = files_in(data)
    result, stated = Result.from_files(files), plain_json(files["result.json"])
    if key not in map(result.request.key_in, range(1, SCHEMA + 1)):
        raise ResultError("its request has another key than the entry")
    if max(result.iri.shape[1:]) > LARGEST_SIDE:
        raise ResultError(f"its image has more than {LARGEST_SIDE} px a side")
    check_pictures(result, with_frames=True)
    check_rounded(result)
    check_named_pictures(result)
    for sentence in _contradictions(result, stated):
        raise ResultError(sentence)
    return result


def _contradictions(result: Result, stated: dict[str, Any]) -> Iterator[str]:
    """What a result says that does not follow from its numbers, in sentences."""
    yield from _of_null("match.null", result.null)
    if result.difference is not None and result.difference.observed is not None:
        yield from _of_null("difference.observed.match.null", result.difference.observed.null)
    if len({len(each) for each in result.curves.to_dict().values()}) > 1:
        yield "its 'curves' have not a loss and a distance for each step"
    for name, match in (("match", result.match), ("match.after_8bit", result.match_8bit)):
        yield from _of_match(name, match, result.null)
    yield from _of_person("verdicts.person", result.person, result.perceptual)
    if result.tightening is not None:
        searched = result.tightening
        yield from _of_person(
            "tightening.searched.person", searched.searched_person, searched.searched_perceptual
        )
    yield from _of_moved(result)
    observed = None if result.difference is None else result.difference.observed
    if observed is not None:
        for name, match in (("", observed.match), (".after_8bit", observed.match_8bit)):
            yield from _of_match(f"difference.observed.match{name}", match, observed.null)
    follows = {
        "match.state": result.state.value,
        "converged": result.converged,
        "verdicts.network.same": result.matched,
        "verdicts.person.answer": result.person.answer,
        "difference.observed.different": None if observed is None else observed.is_different,
    }
    for name, value in follows.items():
        said = _at(stated, name)
        if said is not None and said != value:
            yield f"{name!r} is {str(said)[:40]!r}, but its numbers give {value!r}"
    yield from disagreements(result, stated)


def _of_null(name: str, null: Null) -> Iterator[str]:
    for measure in (*DECIDING, *null.distributions):
        of_measure = null.distributions.get(measure)
        if of_measure is None or not QUANTILES.keys() <= of_measure.quantiles.keys():
            yield f"'{name}.{measure}' is missing or incomplete"
        elif of_measure.n and len(of_measure.edges) != len(of_measure.counts) + 1:
            yield f"'{name}.{measure}' has no edges for each of its counts"


def _of_match(name: str, match: Match, null: Null) -> Iterator[str]:
    if match.beyond_null is not beyond_null(match.values, null):
        yield f"'{name}.beyond_null' does not follow from its numbers and its null"
    if match.target_top and match.iri_top and match.same_class is not None:
        same = match.target_top[0].index == match.iri_top[0].index
        if match.same_class is not same:
            yield f"'{name}.same_class' does not follow from the classes that it names"


def _of_person(
    name: str, person: PerceptualVerdict, comparisons: Sequence[Comparison]
) -> Iterator[str]:
    for each in comparisons:
        to_target, to_seed = each.to_target, each.to_seed
        if each.nearer_target is None:
            continue
        if to_target is None or to_seed is None:
            yield f"{each.measure!r} says what is nearer, and has no values"
        elif each.nearer_target is not _nearer(each.nearer, to_target, to_seed):
            yield f"{each.measure!r} says of its target what its values do not"
    counted = verdict(comparisons, person.mismatched)
    if (person.nearer_target, person.counted) != (counted.nearer_target, counted.counted):
        yield f"{name!r} does not follow from the measures that count"


def _nearer(nearer: str, to_target: float, to_seed: float) -> bool:
    return to_target > to_seed if nearer == "higher" else to_target < to_seed


def _of_moved(result: Result) -> Iterator[str]:
    if result.moved is None:
        return
    seed, target = (from_8bit(from_png(png)) for png in (result.seed_png, result.target_png))
    rms = Moved.of(result.iri, np.asarray(seed), np.asarray(target)).rms
    if not isclose(result.moved.rms, rms, abs_tol=_MOVED_TOLERANCE):
        yield f"'moved.rms' is {result.moved.rms:g}, but its pictures give {rms:g}"


def _at(plain: object, path: str) -> object:
    """The value at `a.b.c` in nested objects; None where there is none."""
    for name in path.split("."):
        plain = plain.get(name) if isinstance(plain, dict) else None
    return plain
