"""`iri cache …`: how full the cache is, whether it is sound, packs of results;
`starter` makes the pack that ships with the app again."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from explorer.cli.command import Command
from explorer.errors import RequestError
from explorer.store.errors import CacheError

ACTIONS = ("stats", "verify", "export", "import", "clear", "starter")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("pack", nargs="?", type=Path, help="for export and import, the pack's file")


def _run(options: argparse.Namespace) -> None:
    from explorer.store.packs import export_pack, import_pack
    from explorer.store.store import Store

    if (options.action in ("export", "import")) != (options.pack is not None):
        raise RequestError("pack", "export and import take a file's name, the others take none")
    store = Store()
    try:
        if options.action == "stats":
            _print(options, asdict(store.stats()))
        elif options.action == "verify":
            _print(options, asdict(store.verify()))
        elif options.action == "clear":
            _print(options, {"removed": store.clear()})
        elif options.action == "starter":
            _print(options, {"made": _make_starter_results()})
        elif options.action == "export":
            _print(options, {"exported": export_pack(store, options.pack)})
        else:
            _print(options, asdict(import_pack(store, options.pack)))
    except CacheError as error:
        raise RequestError("pack", str(error)) from error
    finally:
        store.close()


def _make_starter_results() -> int:
    """Make every starter result with this installation and write the pack; returns how many."""
    from explorer.analysis.examples import EXAMPLES
    from explorer.analysis.generation import generate
    from explorer.store import starter

    entries = [(request.key, title, generate(request).to_bytes()) for title, request in EXAMPLES]
    return len(starter.write(entries))


def _print(options: argparse.Namespace, facts: dict[str, object]) -> None:
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' ')}: {value}")


COMMAND = Command("cache", "manage the result cache", _run, _add_options, prints_json=True)
