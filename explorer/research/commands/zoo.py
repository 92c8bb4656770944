"""`iri zoo`: train, list, evaluate or tabulate the embedded networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, CommandFailed
from explorer.cli.outputs import check_folder
from explorer.errors import RequestError, unknown

if TYPE_CHECKING:
    from explorer.research.training.data import TrainingData
    from explorer.research.training.photos import Photos
    from explorer.research.training.recipe import Recipe


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("train", "list", "evaluate", "table"),
        help="train networks, list the recipes, measure accuracy again, or print a table of cards",
    )
    parser.add_argument(
        "names", nargs="*", default=[], metavar="NAME", help="networks to train or evaluate (see list)"
    )
    parser.add_argument(
        "--all", action="store_true", help="every network; train skips those that are up to date"
    )
    parser.add_argument(
        "--data",
        type=file_path,
        metavar="PATH",
        help="photographs: a .npz pack, a folder with one folder per class, or torchvision's data",
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="let torchvision download the network's data set into the folder --data",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="FOLDER",
        help="folder of weights and cards (default: that of the embedded networks)",
    )


def _run(options: argparse.Namespace) -> None:
    if options.action in ("list", "table"):
        _refuse_all(options)
    {"list": _list, "table": _table, "train": _train, "evaluate": _evaluate}[options.action](
        options
    )


def _refuse_all(options: argparse.Namespace) -> None:
    """Raise RequestError for names and options that the action would ignore."""
    given = [*options.names]
    given += [f"--{name}" for name in ("all", "data", "download", "out") if getattr(options, name)]
    if given:
        raise RequestError(
            "action", f"{options.action} takes no names or options; leave out {' '.join(given)}"
        )


def _list(options: argparse.Namespace) -> None:
    from explorer.models.sources import embedded
    from explorer.research.training.recipes import RECIPES

    there = embedded.names()
    for name, recipe in RECIPES.items():
        print(f"{name:36} {'' if name in there else '(not trained yet) '}{recipe.title}")


def _table(options: argparse.Namespace) -> None:
    from explorer.research.training.table import markdown

    print(markdown(), end="")


def _train(options: argparse.Namespace) -> None:
    from explorer.research.training import training
    from explorer.zoo.cards import WEIGHTS

    recipes, find_data = _chosen(options), _data_finder(options)
    check_folder("out", options.out)
    folder, scratch = options.out or WEIGHTS, training.SCRATCH
    if options.all:
        training.train_missing(find_data=find_data, weights=folder, scratch=scratch, report=_report)
        return
    for recipe in recipes:
        data = _needed(find_data(recipe), recipe)
        fitted = _fitted(recipe, data, options)
        training.train(fitted, data, weights=folder, scratch=scratch, report=_report)


def _evaluate(options: argparse.Namespace) -> None:
    from explorer.research.training.evaluation import evaluate
    from explorer.zoo.cards import WEIGHTS, names, read

    recipes, find_data = _chosen(options), _data_finder(options)
    check_folder("out", options.out)
    folder = options.out or WEIGHTS
    there = names(folder)
    missing = [recipe.name for recipe in recipes if recipe.name not in there]
    if missing and not options.all:
        raise CommandFailed(
            f"not trained yet: {', '.join(missing)}; python -m explorer zoo train NAME"
        )
    for recipe in recipes:
        if recipe.name not in there:
            continue
        data = find_data(recipe)
        if data is None and options.all:
            _report(f"{recipe.name}: needs photographs of {recipe.dataset} (--data)")
        else:
            data = _needed(data, recipe)
            _check_classes(read(recipe.name, folder), data)
            evaluate(recipe.name, data, weights=folder, report=_report)
    if missing:
        _report(f"not trained yet: {', '.join(missing)}")


def _check_classes(card: Mapping[str, Any], data: TrainingData) -> None:
    """Raise RequestError (field `data`) for photographs of classes that the network cannot name."""
    known, given = card.get("classes"), data.facts().get("classes")
    if known is not None and given is not None and list(known) != list(given):
        raise RequestError(
            "data",
            f"{card['name']} names {', '.join(known[:3])}, …, and these photographs show "
            f"{', '.join(given[:3])}, …; give photographs of the same classes",
        )


def _report(line: str) -> None:
    print(line, flush=True)


def _chosen(options: argparse.Namespace) -> list[Recipe]:
    from explorer.research.training.recipes import RECIPES

    names = list(RECIPES)
    if options.all and options.names:
        raise RequestError("name", "give the names of networks, or --all, not both")
    if not (options.all or options.names):
        raise RequestError(
            "name", f"give the names of networks, or --all; choose from {', '.join(names)}"
        )
    for name in options.names:
        if name not in names:
            raise unknown("name", "network", name, names)
    return [RECIPES[name] for name in (names if options.all else options.names)]


def _data_finder(options: argparse.Namespace) -> Callable[[Recipe], TrainingData | None]:
    """From a recipe to its data; None where photographs are needed that nobody named."""
    if options.download and options.data is None:
        raise RequestError("data", "--download needs --data FOLDER, where the photographs go")
    loaded: dict[str, Photos] = {}

    def find(recipe: Recipe) -> TrainingData | None:
        from explorer.research.training import photos, training
        from explorer.research.training.datasets import DATASETS

        if recipe.dataset not in DATASETS or options.data is None:
            return training.data_of(recipe)
        if recipe.dataset not in loaded:
            loaded[recipe.dataset] = photos.load(
                options.data,
                DATASETS[recipe.dataset],
                cache=training.SCRATCH,
                download=options.download,
                report=_report,
            )
        data = loaded[recipe.dataset]
        other = set(data.classes) != set(data.dataset.classes)
        return None if options.all and other else data

    return find


def _needed(data: TrainingData | None, recipe: Recipe) -> TrainingData:
    from explorer.research.training.datasets import DATASETS

    if data is None:
        dataset = DATASETS[recipe.dataset]
        raise RequestError(
            "data",
            f"{recipe.name} learns from photographs ({dataset.title}); give --data with a .npz "
            "pack or a folder with one folder per class, or --data FOLDER --download to fetch "
            f"them there ({dataset.download})",
        )
    return data


def _fitted(recipe: Recipe, data: TrainingData, options: argparse.Namespace) -> Recipe:
    """The recipe with as many outputs as the photographs have classes.

    Raises RequestError (field `data`) where a network of other classes than the recipe's data set
    would be stored among the embedded ones.
    """
    from explorer.research.training.datasets import DATASETS

    if recipe.dataset not in DATASETS:
        return recipe
    dataset, classes = DATASETS[recipe.dataset], data.facts()["classes"]
    if set(classes) == set(dataset.classes):
        return recipe
    if options.out is None:
        raise RequestError(
            "data",
            f"{recipe.name} is a network of {dataset.title}'s {len(dataset.classes)} classes "
            f"({', '.join(dataset.classes[:3])}, …), and these photographs have {len(classes)} "
            f"({', '.join(classes[:3])}, …); give --out FOLDER to train the same recipe on them",
        )
    return replace(recipe, architecture={**recipe.architecture, "outputs": len(classes)})


COMMAND = Command(
    "zoo", "train, list, evaluate or tabulate the embedded networks", _run, _add_options
)
