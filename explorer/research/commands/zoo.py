"""`iri zoo`: train, list, evaluate or tabulate the embedded networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path
from explorer.cli.command import Command, CommandFailed
from explorer.cli.outputs import check_folder
from explorer.errors import RequestError, unknown

if TYPE_CHECKING:
    from explorer.research.training.data import TrainingData
    from explorer.research.training.photo_sources import Source
    from explorer.research.training.photos import Photos
    from explorer.research.training.recipe import Recipe


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("train", "list", "evaluate", "table"),
        help="train networks, list the recipes, measure accuracy again, or print a table of cards",
    )
    parser.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="NAME",
        help="networks to train or evaluate (see list)",
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

    recipes, find_data = _chosen(options), _data_finder(options, _classes_to_train(options))
    check_folder("out", options.out)
    folder, scratch = options.out or WEIGHTS, training.SCRATCH

    def find(recipe: Recipe) -> TrainingData | None:
        data = find_data(recipe)
        return data if options.out else _only_published(recipe, data)

    if options.all:
        training.train_missing(find_data=find, weights=folder, scratch=scratch, report=_report)
        return
    for recipe in recipes:
        data = _needed(find(recipe), recipe)
        training.train(_fitted(recipe, data), data, weights=folder, scratch=scratch, report=_report)


def _evaluate(options: argparse.Namespace) -> None:
    from explorer.research.training.evaluation import evaluate
    from explorer.zoo.cards import WEIGHTS, names, read

    check_folder("out", options.out)
    folder = options.out or WEIGHTS
    there = names(folder)

    def classes_of(recipe: Recipe) -> Sequence[str] | None:
        classes: Sequence[str] | None = read(recipe.name, folder).get("classes")
        return classes

    recipes, find_data = _chosen(options), _data_finder(options, classes_of)
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
            evaluate(recipe.name, _needed(data, recipe), weights=folder, report=_report)
    if missing:
        _report(f"not trained yet: {', '.join(missing)}")


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


def _data_finder(
    options: argparse.Namespace, classes_of: Callable[[Recipe], Sequence[str] | None]
) -> Callable[[Recipe], TrainingData | None]:
    """From a recipe to its data; None where photographs are needed that nobody named.

    classes_of: the classes that photographs have to be of, in the order of the labels; None for
    any. Of others `find` raises RequestError (field `data`), or with --all returns None.
    """
    if options.download and options.data is None:
        raise RequestError("data", "--download needs --data FOLDER, where the photographs go")
    sources: dict[str, Source] = {}
    decoded: dict[str, Photos] = {}

    def find(recipe: Recipe) -> TrainingData | None:
        from explorer.research.training import photo_sources, photos, training
        from explorer.research.training.datasets import DATASETS

        if recipe.dataset not in DATASETS or options.data is None:
            return training.data_of(recipe)
        dataset = DATASETS[recipe.dataset]
        if dataset.name not in sources:
            sources[dataset.name] = photo_sources.find(options.data, dataset, options.download)
        source, wanted = sources[dataset.name], classes_of(recipe)
        if wanted is not None and set(source.classes) != set(wanted):
            if options.all:
                return None
            raise _other_classes(recipe, wanted, source.classes, options.action)
        if dataset.name not in decoded:
            decoded[dataset.name] = photos.decoded(
                source, dataset, cache=training.SCRATCH, report=_report
            )
        data = decoded[dataset.name]
        return data if wanted is None else data.labelled_as(wanted)

    return find


def _other_classes(
    recipe: Recipe, wanted: Sequence[str], given: Sequence[str], action: str
) -> RequestError:
    advice = (
        "give --out FOLDER to train the same recipe on them"
        if action == "train"
        else "give photographs of the same classes"
    )
    return RequestError(
        "data",
        f"{recipe.name} is a network of {len(wanted)} classes ({', '.join(wanted[:3])}, …), and "
        f"these photographs have {len(given)} ({', '.join(given[:3])}, …); {advice}",
    )


def _classes_to_train(options: argparse.Namespace) -> Callable[[Recipe], Sequence[str] | None]:
    """The classes of the recipe's data set; any for a network that goes to a folder of its own."""
    from explorer.research.training.datasets import DATASETS

    if options.out is not None and not options.all:
        return lambda recipe: None
    return lambda recipe: DATASETS[recipe.dataset].classes


def _only_published(recipe: Recipe, data: TrainingData | None) -> TrainingData | None:
    """The data; RequestError (field `data`) for other photographs than the recipe's data set.

    A network of these must not stand among the embedded ones, whose cards name their data set.
    """
    from explorer.research.training.photos import Photos

    if isinstance(data, Photos) and not data.published:
        title = data.dataset.title
        raise RequestError(
            "data",
            f"{recipe.name} is a network of {title}, and these are other photographs in classes "
            f"of the same names (or not in {title}'s training and test split); give --out FOLDER "
            "to train the same recipe on them",
        )
    return data


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


def _fitted(recipe: Recipe, data: TrainingData) -> Recipe:
    """The recipe with as many outputs as the photographs have classes."""
    from explorer.research.training.datasets import DATASETS

    if recipe.dataset not in DATASETS:
        return recipe
    return replace(
        recipe, architecture={**recipe.architecture, "outputs": len(data.facts()["classes"])}
    )


COMMAND = Command(
    "zoo", "train, list, evaluate or tabulate the embedded networks", _run, _add_options
)
