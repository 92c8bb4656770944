"""`iri eyes REF REF …`: do the IRIs of each network look the same to every other one?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from explorer.cli.align import (
    ANY_TARGET,
    RNG_HELP,
    add_targets_option,
    targets_from,
)
from explorer.cli.command import Command, number
from explorer.cli.option_tables import LAYER_OPTION
from explorer.cli.options import add_options, add_search_options, request_from
from explorer.cli.running import EngineRunner
from explorer.errors import RequestError
from explorer.metrics.invariance import FEWEST_IMAGES
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.analysis.eyes import ObserverMatrix, View

MOST_NETWORKS = 12


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="REF", help="such as embedded:NAME")
    add_options(parser, (LAYER_OPTION,))
    parser.add_argument(
        "--seen-at",
        default="penultimate",
        metavar="LAYER",
        help="the layer at which every network compares the others' IRIs (default: %(default)s)",
    )
    add_targets_option(parser)
    add_search_options(parser, RNG_HELP)


def _run(options: argparse.Namespace) -> None:
    from explorer.analysis.align import batch_size, requests_for
    from explorer.analysis.eyes import observer_matrix

    models = list(options.models)
    if twice := next((each for each in models if models.count(each) > 1), None):
        raise RequestError("models", f"{twice} is given twice; give each network once")
    if not 2 <= len(models) <= MOST_NETWORKS:
        raise RequestError("models", f"give 2 to {MOST_NETWORKS} networks, not {len(models)}")
    requests: list[Request] = []
    pictures: dict[str, bytes] = {}
    for model in models:
        network = {"model": model, "layer": options.layer}
        request, files = request_from(options, ANY_TARGET, network)
        requests.append(request)
        pictures |= files
    targets = targets_from(options, requests)
    available = {**targets.pictures, **pictures}
    with EngineRunner.started() as runner:
        results = []
        for request in requests:
            wanted = requests_for(request, targets, {each.seed for each in requests})
            results += runner.generate(wanted, available, batch_size(request))
        matrix = observer_matrix(results, options.seen_at, runner)
    if options.json:
        print(json.dumps(matrix.to_json(), indent=1))
    else:
        _print(matrix)


def _print(matrix: ObserverMatrix) -> None:
    count = len(matrix.targets)
    for at, made in enumerate(matrix.made, start=1):
        print(
            f"{at}: {made.network.model}, {made.layer}; {sum(made.converged)} of {count} converged"
        )
    if count >= FEWEST_IMAGES:
        print("\nSTIR: how alike IRIs and targets are to each network (with wrong pairs)")
        _table(matrix, lambda view: f"{number(view.stir, 2)} ({number(view.stir_by_chance, 2)})")
    print("\nMedian relative distance (how many match, by that network's own null)")
    _table(
        matrix,
        lambda view: f"{number(view.median_distance)} ({sum(view.matched)}/{count})",
    )
    print("Rows: the network that the IRIs were made for; columns: the network that sees them.")
    if not all(made.all_converged for made in matrix.made):
        print("*: not all of these IRIs converged, so that their row may be the search's.")


def _table(matrix: ObserverMatrix, cell: Callable[[View], str]) -> None:
    print("      " + "".join(f"{at:>15}" for at in range(1, len(matrix.observers) + 1)))
    for at, made in enumerate(matrix.made):
        mark = " " if made.all_converged else "*"
        cells = "".join(f"{cell(each.views[at]):>15}" for each in matrix.observers)
        print(f"  {at + 1:>2}{mark} {cells}")


COMMAND = Command(
    "eyes",
    "whether the IRIs of each of several networks look the same to every other one",
    _run,
    _add_options,
    prints_json=True,
)
