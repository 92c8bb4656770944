"""`iri diverse`: IRIs of one target, as unlike each other as the network allows."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.analysis.diverse import DEFAULT_COUNT, SET_RANGE
from explorer.cli.arguments import file_path, whole_number
from explorer.cli.command import Command, number
from explorer.cli.option_tables import NETWORK_OPTIONS, TARGET_OPTION
from explorer.cli.options import add_options, add_search_options, request_from
from explorer.cli.outputs import check_folder, print_network
from explorer.cli.running import EngineRunner
from explorer.files import write_atomically

if TYPE_CHECKING:
    from explorer.analysis.diverse import DiverseSet


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, (*NETWORK_OPTIONS, TARGET_OPTION), required=("model", "target"))
    parser.add_argument(
        "--count",
        type=whole_number(*SET_RANGE),
        default=DEFAULT_COUNT,
        help=f"how many images, {SET_RANGE[0]} to {SET_RANGE[1]} (default: %(default)s)",
    )
    add_search_options(
        parser,
        "random seed from which the first seed image is drawn; each following image takes the next "
        "number",
    )
    parser.add_argument("--out", type=file_path, help="folder for a folder of each result")


def _run(options: argparse.Namespace) -> None:
    from explorer.analysis.diverse import diverse_set

    check_folder("out", options.out)
    request, pictures = request_from(options, options.target)
    with EngineRunner.started() as runner:
        found = diverse_set(request, options.count, pictures, runner)
    if options.out is not None:
        _write(found, options.out)
    if options.json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print(found)
        if options.out is not None:
            print(f"Written to {options.out}")


def _write(found: DiverseSet, folder: Path) -> None:
    """A folder per image, each file whole or not at all."""
    for place, result in enumerate(found.results, start=1):
        for name, data in result.files().items():
            path = folder / str(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)


def _print(found: DiverseSet) -> None:
    for place, result in enumerate(found.results, start=1):
        distance = number(result.match.relative_l2, 4)
        away = "" if result.difference is None else f", {_nearest(result.difference.away_from)}"
        print(f"{place}: {result.state}, relative distance {distance}{away}")
    print("RMS distances per pixel of the pairs, mean (least):")
    rows = [
        ("the diverse set", found.spread),
        ("IRIs from as many random seeds", found.spread_from_seeds),
        ("these seeds", found.spread_of_seeds),
    ]
    for title, spread in rows:
        if spread is not None:
            print(f"  {spread.mean:.3f} ({spread.least:.3f})  {title}")
    print(f"  {found.largest:.3f}          no images of values in [0, 1] can have a larger mean")
    print("These show how much the network ignores, not whether they look like the target.")
    print_network(found.results[0].network)


def _nearest(away_from: tuple[tuple[str, float], ...]) -> str:
    least = min(distance for _, distance in away_from)
    return f"{least:.3f} from the nearest before it"


COMMAND = Command(
    "diverse", "IRIs of one target, as unlike each other as allowed", _run, _add_options, True
)
