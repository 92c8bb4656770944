"""`--data NAME=PATH`: the photographs of one or more data sets, for tools that measure on them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import RequestError, unknown
from explorer.files import expanded
from explorer.research.training.datasets import DATASETS

if TYPE_CHECKING:
    from explorer.research.training.photos import Photos


def add_data_option(parser: argparse.ArgumentParser, help_text: str) -> None:
    """The option, which may be given once per data set."""
    parser.add_argument("--data", action="append", default=[], metavar="NAME=PATH", help=help_text)


def photographs(words: Sequence[str], report: Callable[[str], None] = print) -> dict[str, Photos]:
    """The photographs by name of their data set; words: `NAME=PATH`, as on the command line.

    Raises RequestError (field `data`) for an unknown or repeated name, and as
    `explorer.research.training.photos.load`, also for photographs of other classes.
    """
    paths: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (equals and path):
            raise RequestError(
                "data", f"{word!r} does not say whose photographs these are; write {_example()}"
            )
        if name not in DATASETS:
            raise unknown("data", "data set", name, list(DATASETS))
        if name in paths:
            raise RequestError("data", f"{name} is given twice; give each data set once")
        paths[name] = expanded("data", path)
    return {name: _load(name, path, report) for name, path in paths.items()}


def _example() -> str:
    return " or ".join(f"{name}=PATH" for name in DATASETS)


def _load(name: str, path: Path, report: Callable[[str], None]) -> Photos:
    from explorer.research.training import photos, training
    from explorer.research.training.photo_sources import find

    dataset = DATASETS[name]
    source = find(path, dataset)
    if set(source.classes) != set(dataset.classes):
        raise RequestError(
            "data",
            f"{str(path)!r} has not the classes of {dataset.title} "
            f"({', '.join(dataset.classes[:3])}, …), of which the networks learned",
        )
    return photos.decoded(source, dataset, cache=training.SCRATCH, report=report)
