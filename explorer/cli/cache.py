"""`iri cache …`: the results in the cache, its size and soundness, packs, the shipped results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from explorer.cli.arguments import file_path, some_text
from explorer.cli.command import Command, CommandFailed, number, print_rows
from explorer.cli.outputs import check_file
from explorer.cli.stored_results import stored_key
from explorer.errors import RequestError
from explorer.store.errors import CacheError

if TYPE_CHECKING:
    from explorer.archive.listing import Entry
    from explorer.store import Store

Answer: TypeAlias = "dict[str, object] | list[dict[str, object]]"

ACTIONS = {
    "stats": "how full the cache is",
    "verify": "check every entry, and drop those that are damaged or forged",
    "list": "the results that are there, newest first",
    "export PACK": "write all entries, or the results that --result names, to a zip file with a "
    "page that opens in any browser",
    "import PACK": "add the results of such a file, each after a check, and say who signed it",
    "sign": "sign the results that an earlier version stored, or that were copied here, each after "
    "the same check",
    "signers": "by which fingerprint others know your packs, and whose packs are known here",
    "delete": "delete the results that --result names",
    "clear": "delete every entry",
    "starter": "compute the results that ship with the app again and overwrite them",
}
"""The actions, with what each takes, and what they do."""


_LISTED = 20
"""So many entries that were refused or damaged are named, each in a line; `--json` names all."""

_HINTS = {"unsigned": "count as absent; `iri cache sign` checks and signs them"}
"""What an answer means for whoever reads it, unless it is 0."""


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
        "--result",
        action="append",
        type=some_text,
        metavar="KEY",
        help="for export and delete: the key of a result, or its first 8 digits; may be repeated",
    )
    parser.add_argument(
        "--search", type=some_text, metavar="WORDS", help="for list: words that have to occur"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="for import and sign: null distributions and other entries, too, which cannot be "
        "checked; for packs and results of your own",
    )
    parser.add_argument(
        "--known-as",
        type=some_text,
        metavar="NAME",
        help="for import: remember who signed the pack by this name; compare the fingerprint with "
        "theirs first",
    )
    parser.add_argument(
        "--yes", action="store_true", help="for starter: overwrite the results that ship"
    )
    parser.add_argument(
        "--keep-images",
        action="store_true",
        help="for starter: measure the images that ship again; generate only those that are new",
    )


_TAKEN_BY = {
    "result": ("export", "delete"),
    "search": ("list",),
    "all": ("import", "sign"),
    "known_as": ("import",),
    "yes": ("starter",),
    "keep_images": ("starter",),
}
"""Which actions take an option."""


def _run(options: argparse.Namespace) -> None:
    from explorer.jobs.settings import check_settings
    from explorer.store.store import Store

    _check(options)
    if options.action == "starter":
        from explorer.cli.starter_results import make_starter_results

        made = make_starter_results(options.yes, options.keep_images)
        _print(options, {"made": made})
        return
    check_settings()
    store = Store()
    try:
        answer = _ANSWERS[options.action](store, options)
        _print(options, answer)
        if options.action == "import":
            _check_imported(answer)
    except CacheError as error:
        if options.action == "import":
            raise RequestError("pack", error.for_operator) from error
        raise CommandFailed(error.for_operator) from error
    finally:
        store.close()


def _check(options: argparse.Namespace) -> None:
    """RequestError for what an action does not take, or lacks."""
    if (options.action in ("export", "import")) != (options.pack is not None):
        raise RequestError("pack", "export and import take a file's name, the others take none")
    for name, actions in _TAKEN_BY.items():
        if getattr(options, name) and options.action not in actions:
            takers = " and ".join(actions)
            verb = "take" if len(actions) > 1 else "takes"
            raise RequestError(name, f"only {takers} {verb} it; leave it out")
    if options.action == "delete" and not options.result:
        raise RequestError("result", "say which: --result KEY, or clear to delete every entry")
    if options.action == "export":
        check_file("pack", options.pack)


def _stats(store: Store, options: argparse.Namespace) -> Answer:
    facts = asdict(store.stats())
    return facts | {"can_store": facts.pop("not_kept") or "yes"}


def _verify(store: Store, options: argparse.Namespace) -> Answer:
    return asdict(store.verify())


def _clear(store: Store, options: argparse.Namespace) -> Answer:
    return {"removed": store.clear()}


def _export(store: Store, options: argparse.Namespace) -> Answer:
    from explorer.archive.packs import export_results

    keys = _keys(store, options) if options.result else None
    return {"exported": export_results(store, options.pack, keys)}


def _import(store: Store, options: argparse.Namespace) -> Answer:
    from explorer.archive.packs import import_results
    from explorer.store.signers import remember

    report = import_results(store, options.pack, results_only=not options.all)
    signer, facts = report.signed_by, asdict(report)
    if options.known_as:
        if signer is None:
            raise RequestError("known_as", "nobody signed this pack; leave it out")
        remember(store.directory, signer.fingerprint, options.known_as)
        signer = replace(signer, name=options.known_as)
    facts["signed_by"] = "nobody" if signer is None else signer.fingerprint
    if signer is not None:
        facts["signer_is"] = signer.title
    return facts


def _sign(store: Store, options: argparse.Namespace) -> Answer:
    from explorer.archive.packs import sign_results

    return asdict(sign_results(store, results_only=not options.all))


def _signers(store: Store, options: argparse.Namespace) -> Answer:
    from explorer.store import signers, signing

    own = signing.installation(store.directory)
    known = tuple(signers.known(store.directory).items())
    return {"this_installation": own.fingerprint, "its_key": str(own.file), "known": known}


def _check_imported(report: Answer) -> None:
    """CommandFailed where a pack is empty, or every one of its entries was refused."""
    if not isinstance(report, dict) or report["imported"] or report["present"]:
        return
    if isinstance(refused := report["refused"], tuple) and refused:
        name, reason = refused[0]
        many = f"refused all {len(refused):,} entries, first" if len(refused) > 1 else "refused"
        raise CommandFailed(f"nothing was imported; {many} {name[:16]}: {reason}")
    raise CommandFailed("nothing was imported: the pack holds no results")


def _delete(store: Store, options: argparse.Namespace) -> Answer:
    keys = _keys(store, options)
    if ships := [key for key in keys if key in store.shipped()]:
        raise RequestError("result", f"{ships[0][:10]}… ships with the app and stays; leave it out")
    return {"removed": sum(map(store.delete, keys))}


def _list(store: Store, options: argparse.Namespace) -> Answer:
    from explorer.archive.listing import Filter, Listing

    listing = Listing(store)
    listing.summarise(inf)
    entries = listing.contents().entries
    found = Filter(text=options.search or "").matching(entries)
    if not found:
        every = f"no result has all of these words: {options.search}" if options.search else ""
        print(every or "there is no result in the cache", file=sys.stderr)
    return [_row(entry, store.origin(entry.key)) for entry in found]


def _keys(store: Store, options: argparse.Namespace) -> list[str]:
    return [stored_key("result", word, store) for word in options.result]


_ANSWERS: dict[str, Callable[[Store, argparse.Namespace], Answer]] = {
    "stats": _stats,
    "verify": _verify,
    "list": _list,
    "export": _export,
    "import": _import,
    "sign": _sign,
    "signers": _signers,
    "delete": _delete,
    "clear": _clear,
}


def _print(options: argparse.Namespace, answer: Answer) -> None:
    if isinstance(answer, list):
        print_rows(options, answer, _line)
    elif options.json:
        print(json.dumps(answer, indent=1, default=str))
    else:
        for name, value in answer.items():
            title = name.replace("_", " ")
            if not isinstance(value, tuple):
                hint = f" ({_HINTS[name]})" if value and name in _HINTS else ""
                print(f"{title}: {value}{hint}")
                continue
            print(f"{title}: {len(value)}")
            shown = () if name in ("imported", "present") else value[:_LISTED]
            for each in shown:
                print(f"  {each if isinstance(each, str) else ': '.join(each)}")
            if shown and len(value) > _LISTED:
                print(f"  … and {len(value) - _LISTED:,} more")


def _row(entry: Entry, origin: str | None) -> dict[str, object]:
    """An entry of the list as JSON; what is there for the search alone is left out."""
    facts = {
        name: value
        for name, value in asdict(entry.summary).items()
        if name not in ("request", "words")
    }
    stored = datetime.fromtimestamp(entry.stored_at, UTC).isoformat(timespec="seconds")
    return facts | {
        "shipped": entry.shipped,
        "stored": None if entry.shipped else stored,
        "imported_from": origin,
    }


def _line(row: dict[str, object]) -> str:
    distance = row["relative_l2"]
    shown = number(distance if isinstance(distance, float) else None)
    return (
        f"{str(row['key'])[:12]}  {row['state']!s:11}  {shown:>6}  {row['model']}, "
        f"{row['layer']}, {row['loss']}: {row['seed']} → {row['target']}"
    )


COMMAND = Command("cache", "manage the result cache", _run, _add_options, prints_json=True)
