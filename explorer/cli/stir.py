"""`iri stir REF1 REF2`: whether two networks share their invariances."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from explorer.cli.align import (
    ANY_TARGET,
    RNG_HELP,
    add_targets_option,
    print_counts,
    targets_from,
)
from explorer.cli.command import Command, number
from explorer.cli.option_tables import LAYER_OPTION, LOADING_OPTIONS
from explorer.cli.options import (
    add_options,
    add_search_options,
    network_fields,
    request_from,
)
from explorer.cli.outputs import print_network
from explorer.cli.running import EngineRunner
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.analysis.stir import StirReport


def _add_options(parser: argparse.ArgumentParser) -> None:
    for which in ("1", "2"):
        parser.add_argument(f"model{which}", help="such as embedded:NAME")
    for which in ("1", "2"):
        add_options(parser, (LAYER_OPTION, *LOADING_OPTIONS), which)
    add_targets_option(parser)
    add_search_options(parser, RNG_HELP)


def _run(options: argparse.Namespace) -> None:
    from explorer.analysis.stir import stir

    requests: list[Request] = []
    pictures: dict[str, bytes] = {}
    for which in ("1", "2"):
        network = network_fields(options, getattr(options, f"model{which}"), which)
        network["layer"] = getattr(options, f"layer{which}")
        request, files = request_from(options, ANY_TARGET, network)
        requests.append(request)
        pictures |= files
    targets = targets_from(options, requests)
    with EngineRunner.started() as runner:
        report = stir(requests[0], requests[1], targets, pictures, runner)
    if options.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        _print(report, (options.model1, options.model2))


def _print(report: StirReport, models: tuple[str, str]) -> None:
    for which, (model, counts) in enumerate(zip(models, report.counts, strict=True), start=1):
        print(f"network {which}: {model}; {report.targets.text}")
        print_counts(counts)
        print_network(report.used[which - 1])
    shared = report.shared
    print(
        f"Linear CKA of the two on the targets: {shared.similarity:.3f} "
        f"({shared.similarity_by_chance:.3f} with wrong pairs)"
    )
    for title, each in (
        ("STIR(2 | 1), network 2 looks at network 1's IRIs", shared.second_given_first),
        ("STIR(1 | 2), network 1 looks at network 2's IRIs", shared.first_given_second),
    ):
        print(
            f"{title}: {each.value:.3f} ({each.chance:.3f} with wrong pairs); their own match: "
            f"median {number(each.median_match)}, worst {number(each.worst_match)}"
        )
    if warning := report.median_matches.warning:
        print(warning)


COMMAND = Command(
    "stir", "whether two networks share their invariances", _run, _add_options, prints_json=True
)
