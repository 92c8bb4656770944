"""`measures` and `compare`: what there is to measure by, and another network's view of an IRI."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.options import NULL_FOLDER_HELP, add_network_options
from explorer.cli.running import an_engine, ask, number
from explorer.request import RequestError

if TYPE_CHECKING:
    from explorer.result import Result


def add_measure_commands(command: Callable) -> None:
    """Add the two to the parser; `command` makes a subparser with its help."""
    command("measures", _measures, "the measures, their ranges and sources", json_option=True)

    look = command("compare", _compare, "how another network sees a finished IRI", json_option=True)
    look.add_argument("result", type=Path, help="a folder that generate wrote, or a result's zip")
    add_network_options(look)
    look.add_argument("--null-folder", help=NULL_FOLDER_HELP)


def _measures(options: argparse.Namespace) -> None:
    from explorer.metrics.layer_measures import LAYER_MEASURES
    from explorer.metrics.registry import MEASURES

    rows = [each.to_dict() for each in (*MEASURES.values(), *LAYER_MEASURES.values())]
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        low, high = ("∞" if end is None else f"{end:g}" for end in row["range"])
        print(f"{row['name']:22} {row['nearer']:6} is nearer, {low} to {high}. {row['says']}")


def _compare(options: argparse.Namespace) -> None:
    from explorer import validation
    from explorer.jobs import work

    result = _read(options.result)
    eye = validation.observer(
        options.model,
        architecture=options.arch,
        layer=options.layer,
        size=options.size,
        null_folder=options.null_folder,
    )
    validation.check_download(eye)
    with an_engine() as engine:
        found = ask(engine, work.compare, result.to_bytes(), eye.to_dict())
    if options.json:
        print(json.dumps(found, indent=1))
        return
    match = found["match"]
    null = match["null"]["relative_l2"]["quantiles"]
    print(f"To {found['model']} at {found['layer']} the same? {'yes' if match['same'] else 'no'}")
    print(
        f"  relative distance {number(match['relative_l2'])} (8-bit pictures); unrelated "
        f"pictures: {number(null['min'])} to {number(null['max'])}"
    )
    for who in ("target", "iri"):
        said = ", ".join(f"{one['name']} {one['probability']:.0%}" for one in match[f"{who}_top"])
        print(f"  it calls the {who} {said}" if said else f"  it names no classes ({who})")
    print(f"{'layer':36} relative  cosine  pearson  spearman  SNR dB")
    for row in found["layers"]:
        numbers = (row[name] for name in ("relative_l2", "cosine", "pearson", "spearman"))
        said = "".join(f"{number(one):>9}" for one in numbers)
        print(f"{row['name']:36}{said}{number(row['snr_db'], 1):>8}")


def _read(path: Path) -> Result:
    from explorer.result import Result, ResultError

    try:
        if path.is_dir():
            files = {
                one.relative_to(path).as_posix(): one.read_bytes()
                for one in path.rglob("*")
                if one.is_file()
            }
            return Result.from_files(files)
        return Result.from_bytes(path.read_bytes())
    except ResultError as error:
        raise RequestError("result", f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise RequestError("result", f"there is no folder or file {str(path)!r}") from error
