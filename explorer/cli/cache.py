"""`iri cache …`: the result cache's size and soundness, packs of results, the shipped results."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, CommandFailed
from explorer.cli.outputs import check_file, check_folder
from explorer.errors import RequestError
from explorer.store.errors import CacheError

if TYPE_CHECKING:
    from explorer.request import Request

ACTIONS = {
    "stats": "how full the cache is",
    "verify": "check every entry and drop damaged ones",
    "export PACK": "write all entries to a file",
    "import PACK": "add the entries of such a file",
    "clear": "delete every entry",
    "starter": "compute the results that ship with the app again and overwrite them",
}
"""The actions, with what each takes, and what they do."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=[action.partition(" ")[0] for action in ACTIONS],
        help="; ".join(f"{action}: {text}" for action, text in ACTIONS.items()),
    )
    parser.add_argument(
        "pack", nargs="?", type=file_path, help="for export and import, the pack's file"
    )
    parser.add_argument(
        "--yes", action="store_true", help="for starter: overwrite the results that ship"
    )
    parser.add_argument(
        "--keep-images",
        action="store_true",
        help="for starter: measure the images that ship again; generate only those that are new",
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.jobs.settings import check_settings
    from explorer.store.packs import export_pack, import_pack
    from explorer.store.store import Store

    if (options.action in ("export", "import")) != (options.pack is not None):
        raise RequestError("pack", "export and import take a file's name, the others take none")
    for name in ("yes", "keep_images"):
        if getattr(options, name) and options.action != "starter":
            raise RequestError(name, "only starter takes it; leave it out")
    if options.action == "starter":
        made = _make_starter_results(options.yes, options.keep_images)
        _print(options, {"made": made})
        return
    if options.action == "export":
        check_file("pack", options.pack)
    check_settings()
    store = Store()
    try:
        if options.action == "stats":
            _print(options, asdict(store.stats()))
        elif options.action == "verify":
            _print(options, asdict(store.verify()))
        elif options.action == "clear":
            _print(options, {"removed": store.clear()})
        elif options.action == "export":
            _print(options, {"exported": export_pack(store, options.pack)})
        else:
            _print(options, asdict(import_pack(store, options.pack)))
    except CacheError as error:
        if options.action == "import":
            raise RequestError("pack", str(error)) from error
        raise CommandFailed(str(error)) from error
    finally:
        store.close()


def _make_starter_results(confirmed: bool, keep_images: bool) -> int:
    """Compute every starter result with this installation and write them; returns how many.

    confirmed: whether the files that ship may be overwritten; RequestError says which otherwise.
    keep_images: measure those that are there, and search only for others.
    """
    from explorer.analysis.examples import EXAMPLES, as_shipped
    from explorer.store import starter

    check_folder("starter", starter.DIRECTORY)
    if not confirmed:
        raise RequestError(
            "yes",
            f"starter computes the {len(EXAMPLES)} results that ship with the app again and "
            f"overwrites the .zip files and manifest.json in {starter.DIRECTORY}; add "
            "--yes to do that",
        )
    from explorer.analysis.generation import generate
    from explorer.analysis.measured_again import measured_again
    from explorer.result import Result

    def result_of(request: Request) -> Result:
        data = starter.load(request.key) if keep_images else None
        return generate(request) if data is None else measured_again(Result.from_bytes(data))

    results = [(title, result_of(request)) for title, request in EXAMPLES]
    entries = [(made.request.key, title, as_shipped(made).to_bytes()) for title, made in results]
    return len(starter.write(entries))


def _print(options: argparse.Namespace, facts: dict[str, object]) -> None:
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' ')}: {value}")


COMMAND = Command("cache", "manage the result cache", _run, _add_options, prints_json=True)
