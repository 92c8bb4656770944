"""Stimuli from finished results: those whose match succeeded after rounding to 8 bits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from explorer.images.encoding import from_png
from explorer.metrics.perceptual_verdict import Comparison
from explorer.result import Result, ResultError
from explorer.result.pictures import check_pictures, check_rounded
from explorer.store import Store
from explorer.study.records import Stimulus
from explorer.study.words import label_of


@dataclass(frozen=True)
class Refused:
    """A result that is no stimulus; reason: why, as the rest of a sentence about it."""

    key: str
    reason: str


def stimuli_of(
    store: Store, keys: Iterable[str]
) -> tuple[list[Stimulus], dict[str, bytes], list[Refused]]:
    """A stimulus for every result in the store that can be one, their pictures, and the others.

    People see the IRI as an 8-bit picture: only results that match after rounding to 8 bits are
    stimuli. The pictures are PNG files by their SHA-256. A key that occurs twice is looked at once.
    """
    stimuli: list[Stimulus] = []
    pictures: dict[str, bytes] = {}
    refused: list[Refused] = []
    for key in dict.fromkeys(keys):
        data = store.get(key)
        if data is None:
            refused.append(Refused(key, "there is no such result in the cache"))
            continue
        try:
            result = Result.from_bytes(data)
            check_pictures(result)
            check_rounded(result)
        except ResultError as error:
            refused.append(Refused(key, str(error)))
            continue
        reason = why_no_stimulus(result)
        if reason is not None:
            refused.append(Refused(key, reason))
            continue
        stimulus, of_stimulus = stimulus_of(key, result)
        stimuli.append(stimulus)
        pictures |= of_stimulus
    return stimuli, pictures, refused


def why_no_stimulus(result: Result) -> str | None:
    """Why people cannot be asked about this result, or None where they can."""
    if not result.match.same:
        return "it is not the same to the network: its search has not arrived"
    if not result.match_8bit.same:
        return "it is not the same to the network any more once it is rounded to 8 bits"
    if (from_png(result.target_png) == from_png(result.seed_png)).all():
        return "its target and its seed are the same image"
    return None


def stimulus_of(key: str, result: Result) -> tuple[Stimulus, dict[str, bytes]]:
    """The stimulus of the result under a key, and its three pictures by their SHA-256."""
    request = result.request
    files = (result.iri_png, result.target_png, result.seed_png)
    iri, target, seed = (hashlib.sha256(png).hexdigest() for png in files)
    stimulus = Stimulus(
        name=_name(request.target, request.model, request.loss, key),
        key=key,
        request=request.to_dict(),
        iri=iri,
        target=target,
        seed=seed,
        model=request.model,
        layer=request.layer,
        loss=request.loss,
        target_name=request.target,
        seed_name=request.seed,
        label=label_of(request.target),
        margins={each.measure: margin(each) for each in result.perceptual},
        held_out=tuple(each.measure for each in result.perceptual if each.held_out),
        network_class=result.match.target_class,
    )
    return stimulus, dict(zip((iri, target, seed), files, strict=True))


def margin(comparison: Comparison) -> float | None:
    """How much nearer the IRI is to its target than to its seed, as `Stimulus.margins` says.

    None where the measure has no values; 0 where both are equally near.
    """
    to_target, to_seed = comparison.to_target, comparison.to_seed
    if to_target is None or to_seed is None:
        return None
    largest = max(abs(to_target), abs(to_seed))
    value = (to_seed - to_target) / largest if largest else 0.0
    if not isfinite(value):
        return None
    return (-value if comparison.nearer == "higher" else value) + 0.0


def _name(target: str, model: str, loss: str, key: str) -> str:
    words = (target.removeprefix("picture:")[:24], model.partition(":")[2][:40], loss[:40], key[:8])
    return "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)
