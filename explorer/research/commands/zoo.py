"""`iri zoo`: train, list, evaluate or tabulate the embedded networks."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command, CommandFailed
from explorer.errors import RequestError


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("train", "list", "evaluate", "table"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument(
        "--all", action="store_true", help="every network; train skips those that are up to date"
    )


def _run(options: argparse.Namespace) -> None:
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
        raise CommandFailed(
            f"not trained yet: {', '.join(missing)}; python -m explorer zoo train NAME"
        )
    for name in chosen:
        if name in there:
            evaluation.evaluate(name)
    if missing:
        print(f"not trained yet: {', '.join(missing)}")


COMMAND = Command(
    "zoo", "train, list, evaluate or tabulate the embedded networks", _run, _add_options
)
