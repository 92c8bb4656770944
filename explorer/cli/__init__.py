"""The command line: everything the app does, for scripts.

Exit codes: 0 success, 2 a request that cannot be right (the message names the field and the
allowed values), 1 a failure while running, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from explorer.cli.options import SIZE_HELP, add_network_options, add_search_options, requests_of
from explorer.cli.running import Failed, an_engine, ask, made, number
from explorer.models.hubs import HubUnreachable
from explorer.request import RequestError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except RequestError as error:
        print(f"{options.program}: {error}", file=sys.stderr)
        return 2
    except (Failed, HubUnreachable, OSError) as error:
        print(f"{options.program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.program}: interrupted", file=sys.stderr)
        return 130
    return 0


def _generate(options: argparse.Namespace) -> None:
    requests, pictures = requests_of(options, target=options.target)
    several = len(requests) > 1
    with an_engine() as engine:
        results = made(engine, requests, pictures)
    for result in results if options.out is not None else []:
        folder = options.out / f"rng-{result.request.rng_seed}" if several else options.out
        _write(result.files(), folder)
    if options.json:
        said = [result.to_json() for result in results]
        print(
            json.dumps({"results": said} | _over_seeds(results) if several else said[0], indent=1)
        )
        return
    for result in results:
        if several:
            print(f"Random number {result.request.rng_seed}")
        _say_result(result)
    if several:
        counted = _over_seeds(results)
        print(f"{counted['matched']} of {len(results)} are the same to the network")
    if options.out is not None:
        print(f"Written to {options.out}")


def _over_seeds(results: list) -> dict[str, object]:
    """How many of these match, and for each how many measures call it nearer the target."""
    persons = [result.verdicts["person"] for result in results]
    return {
        "matched": sum(result.verdicts["network"]["same"] for result in results),
        "nearer_target": [f"{one['nearer_target']} of {one['judges']}" for one in persons],
    }


def _write(files: dict[str, bytes], folder: Path) -> None:
    """Each file whole or not at all: written beside its place, then moved there."""
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f".{place.name}.partial")
        partial.write_bytes(data)
        partial.replace(place)


def _say_result(result) -> None:
    match, person = result.match, result.verdicts["person"]
    null = match["null"]["relative_l2"]["quantiles"]
    same = "yes" if result.verdicts["network"]["same"] else "no"
    print(f"To the network the same? {same}")
    print(
        f"  relative distance {number(match['relative_l2'], 4)} "
        f"({number(match['after_8bit']['relative_l2'], 4)} after rounding to 8 bits); "
        f"{match['null']['n_pairs']:,} pairs of unrelated pictures: {number(null['min'], 2)} to "
        f"{number(null['max'], 2)}"
    )
    print(
        f"To a person the same? {person['nearer_target']} of {person['judges']} held-out measures "
        "say it is nearer the target than the seed"
    )
    if not result.verdicts["network"]["same"]:
        print("  (no match, so this says nothing about the network)")
    seconds = result.provenance["seconds"]
    print(
        f"{result.provenance['steps']} steps, stopped by {result.provenance['stopped']} "
        f"({'' if result.converged else 'not '}converged), {seconds:.1f} s on "
        f"{result.provenance['device']}"
    )


def _models(options: argparse.Namespace) -> None:
    from explorer.models import catalogue

    if options.source == "file":
        raise RequestError("source", "file: models are yours: name one as file:PATH with --arch")
    if options.source is not None:
        catalogue.split_reference(f"{options.source}:any")
    found = catalogue.listed(options.source, options.search or "")
    _print(
        options,
        [entry.to_dict() for entry in found],
        lambda one: f"{one['reference']:52} {one['title']}. {one['summary']}".rstrip(". "),
    )


def _layers(options: argparse.Namespace) -> None:
    from explorer import validation
    from explorer.jobs import work
    from explorer.models import catalogue
    from explorer.models.layer_titles import friendly

    entry = catalogue.entry(options.reference)
    if entry is not None and entry.layers and options.size is None:
        found: Iterable[tuple] = entry.layers
    else:
        asked = validation.observer(options.reference, architecture=options.arch, size=options.size)
        question = (asked.model, asked.architecture, asked.weights, asked.size)
        with an_engine() as engine:
            found = ask(engine, work.layers, *question)
    rows = [
        {
            "order": order,
            "name": name,
            "friendly": friendly(name, kind),
            "kind": kind,
            "shape": list(shape),
            "elements": math.prod(shape),
        }
        for order, (name, kind, shape) in enumerate(found, start=1)
    ]
    _print(
        options,
        rows,
        lambda one: (
            f"{one['order']:4} {one['name']:36} {one['friendly']:44} {one['kind']:24} "
            f"{'×'.join(map(str, one['shape']))}"
        ),
    )


def _losses(options: argparse.Namespace) -> None:
    from explorer.losses.variants import LOSSES

    _print(
        options,
        [loss.to_dict() for loss in LOSSES.values()],
        lambda one: f"{one['name']:36} {one['family']:18} {one['formula']}",
    )


def _gallery(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from explorer.images import gallery

    _print(
        options,
        [asdict(gallery.describe(name)) for name in gallery.names()],
        lambda one: f"{one['name']:16} {one['title']} ({one['credit']}, {one['licence']})",
    )


def _print(options: argparse.Namespace, rows: list[dict], line: Callable[[dict], str]) -> None:
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for row in rows:
            print(line(row))


def _worker(options: argparse.Namespace) -> None:
    from explorer.jobs import worker

    try:
        worker.run(options.address, options.insecure)
    except (OSError, RuntimeError) as error:
        raise Failed(f"no scheduler answers at {options.address}: {error}") from error


def _zoo(options: argparse.Namespace) -> None:
    from explorer.models import catalogue
    from explorer.research.training import recipes

    names = list(recipes.RECIPES)
    if options.action == "list":
        there = catalogue.embedded_names()
        for name, recipe in recipes.RECIPES.items():
            print(f"{name:36} {'' if name in there else '(not trained yet) '}{recipe.title}")
        return
    if options.action == "table":
        from explorer.research.training.table import markdown

        print(markdown(), end="")
        return
    chosen = names if options.all else options.names
    if not chosen:
        raise RequestError("name", f"say which network, or --all; there are {', '.join(names)}")
    for name in chosen:
        if name not in names:
            raise RequestError("name", f"{name!r} is unknown; there are {', '.join(names)}")
    if options.action == "train":
        from explorer.research.training import training

        if options.all:
            training.train_missing()
        else:
            for name in chosen:
                training.train(name)
        return
    from explorer.research.training import evaluation
    from explorer.zoo import cards

    there = cards.names()
    missing = [name for name in chosen if name not in there]
    if missing and not options.all:
        raise Failed(f"not trained yet: {', '.join(missing)}; python -m explorer zoo train NAME")
    for name in chosen:
        if name in there:
            evaluation.evaluate(name)
    if missing:
        print(f"not trained yet: {', '.join(missing)}")


def _parser() -> argparse.ArgumentParser:
    from explorer.cli.cache import add_cache_commands
    from explorer.cli.measures import add_measure_commands
    from explorer.cli.sets import add_set_commands
    from explorer.research.commands.bench import add_bench_command
    from explorer.research.commands.check_networks import add_check_command
    from explorer.research.commands.reproduce import add_reproduce_command

    parser = argparse.ArgumentParser(prog="python -m explorer", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable, help: str, json_option: bool = False):
        one = commands.add_parser(name, help=help, description=help)
        one.set_defaults(run=run, program=f"python -m explorer {name}")
        if json_option:
            one.add_argument("--json", action="store_true", help="print JSON for scripts")
        return one

    make = command("generate", _generate, "make one IRI and measure it", json_option=True)
    add_network_options(make)
    make.add_argument(
        "--target", required=True, help="a gallery picture's name, a file, noise or wide-noise"
    )
    add_search_options(make)
    make.add_argument("--out", type=Path, help="folder for iri.png, iri.npy, result.json, …")

    models = command("models", _models, "the networks there are", json_option=True)
    models.add_argument(
        "--source",
        help="all of one source: embedded, torchvision, timm, robust, hub or own "
        "(default: the embedded ones, the shelf, and those published here)",
    )
    models.add_argument("--search", help="only those with these words in reference or title")
    layers = command("layers", _layers, "the layers of a network", json_option=True)
    layers.add_argument("reference", help="such as embedded:NAME")
    layers.add_argument("--arch", help="for file: models")
    layers.add_argument("--size", type=int, help=SIZE_HELP)
    command("losses", _losses, "the loss variants and their formulae", json_option=True)
    command("gallery", _gallery, "the bundled pictures and their credits", json_option=True)
    worker = command("worker", _worker, "serve a scheduler (one per GPU, or one on the CPU)")
    worker.add_argument(
        "address",
        help="the scheduler's address, tls://HOST:PORT, or tcp://HOST:PORT on this machine",
    )
    worker.add_argument(
        "--insecure",
        action="store_true",
        help="listen without TLS to other machines, each of which could run any program here",
    )
    zoo = command("zoo", _zoo, "train, list, evaluate or tabulate the embedded networks")
    zoo.add_argument("action", choices=("train", "list", "evaluate", "table"))
    zoo.add_argument("names", nargs="*", metavar="NAME")
    zoo.add_argument(
        "--all", action="store_true", help="every network; train skips those that are up to date"
    )
    add_cache_commands(command)
    add_measure_commands(command)
    add_set_commands(command)
    add_check_command(command)
    add_reproduce_command(command)
    add_bench_command(command)
    return parser
