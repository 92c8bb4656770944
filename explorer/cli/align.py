"""`iri align`: the share of IRIs that look more like their target than like their seed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.analysis.targets import HELP as TARGETS_HELP
from explorer.cli.arguments import some_text
from explorer.cli.command import Command
from explorer.cli.options import add_network_options, add_search_options, request_from
from explorer.cli.outputs import print_network
from explorer.cli.running import EngineRunner

if TYPE_CHECKING:
    from explorer.analysis.align import AlignmentReport, Counts, PaperAlignment
    from explorer.analysis.targets import TargetSet
    from explorer.request import Request

RNG_HELP = (
    "random seed from which the first target's seed image is drawn; each following target takes "
    "the next number"
)

ANY_TARGET = "noise"
"""Stands in for the target until each of the set takes its place."""


def add_targets_option(parser: argparse.ArgumentParser) -> None:
    """--targets: the set of pictures of which IRIs are made."""
    parser.add_argument(
        "--targets",
        type=some_text,
        default="gallery",
        help=f"{TARGETS_HELP} (default: %(default)s)",
    )


def targets_from(options: argparse.Namespace, requests: Sequence[Request]) -> TargetSet:
    """The set that --targets names for these requests.

    What was given and is no target is printed to stderr: other files of a folder, copies, seeds.
    Raises as `explorer.analysis.align.targets_for`.
    """
    from explorer.analysis.align import targets_for

    targets = targets_for(options.targets, requests)
    for note in targets.notes_with({request.seed for request in requests}):
        print(note, file=sys.stderr)
    return targets


def print_counts(counts: Counts) -> None:
    """How many match, converged, why the searches stopped, and whether the matches are equal."""
    stops = ", ".join(f"{count} by {name}" for name, count in counts.stopped.items())
    print(
        f"{counts.matched} of {counts.of} match, {counts.converged} of these converged "
        f"(stopped: {stops})"
    )
    if warning := counts.match_range.warning:
        print(warning)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_network_options(parser)
    add_targets_option(parser)
    add_search_options(parser, RNG_HELP)


def _run(options: argparse.Namespace) -> None:
    from explorer.analysis.align import align

    request, pictures = request_from(options, ANY_TARGET)
    targets = targets_from(options, [request])
    with EngineRunner.started() as runner:
        report = align(request, targets, pictures, runner)
    if options.json:
        print(json.dumps(report.to_json(), indent=1))
        return
    print(
        f"{options.model}, {options.layer}, {options.loss}, from {options.seed}; "
        f"{report.targets.text}"
    )
    print_counts(report.counts)
    print_network(report.network)
    if report.counts.matched:
        _print_shares(report)
    else:
        print("No IRI matches, so nothing can be said about the network.")


def _print_shares(report: AlignmentReport) -> None:
    from explorer.metrics.perceptual_verdict import MIN_VOTES, why_counted

    first = next(result for result in report.results if result.matched)
    counted = {row.measure: why_counted(row) for row in first.perceptual}
    alignment = report.alignment
    print(f"{'measure':24} {'nearer target than seed':26} {'wrong targets':18} counted")
    for name, share in alignment.shares.items():
        wrong = alignment.wrong[name].to_text()
        print(f"{name:24} {share.to_text():26} {wrong:18} {counted[name]}")
    for title, each in (
        ("all that match", alignment),
        ("those that converged", report.alignment_of_converged),
        ("all that match, as searched", report.alignment_as_searched),
    ):
        if each is not None and each.mean is not None:
            print(
                f"Mean over {len(each.counted)} counted measures, {title} ({each.count}): "
                f"{_percent(each.mean)} ± {_percent(each.deviation)} % "
                f"({_percent(each.low)}–{_percent(each.high)} over targets)"
            )
    if report.moved is not None:
        searched = report.moved.searched
        print(
            f"Moved per pixel (RMS) from the seed: {report.moved.rms:.3f}"
            + ("" if searched is None else f"; {searched:.3f} as searched")
        )
    if alignment.mean is None:
        print(
            f"No mean: {len(alignment.counted)} kinds of measures can tell right from wrong "
            f"targets here, and {MIN_VOTES} are needed"
        )
    print(
        "The paper's four (LPIPS on AlexNet and VGG, calibrated or not): "
        f"{_paper_text(report.paper)}"
    )
    print("Intervals: 95 %, by bootstrap over targets; of n targets, 0 or 100 % is within 3/n.")


def _paper_text(paper: PaperAlignment) -> str:
    if paper.mean is None:
        return f"not computed, {paper.reason}"
    return f"{_percent(paper.mean)} ± {_percent(paper.deviation)} %"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


COMMAND = Command(
    "align",
    "the share of IRIs that look more like their target than their seed",
    _run,
    _add_options,
    prints_json=True,
)
