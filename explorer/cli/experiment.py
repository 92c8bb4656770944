"""`iri experiment …`: trials in jsPsych for people elsewhere; their answers, and a session's."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.arguments import file_path, some_text, whole_number
from explorer.cli.command import Command, CommandFailed
from explorer.cli.experiment_answers import import_answers, write_answers
from explorer.cli.outputs import check_folder
from explorer.cli.stored_results import stored_key
from explorer.errors import RequestError
from explorer.study.records import Design, StudyError, Task, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from explorer.study.stimulus_set import StimulusSet

ACTIONS = {
    "export DIR": "write a folder that asks the trials in jsPsych, from any web server or JATOS",
    "import FILE...": "read and check the answers that people gave to it, and print the statistics",
    "answers CODE": "write the answers of a session of this installation as a Psych-DS dataset",
}
"""The actions, with what each takes, and what they do."""

_DEFAULTS = Design()
_TAKEN_BY = {
    "set": "export",
    "result": "export",
    "task": "export",
    "words": "export",
    "main": "export",
    "practice": "export",
    "catch": "export",
    "choices": "export",
    "timed": "export",
    "lists": "export",
    "random_seed": "export",
    "send_to": "export",
    "title": "export",
    "exported": "import",
    "session": "import",
}
"""Which action takes an option; `out` belongs to import and answers."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "action",
        choices=[action.partition(" ")[0] for action in ACTIONS],
        help="; ".join(f"{action}: {text}" for action, text in ACTIONS.items()),
    )
    add("names", nargs="+", metavar="NAME", help="a folder, the files of answers, or a code")
    add("--set", type=file_path, metavar="FILE", help="export: instead of the set that ships")
    add(
        "--result",
        action="append",
        type=some_text,
        metavar="KEY",
        help="export: a set of results in the cache, by key or its first 8 digits; may be repeated",
    )
    add("--task", choices=[each.value for each in Task], help="export: what is asked")
    add("--words", metavar="NAME", help="export: labels, sixteen or network, for recognition")
    for name, text in (
        ("main", "images for each person"),
        ("practice", "trials with feedback before them"),
        ("catch", "trials with a known answer"),
        ("choices", "answers to choose from, except in 2afc"),
    ):
        add(f"--{name}", type=whole_number(0), metavar="N", help=f"export: {text}")
    add(
        "--timed",
        action="store_true",
        default=None,
        help="export: fixation, image and mask for 300 ms each, as Feather et al. (2023)",
    )
    add("--title", type=some_text, metavar="TEXT", help="export: what participants read above")
    add(
        "--lists",
        type=whole_number(1),
        metavar="N",
        help="export: for how many people trials are drawn beforehand (default: 200)",
    )
    add(
        "--random-seed",
        type=whole_number(0),
        metavar="N",
        help="export: random seed of the first list (default: 0)",
    )
    add(
        "--send-to",
        type=some_text,
        metavar="URL",
        help="export: where the page sends the answers; without it, they are downloaded",
    )
    add(
        "--from",
        dest="exported",
        type=file_path,
        metavar="DIR",
        help="import: the folder that export wrote",
    )
    add(
        "--session",
        type=some_text,
        metavar="TITLE",
        help="import: open a session with these answers, which the page Class shows",
    )
    add(
        "--out",
        type=file_path,
        metavar="DIR",
        help="import and answers: the folder for the dataset, new or empty",
    )


def _run(options: argparse.Namespace) -> None:
    for name, action in _TAKEN_BY.items():
        if getattr(options, name) is not None and options.action != action:
            raise RequestError(name, f"only {action} takes it; leave it out")
    if options.action != "import" and len(options.names) > 1:
        raise RequestError("names", f"{options.action} takes one, not {len(options.names)}")
    with _told():
        _ACTIONS[options.action](options)


@contextmanager
def _told() -> Iterator[None]:
    """What a study refuses becomes the command's failure, a field that it names the option's."""
    try:
        yield
    except StudyError as error:
        field, colon, message = str(error).partition(": ")
        if colon and field.replace(".", "").replace("_", "").isalpha():
            raise RequestError(field, message) from error
        raise CommandFailed(str(error)) from error


def _export(options: argparse.Namespace) -> None:
    from explorer.study.design import suited
    from explorer.study.jspsych import write_experiment

    if options.out is not None:
        raise RequestError("out", "export takes the folder as its name; leave it out")
    folder = Path(options.names[0])
    check_folder("names", folder)
    stimulus_set = _chosen_set(options)
    wanted = {
        name: getattr(options, name)
        for name in ("main", "practice", "catch", "choices", "words")
        if getattr(options, name) is not None
    }
    task = Task(options.task) if options.task else _DEFAULTS.task
    timing = Timing() if options.timed else None
    design = suited(Design(task=task, timing=timing), stimulus_set)
    experiment = write_experiment(
        folder,
        stimulus_set,
        replace(design, **wanted),
        title=options.title or stimulus_set.title,
        lists=options.lists or 200,
        first_rng_seed=options.random_seed or 0,
        send_to=options.send_to,
    )
    facts = {
        "experiment": experiment.id,
        "folder": str(folder),
        "lists": len(experiment.trials),
        "trials": len(next(iter(experiment.trials.values()))),
        "images": len(stimulus_set.stimuli),
    }
    if options.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    print(
        f"{folder}: {facts['lists']} lists of {facts['trials']} trials. Publish {folder / 'web'} "
        f"on a web server, or import {folder / 'jatos.jzip'} in JATOS; README.md says how."
    )


def _chosen_set(options: argparse.Namespace) -> StimulusSet:
    """The set of --set or --result, or the one that ships."""
    from explorer.study.stimulus_set import StimulusSet, default_set

    if options.set is not None and options.result:
        raise RequestError("result", "a set and results exclude each other; leave one out")
    if options.set is not None:
        return StimulusSet.from_bytes(options.set.read_bytes())
    if not options.result:
        return default_set()
    return _set_of_results(options.result)


def _set_of_results(words: list[str]) -> StimulusSet:
    from explorer.jobs.settings import check_settings
    from explorer.store import Store
    from explorer.study.stimuli import stimuli_of
    from explorer.study.stimulus_set import StimulusSet

    check_settings()
    store = Store()
    try:
        keys = [stored_key("result", word, store) for word in words]
        stimuli, pictures, refused = stimuli_of(store, keys)
    finally:
        store.close()
    for each in refused:
        print(f"left out {each.key[:10]}…: {each.reason}", file=sys.stderr)
    return StimulusSet("results", "Results from the cache", tuple(stimuli), pictures)


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "export": _export,
    "import": import_answers,
    "answers": write_answers,
}

COMMAND = Command(
    "experiment",
    "ask people elsewhere with jsPsych, read their answers, write a session's answers",
    _run,
    _add_options,
    prints_json=True,
)
