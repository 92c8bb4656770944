"""The columns of a sweep's table: one row per request, what was asked for and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.result import Result


@dataclass(frozen=True)
class Column:
    """One column. kind: `text`, `number`, `whole` or `truth`. help: what it holds, a few words."""

    name: str
    kind: str
    help: str


_ASKED = (
    Column("key", "text", "of the result, by which the cache, packs and `--continue` know it"),
    Column("model", "text", "reference of the network"),
    Column("architecture", "text", "of a `file:` network"),
    Column("layer", "text", "at which the IRI is to match"),
    Column("target", "text", "its name; `picture:` and a SHA-256 for a file"),
    Column("target_file", "text", "the file's name, where it is one"),
    Column("seed", "text", "the seed image, likewise"),
    Column("seed_file", "text", "the file's name, where it is one"),
    Column("loss", "text", "the loss variant"),
    Column("term_weights", "text", "own weights of its terms, as JSON"),
    Column("representation", "text", "how the loss compares; empty: relative ℓ₂ distance"),
    Column("adversary", "text", "perceptual measure in the loss"),
    Column("observer", "text", "of a controversial image: the network to which it differs"),
    Column("observer_layer", "text", "and its layer"),
    Column("relu_gradient", "text", "`identity`: straight-through gradient"),
    Column("optimiser", "text", "as asked for"),
    Column("steps", "whole", "budget of passes"),
    Column("goal", "number", "relative distance at which the search stops"),
    Column("rng_seed", "whole", "random seed"),
    Column("nearest", "truth", "whether the image is brought nearest to its seed"),
    Column("size", "whole", "input resolution in px; empty: the network's own"),
)
_FAILED = (
    Column("error_field", "text", "the setting at fault, where one is"),
    Column("error", "text", "why generating failed; empty where it did not"),
)
_FOUND = (
    Column("state", "text", "`not matched`, `matched` or `converged`"),
    Column("matched", "truth", "same to the network: beyond the null, also in 8 bits"),
    Column("converged", "truth", "matched, and at its goal"),
    Column("relative_l2", "number", "relative distance at the layer"),
    Column("relative_l2_8bit", "number", "the same after rounding to 8 bits"),
    Column("pearson", "number", "correlation at the layer, −1 to 1"),
    Column("spearman", "number", "rank correlation at the layer, −1 to 1"),
    Column("snr_db", "number", "signal-to-noise ratio at the layer, dB"),
    Column("same_class", "truth", "IRI and target are one class; empty: no classes"),
    Column("null_min", "number", "least relative distance of unrelated images"),
    Column("null_median", "number", "their median relative distance"),
    Column("null_pairs", "whole", "how many pairs of them"),
    Column("person", "text", "`yes`, `undecided`, `no`, `not measured`; empty: no match"),
    Column("nearer_target", "whole", "measures that call it nearer its target than its seed"),
    Column("counted", "whole", "of so many that count"),
    Column("wrong_nearer", "number", "share of wrong targets that they call nearer, 0 to 1"),
    Column("moved_rms", "number", "distance from the seed per pixel (RMS), images in [0, 1]"),
    Column("moved_relative", "number", "the same as a share of the target's"),
    Column("searched_relative_l2", "number", "relative distance as searched, before the nearest"),
    Column("searched_moved_rms", "number", "distance from the seed as searched"),
    Column("passes", "whole", "steps that the search took"),
    Column("stopped", "text", "why it stopped: `goal`, `plateau` or `budget`"),
    Column("optimiser_used", "text", "what `auto` stood for"),
    Column("seconds", "number", "what its batch took, divided by the batch's size"),
    Column("batch", "whole", "how many were generated at once"),
    Column("device", "text", "on which"),
    Column("torch", "text", "its version"),
)
_OF_MEASURE = (
    ("to_target", "number", "its value for IRI and target"),
    ("to_seed", "number", "its value for IRI and seed"),
    ("to_mismatched", "number", "its mean value for IRI and wrong targets"),
    ("counts", "truth", "whether it is one of `counted`; false where it has no value"),
)
"""For each perceptual measure, after its name."""


def columns() -> tuple[Column, ...]:
    """All columns in their order."""
    measures = (
        Column(f"{_word(name)}_{ending}", kind, f"{measure.title}: {text}")
        for name, measure in PERCEPTUAL_MEASURES.items()
        for ending, kind, text in _OF_MEASURE
    )
    return (*_ASKED, *_FAILED, *_FOUND, *measures)


def settings_row(request: Request, files: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a request; files: names of files by picture name."""
    row = {each.name: getattr(request, each.name, None) for each in _ASKED}
    weights = request.term_weights
    return row | {
        "target_file": files.get(request.target),
        "seed_file": files.get(request.seed),
        "term_weights": None if weights is None else json.dumps(dict(weights)),
        "nearest": bool(request.nearest),
    }


def failed_row(
    request: Request, files: Mapping[str, str], message: str, field: str | None
) -> dict[str, Any]:
    """The columns of a request that failed; field: of the request, where that is at fault."""
    return settings_row(request, files) | {"error_field": field, "error": message}


def result_row(result: Result, files: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a result and its request."""
    match, null, person = result.match, result.null, result.person
    moved, tightening, provenance = result.moved, result.tightening, result.provenance
    row = settings_row(result.request, files) | {
        "state": result.state.value,
        "matched": result.matched,
        "converged": result.converged,
        "relative_l2": match.relative_l2,
        "relative_l2_8bit": result.match_8bit.relative_l2,
        "same_class": match.same_class,
        "null_min": null.relative_l2.min,
        "null_median": null.relative_l2.quantiles.get("q50"),
        "null_pairs": null.n_pairs,
        "person": person.answer if result.matched else None,
        "nearer_target": person.nearer_target,
        "counted": person.counted,
        "wrong_nearer": person.wrong_nearer,
        "moved_rms": None if moved is None else moved.rms,
        "moved_relative": None if moved is None else moved.relative,
        "searched_relative_l2": None if tightening is None else tightening.searched_relative_l2,
        "searched_moved_rms": None if tightening is None else tightening.rms[0],
        "passes": provenance.steps,
        "stopped": provenance.stopped,
        "optimiser_used": provenance.optimiser.name,
        "seconds": provenance.seconds / max(1, provenance.batch),
        "batch": provenance.batch,
        "device": provenance.device,
        "torch": provenance.versions.get("torch"),
    }
    row |= {name: match.values.get(name) for name in ("pearson", "spearman", "snr_db")}
    for each in result.perceptual:
        has_answer = each.nearer_target is not None and each.abstains is None
        counts = each.counts_in_verdict and has_answer
        values = (each.to_target, each.to_seed, each.to_mismatched, counts)
        for (ending, _, _), value in zip(_OF_MEASURE, values, strict=True):
            row[f"{_word(each.measure)}_{ending}"] = value
    return row


def _word(measure: str) -> str:
    return measure.replace("-", "_")
