"""What `iri experiment` does with answers: those of jsPsych are read, a session's are written."""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli.command import number
from explorer.cli.outputs import check_folder
from explorer.errors import RequestError
from explorer.study.records import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explorer.study.jspsych_answers import Imported
    from explorer.study.statistics import MeasurePrediction
    from explorer.study.summary import RoundSummary

_REFUSED_NAMED = 10
"""So many answers that were refused are named; `--json` names all."""


def import_answers(options: argparse.Namespace) -> None:
    """`iri experiment import`: check, print what people said, and store it where that is asked."""
    from explorer.study.jspsych_answers import read_answers
    from explorer.study.psych_ds import Part, dataset
    from explorer.study.shown import trials_shown
    from explorer.study.summary import summarize

    if options.exported is None:
        raise RequestError("from", "say which experiment: --from DIR, the folder of export")
    _check_new("out", options.out)
    imported = read_answers(options.exported, [Path(name) for name in options.names])
    experiment = imported.experiment
    shown = trials_shown(
        experiment.design, experiment.stimulus_set, imported.rng_seeds, experiment.trials
    )
    summary = summarize(experiment.stimulus_set, imported.answers, shown)
    if options.out is not None:
        part = Part(
            1,
            experiment.stimulus_set,
            experiment.design,
            imported.answers,
            imported.rng_seeds,
            experiment.trials,
        )
        _unpack(dataset(experiment.id, experiment.title, [part]), options.out)
    opened = _open_session(options.session, imported) if options.session else None
    if options.json:
        facts = {
            "experiment": experiment.id,
            "answers": len(imported.answers),
            "duplicates": imported.duplicates,
            "refused": list(imported.refused),
            "session": opened,
            "summary": asdict(summary) | {"excluded": sorted(summary.excluded)},
        }
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    _print_summary(summary, imported)
    if opened:
        print(f"Session {opened['code']}: /class?code={opened['code']}&secret={opened['secret']}")


def _open_session(title: str, imported: Imported) -> dict[str, str]:
    from explorer.study.shared import study_of_this_process

    study = study_of_this_process()
    experiment = imported.experiment
    opened = study.open_session(title, experiment.stimulus_set, experiment.design)
    study.add_answers(opened.code, opened.secret, imported.answers, imported.rng_seeds)
    study.reveal(opened.code, opened.secret)
    study.close(opened.code, opened.secret)
    return {"code": opened.code, "secret": opened.secret}


def _print_summary(summary: RoundSummary, imported: Imported) -> None:
    """Who answered what, and what predicts it; what was refused goes to stderr."""
    for sentence in imported.refused[:_REFUSED_NAMED]:
        print(f"refused: {sentence}", file=sys.stderr)
    if len(imported.refused) > _REFUSED_NAMED:
        more = len(imported.refused) - _REFUSED_NAMED
        print(f"refused: … and {more:,} more", file=sys.stderr)
    people = len({each.participant for each in imported.answers})
    print(
        f"{len(imported.answers):,} answers of {people:,} participant{'s' if people > 1 else ''}, "
        f"{len(summary.excluded)} excluded by catch trials"
    )
    if imported.duplicates:
        print(f"{imported.duplicates:,} more to trials that were answered before are left out")
    if not summary.conditions:
        print("There is no answer that counts: all are of practice, catch trials or the excluded.")
        return
    heading = "target" if summary.task is Task.TWO_ALTERNATIVES else "right"
    width = max(len(each.title) for each in summary.conditions)
    print(f"{'network, loss':{width}} {heading:>7} {'95 % interval':>17} {'answers':>8}")
    for each in summary.conditions:
        share = each.people
        interval = f"{share.low:.1%} to {share.high:.1%}"
        print(f"{each.title:{width}} {share.share or 0:7.1%} {interval:>17} {share.n:8,}")
    print(f"Agreement between people ({summary.kappa_name}): {number(summary.kappa)}")
    _print_predictions(summary.predictions)


def _print_predictions(predictions: Sequence[MeasurePrediction]) -> None:
    """Of each measure, how many answers it predicts, and how often it is the best."""
    if not predictions:
        return
    print("How well measures predict the answers, and in how many resamples each is the best:")
    print(f"{'measure':30} {'predicts':>8} {'95 % interval':>17} {'images':>6}  best of resamples")
    for each in predictions:
        interval = f"{each.low:.1%} to {each.high:.1%}"
        best = (
            f"{each.best:.1%}"
            if each.counts
            else f"not counted: held out for {each.held_out} of {each.images} images"
        )
        print(f"{each.measure:30} {each.agreement:8.1%} {interval:>17} {each.images:6}  {best}")


def write_answers(options: argparse.Namespace) -> None:
    """`iri experiment answers`: a session's dataset, for whoever has the database."""
    from explorer.study.psych_ds import export
    from explorer.study.shared import study_of_this_process

    if options.out is None:
        raise RequestError("out", "say where: --out DIR, a folder that is new or empty")
    _check_new("out", options.out)
    code = options.names[0].upper()
    names = _unpack(export(study_of_this_process(), code), options.out)
    facts = {"session": code, "folder": str(options.out), "files": len(names)}
    line = f"{options.out}: {len(names)} files; README.md says what they are"
    print(json.dumps(facts, indent=1) if options.json else line)


def _check_new(field: str, folder: Path | None) -> None:
    check_folder(field, folder)
    if folder is not None and folder.is_dir() and any(folder.iterdir()):
        raise RequestError(field, f"{str(folder)!r} is not empty; name another folder")


def _unpack(data: bytes, folder: Path) -> list[str]:
    """Write the files of a zip of ours to a folder; their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        folder.mkdir(parents=True, exist_ok=True)
        archive.extractall(folder)
        return archive.namelist()
