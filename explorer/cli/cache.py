"""`python -m explorer cache …`: how full the cache is, whether it is sound, packs of results;
`starter` makes the pack that ships with the app again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from explorer.request import RequestError
from explorer.store.errors import CacheError

ACTIONS = ("stats", "verify", "export", "import", "clear", "starter")


def add_cache_commands(command: Callable) -> None:
    """Add `cache` to the parser; `command` makes a subparser with its help."""
    one = command("cache", _run, "look after the results on disk", json_option=True)
    one.add_argument("action", choices=ACTIONS)
    one.add_argument("pack", nargs="?", type=Path, help="for export and import, the pack's file")


def _run(options: argparse.Namespace) -> None:
    from explorer.store.packs import export_pack, import_pack
    from explorer.store.store import Store

    if (options.action in ("export", "import")) != (options.pack is not None):
        raise RequestError("pack", "export and import take a file's name, the others take none")
    store = Store()
    try:
        if options.action == "stats":
            _say(options, asdict(store.stats()))
        elif options.action == "verify":
            _say(options, asdict(store.verify()))
        elif options.action == "clear":
            _say(options, {"removed": store.clear()})
        elif options.action == "starter":
            _say(options, {"made": _make_starter_results()})
        elif options.action == "export":
            _say(options, {"exported": export_pack(store, options.pack)})
        else:
            _say(options, asdict(import_pack(store, options.pack)))
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


def _say(options: argparse.Namespace, facts: dict) -> None:
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' ')}: {value}")
