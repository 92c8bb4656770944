"""Answers that participants gave in an exported experiment, read and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from explorer.errors import shortened
from explorer.study.jspsych import Experiment, read_experiment
from explorer.study.jspsych_rows import LARGEST_FILE, rows_of
from explorer.study.records import Answer, StudyError

TRIAL_TYPE = "iri-forced-choice"
LONGEST_MS = 86_400_000
"""A day; a time beyond it is a broken clock's, and the answer stays without it."""

_PARTICIPANT = re.compile("[A-Za-z0-9]{1,40}")


@dataclass(frozen=True)
class Imported:
    """What was read: answers by participant and trial, and what was refused, as sentences.

    rng_seeds: per participant, the number that their trials were drawn by. refused: files and lines
    that cannot be read first, then answers that cannot be right. duplicates: answers to a trial
    that was answered before; the first counts.
    """

    experiment: Experiment
    answers: tuple[Answer, ...]
    rng_seeds: dict[str, int]
    refused: tuple[str, ...]
    duplicates: int


def read_answers(folder: Path, files: Sequence[Path]) -> Imported:
    """The answers in files of an experiment, each checked against the trial that it answers.

    folder: what `jspsych.write_experiment` wrote. files: JSON or CSV of jsPsych, the text or zip
    file that JATOS exports, or what participants downloaded at the end. What of them is damaged or
    of another kind is left out. Raises StudyError for a folder of another kind, and where no file
    has an answer of this experiment; OSError for a file that is not there.
    """
    experiment = read_experiment(folder)
    answers: dict[tuple[str, int], Answer] = {}
    seeds: dict[str, int] = {}
    unreadable: list[str] = []
    refused: list[str] = []
    duplicates = 0
    for path in files:
        data = _read(path)
        for number, row in enumerate(rows_of(path.name, data, unreadable), 1):
            if row.get("trial_type", TRIAL_TYPE) != TRIAL_TYPE:
                continue  # jsPsych's own, such as consent
            try:
                seed, answer = _answer(row, experiment)
                if seeds.setdefault(answer.participant, seed) != seed:
                    raise StudyError(f"{answer.participant} has answers to two lists")
            except StudyError as error:
                refused.append(f"{path.name}, row {number}: {error}")
                continue
            duplicates += (answer.participant, answer.trial) in answers
            answers.setdefault((answer.participant, answer.trial), answer)
    refused = unreadable + refused
    if not answers:
        why = f" ({refused[0]})" if refused else ""
        raise StudyError(f"there is no answer to {experiment.title!r} in these files{why}")
    ordered = tuple(answers[key] for key in sorted(answers))
    return Imported(experiment, ordered, seeds, tuple(refused), duplicates)


def _read(path: Path) -> bytes:
    """The file's bytes, at most one more than are read of it."""
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def _answer(row: dict[str, Any], experiment: Experiment) -> tuple[int, Answer]:
    """The number that the participant's list was drawn by, and the answer."""
    if row.get("experiment") != experiment.id:
        raise StudyError(
            f"the answer is to the experiment {_text(row, 'experiment')[:40]!r}, not to "
            f"{experiment.id!r}, which was exported here"
        )
    participant = _text(row, "participant")
    if not _PARTICIPANT.fullmatch(participant):
        raise StudyError(f"{participant[:40]!r} is no participant: 1 to 40 letters and digits")
    number = _whole(row, "list")
    trials = experiment.list_of(number)
    if trials is None:
        raise StudyError(f"there is no list {number}; this experiment has {len(experiment.trials)}")
    place = _whole(row, "trial")
    if place >= len(trials):
        raise StudyError(f"there is no trial {place}; list {number} has {len(trials)}")
    trial = trials[place]
    position = _whole(row, "position")
    if position >= len(trial.options):
        raise StudyError(f"trial {place} has {len(trial.options)} options, not {position + 1}")
    value = trial.options[position].value
    return experiment.first_rng_seed + number, Answer(
        participant=participant,
        round=1,
        vote=1,
        trial=trial.number,
        kind=trial.kind,
        task=trial.task,
        stimulus=trial.stimulus,
        value=value,
        position=position,
        correct=None if trial.correct is None else value == trial.correct,
        response_ms=_milliseconds(row.get("rt")),
        shown_ms=_milliseconds(row.get("shown_ms")),
        answered_at=_time(_text(row, "answered_at")),
    )


def _text(row: dict[str, Any], name: str) -> str:
    """The value as text: of what else JSON may hold there, such as lists in lists, its kind."""
    value = row.get(name)
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    return value if isinstance(value, str) else shortened(value)


def _whole(row: dict[str, Any], name: str) -> int:
    """The number; tables that were saved again by others, such as pandas, have "1.0" for 1."""
    text = _text(row, name)
    written = re.fullmatch(r"([0-9]{1,9})(\.0*)?", text)
    if not written:
        raise StudyError(f"{name} is {text[:40]!r}, not a whole number from 0 on")
    return int(written[1])


def _milliseconds(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) and 0 <= number <= LONGEST_MS else None


def _time(text: str) -> str:
    """In UTC; empty where it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return ""
