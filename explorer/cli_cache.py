"""`python -m explorer cache …`: how full the cache is, whether it is sound, packs of results;
`starter` makes the pack that ships with the app again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from cache.errors import CacheError
from explorer.request import RequestError

ACTIONS = ("stats", "verify", "export", "import", "clear", "starter")


def add_cache_commands(command: Callable) -> None:
    """Add `cache` to the parser; `command` makes a subparser with its help."""
    one = command("cache", _run, "look after the results on disk", json_option=True)
    one.add_argument("action", choices=ACTIONS)
    one.add_argument("pack", nargs="?", type=Path, help="for export and import, the pack's file")


def _run(options: argparse.Namespace) -> None:
    from cache.packs import export_pack, import_pack
    from cache.store import Store

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
            from explorer import starter_pack

            _say(options, {"made": starter_pack.make()})
        elif options.action == "export":
            _say(options, {"exported": export_pack(store, options.pack)})
        else:
            _say(options, asdict(import_pack(store, options.pack)))
    except CacheError as error:
        raise RequestError("pack", str(error)) from error
    finally:
        store.close()


def _say(options: argparse.Namespace, facts: dict) -> None:
    if options.json:
        print(json.dumps(facts, indent=1, default=str))
    else:
        for name, value in facts.items():
            print(f"{name.replace('_', ' ')}: {value}")
