"""`align` and `stir`: figures over the IRIs of a whole set of targets."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from explorer.cli.options import add_network_options, add_search_options, request_of
from explorer.cli.running import an_engine, ask, made, number
from explorer.request import Request, RequestError

if TYPE_CHECKING:
    from explorer.analysis.targets import Targets
    from explorer.metrics.alignment import Alignment
    from explorer.result import Result

SMALL_PX, SMALL_BATCH, LARGE_BATCH = 96, 32, 8
OTHER_PX = 224


def add_set_commands(command: Callable) -> None:
    """Add both to the parser; `command` makes a subparser with its help."""
    align = command(
        "align",
        _align,
        "the share of IRIs that look more like their target than their seed",
        json_option=True,
    )
    add_network_options(align)
    _add_targets(align)
    add_search_options(align)

    stir = command("stir", _stir, "whether networks share their invariances", json_option=True)
    for which in ("1", "2"):
        stir.add_argument(f"model{which}", help="such as embedded:NAME")
    for which in ("1", "2"):
        stir.add_argument(f"--layer{which}", default="penultimate", help="default: %(default)s")
        stir.add_argument(f"--arch{which}", help="for file: models")
    _add_targets(stir)
    add_search_options(stir)


def _add_targets(command: argparse.ArgumentParser) -> None:
    from explorer.analysis.targets import HELP

    command.add_argument("--targets", default="gallery", help=f"{HELP} (default: %(default)s)")


def _align(options: argparse.Namespace) -> None:
    from explorer.metrics.alignment import alignment

    targets, requests, pictures = _asked_for_all(options, [options.model])
    (asked,) = requests
    with an_engine() as engine:
        results = made(engine, asked, pictures, _batch(options.model))
    matched = [result for result in results if result.verdicts["network"]["same"]]
    converged = [result for result in matched if result.converged]
    of_matched, of_converged = (
        alignment([result.perceptual for result in some]) for some in (matched, converged)
    )
    facts = {
        "targets": targets.text,
        **_how_many(results),
        "alignment": of_matched.to_dict(),
        "alignment_of_converged": of_converged.to_dict(),
        "paper": _paper(of_matched, matched),
        "iris": [_iri(result, targets) for result in results],
    }
    facts = {"request": _without_target(asked[0])} | facts
    if options.json:
        print(json.dumps(facts, indent=1))
        return
    print(f"{options.model}, {options.layer}, {options.loss}, from {options.seed}; {targets.text}")
    _say_how_many(facts)
    if not matched:
        print("No IRI matches, so nothing can be said about the network.")
        return
    _say_alignment(of_matched, of_converged, facts["paper"], matched[0].perceptual)


def _stir(options: argparse.Namespace) -> None:
    from explorer.jobs import work

    models = [options.model1, options.model2]
    targets, asked, pictures = _asked_for_all(options, models)
    with an_engine() as engine:
        results = [
            made(engine, requests, pictures, _batch(model))
            for requests, model in zip(asked, models, strict=True)
        ]
        sides = [
            (
                requests[0].to_dict(),
                [result.target_png for result in one],
                [result.iri for result in one],
            )
            for requests, one in zip(asked, results, strict=True)
        ]
        found = ask(engine, work.stir, *sides)
    facts = {
        "networks": [_without_target(requests[0]) for requests in asked],
        "targets": targets.text,
        "made": [_how_many(one) for one in results],
        **found,
    }
    if options.json:
        print(json.dumps(facts, indent=1))
        return
    for which, (model, one) in enumerate(zip(models, facts["made"], strict=True), start=1):
        print(f"network {which}: {model}; {targets.text}")
        _say_how_many(one)
    print(
        f"Linear CKA of the two on the targets: {found['similarity']:.3f} "
        f"({found['similarity_by_chance']:.3f} with wrong pairs)"
    )
    for title, name in (
        ("STIR(2 | 1), network 2 looks at network 1's IRIs", "second_given_first"),
        ("STIR(1 | 2), network 1 looks at network 2's IRIs", "first_given_second"),
    ):
        one = found[name]
        print(
            f"{title}: {one['value']:.3f} ({one['chance']:.3f} with wrong pairs); their own match: "
            f"median {number(one['median_match'])}, worst {number(one['worst_match'])}"
        )


def _asked_for_all(
    options: argparse.Namespace, models: Sequence[str]
) -> tuple[Targets, list[list[Request]], dict[str, bytes]]:
    """The targets, per network one request a target, and the pictures that they name.

    The k-th target starts from the seed drawn with random number --rng + k.
    """
    from explorer import validation
    from explorer.analysis.targets import target_set

    targets = target_set(options.targets, max(map(_input_px, models)))
    names = [name for name in targets.labels if name != options.seed]
    if not names:
        raise RequestError("targets", "the seed is the only one, so nothing is left to be matched")
    pictures = dict(targets.pictures)
    asked = []
    for which in range(1, len(models) + 1):
        network = {}
        if len(models) > 1:
            network = {
                "model": getattr(options, f"model{which}"),
                "architecture": getattr(options, f"arch{which}"),
                "layer": getattr(options, f"layer{which}"),
            }
        first, more = request_of(options, names[0], **network)
        pictures |= more
        asked.append(
            [
                validation.validate(replace(first, target=name, rng_seed=first.rng_seed + place))
                for place, name in enumerate(names)
            ]
        )
    return targets, asked, pictures


def _input_px(model: str) -> int:
    from explorer.models import catalogue

    entry = catalogue.entry(model)
    return OTHER_PX if entry is None else max(entry.input_size)


def _batch(model: str) -> int:
    return SMALL_BATCH if _input_px(model) <= SMALL_PX else LARGE_BATCH


def _without_target(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.to_dict().items() if name != "target"}


def _how_many(results: Sequence[Result]) -> dict[str, Any]:
    matched = [result for result in results if result.verdicts["network"]["same"]]
    return {
        "of": len(results),
        "matched": len(matched),
        "converged": sum(result.converged for result in matched),
        "stopped": dict(Counter(result.provenance["stopped"] for result in results)),
    }


def _say_how_many(facts: dict[str, Any]) -> None:
    stops = ", ".join(f"{count} by {name}" for name, count in facts["stopped"].items())
    print(
        f"{facts['matched']} of {facts['of']} match, {facts['converged']} of these converged "
        f"(stopped: {stops})"
    )


def _iri(result: Result, targets: Targets) -> dict[str, Any]:
    return {
        "target": targets.labels[result.request.target],
        "key": result.request.key,
        "rng_seed": result.request.rng_seed,
        "relative_l2": result.match["relative_l2"],
        "matched": result.verdicts["network"]["same"],
        "converged": result.converged,
        "stopped": result.provenance["stopped"],
        "perceptual": {
            row["measure"]: {name: row[name] for name in ("to_target", "to_seed", "to_mismatched")}
            for row in result.perceptual
        },
    }


def _paper(found: Alignment, matched: Sequence[Result]) -> dict[str, Any]:
    """Mean and deviation over the paper's four measures, or the reason why there are none."""
    from explorer.metrics.alignment import over_measures
    from explorer.metrics.registry import PAPER

    rows = [row for result in matched[:1] for row in result.perceptual if row["measure"] in PAPER]
    missing = next((row["reason"] for row in rows if row["to_target"] is None), None)
    if missing is None and not all(row["held_out"] for row in rows):
        missing = "one of them was part of the loss, or rests on the loss's or a related network"
    if missing is not None or len(rows) < len(PAPER):
        return {"mean": None, "deviation": None, "reason": missing or "no IRI matches"}
    mean, deviation = over_measures(found.shares[name] for name in PAPER)
    return {"mean": mean, "deviation": deviation, "reason": None}


def _say_alignment(
    found: Alignment, converged: Alignment, paper: dict[str, Any], rows: Sequence[dict]
) -> None:
    from explorer.metrics.perceptual import why_it_judges

    judges = {row["measure"]: why_it_judges(row) for row in rows}
    print(f"{'measure':24} {'nearer target than seed':26} {'wrong target':18} judges")
    for name, share in found.shares.items():
        print(f"{name:24} {share.said():26} {found.wrong[name].said():18} {judges[name]}")
    for title, one in (("all that match", found), ("those that converged", converged)):
        if one.mean is not None:
            print(
                f"Mean over {len(one.judging)} judging measures, {title} ({one.count}): "
                f"{100 * one.mean:.0f} ± {100 * one.deviation:.0f} % "
                f"({100 * one.low:.0f}–{100 * one.high:.0f} over targets)"
            )
    if paper["reason"] is None:
        four = f"{100 * paper['mean']:.0f} ± {100 * paper['deviation']:.0f} %"
    else:
        four = f"not computed, {paper['reason']}"
    print(f"The paper's four (LPIPS on AlexNet and VGG, calibrated or not): {four}")
    print("Intervals: 95 %, by bootstrap over targets; of n targets, 0 or 100 % is within 3/n.")
