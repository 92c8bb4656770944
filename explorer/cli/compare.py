"""`iri compare RESULT`: how another network sees a finished IRI."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, number
from explorer.cli.options import add_network_options, add_null_option, network_from
from explorer.cli.running import EngineRunner
from explorer.errors import RequestError

if TYPE_CHECKING:
    from explorer.analysis.network_comparison import NetworkComparison
    from explorer.result import Result


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "result", type=file_path, help="a folder that generate wrote, or a result's zip"
    )
    add_network_options(parser)
    add_null_option(parser)


def _run(options: argparse.Namespace) -> None:
    from explorer import validation

    result = _read(options.result)
    observer = validation.observer(network_from(options), options.layer, options.null_folder)
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
    print(f"To {comparison.model} at {comparison.layer} the same? {'yes' if match.same else 'no'}")
    print(
        f"  relative distance {number(match.relative_l2)} (8-bit images); unrelated "
        f"images: {number(null.min)} to {number(null.max)}"
    )
    for title, top in (("target", match.target_top), ("iri", match.iri_top)):
        names = ", ".join(f"{each.name} {each.probability:.0%}" for each in top)
        print(f"  it calls the {title} {names}" if names else f"  it names no classes ({title})")
    measures = pair_measures()
    print(f"{'layer':36}{''.join(f'{name:>13}' for name in measures)}")
    for row in comparison.layers:
        columns = "".join(f"{number(row.values.get(name)):>13}" for name in measures)
        print(f"{row.name:36}{columns}")


def _read(path: Path) -> Result:
    from explorer.result import Result, ResultError

    try:
        if path.is_dir():
            files = {
                each.relative_to(path).as_posix(): each.read_bytes()
                for each in path.rglob("*")
                if each.is_file()
            }
            return Result.from_files(files)
        return Result.from_bytes(path.read_bytes())
    except ResultError as error:
        raise RequestError("result", f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise RequestError("result", f"there is no folder or file {str(path)!r}") from error


COMMAND = Command("compare", "how another network sees a finished IRI", _run, _add_options, True)
