"""`iri compare RESULT`: how another network sees a finished IRI."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, number
from explorer.cli.options import add_network_options, add_null_option, network_from, print_left_out
from explorer.cli.outputs import print_network
from explorer.cli.running import EngineRunner
from explorer.cli.stored_results import read_result
from explorer.metrics import no_match

if TYPE_CHECKING:
    from explorer.analysis.network_comparison import NetworkComparison


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "result", type=file_path, help="a folder that generate wrote, or a result's zip"
    )
    add_network_options(parser)
    add_null_option(parser)


def _run(options: argparse.Namespace) -> None:
    from explorer import validation

    result = read_result("result", options.result)
    observer = validation.observer(network_from(options), options.layer, options.null_folder)
    print_left_out(observer)
    validation.check_download(observer)
    with EngineRunner.started() as runner:
        comparison = runner.compare(result, observer)
    if options.json:
        print(json.dumps(comparison.to_json(), indent=1))
    else:
        _print(comparison)


def _print(comparison: NetworkComparison) -> None:
    from explorer.metrics.representation_measures import pair_measures

    match, null = comparison.match, comparison.null.relative_l2
    state = "matched" if match.same else "not matched"
    print(f"To {comparison.model} at {comparison.layer} the same? {state}")
    print(
        f"  relative distance {number(match.relative_l2)} (8-bit images); unrelated "
        f"images: {number(null.min)} to {number(null.max)}"
    )
    for reason in no_match.reasons(match, match, comparison.null):
        print(f"  {reason}")
    for title, top in (("target", match.target_top), ("iri", match.iri_top)):
        names = ", ".join(f"{each.name} {each.probability:.0%}" for each in top)
        print(f"  it calls the {title} {names}" if names else f"  it names no classes ({title})")
    print(f"  {comparison.own_match}")
    print_network(comparison.network_used)
    measures = pair_measures()
    print(f"{'layer':36}{''.join(f'{name:>13}' for name in measures)}")
    for row in comparison.layers:
        columns = "".join(f"{number(row.values.get(name)):>13}" for name in measures)
        print(f"{row.name:36}{columns}")


COMMAND = Command("compare", "how another network sees a finished IRI", _run, _add_options, True)
