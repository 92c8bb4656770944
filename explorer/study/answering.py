"""Joining a session and answering in it, as changes of the database within one transaction."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from explorer.study.codes import digest, new_participant
from explorer.study.database import insert_new
from explorer.study.limits import MOST_PARTICIPANTS
from explorer.study.presence import present_in
from explorer.study.records import Kind, RoundState, StudyError, Trial
from explorer.study.rows import Person, current_round_row, now, session_of_person, session_row
from explorer.study.session_records import AnswerIn, Device, Receipt
from explorer.study.tables import answers, participants

ACCEPTED, DUPLICATE, REFUSED = "accepted", "duplicate", "refused"

_LONGEST_MS = 24 * 3600 * 1000.0  # of a time that a phone may say
_LONGEST_WORD = 40  # of screen and browser


class SessionFull(StudyError):
    """As many as can take part have joined."""


def check_joinable(session: Row[Any]) -> None:
    """Raise StudyError for a session that has ended."""
    if session.closed_at is not None:
        raise StudyError(f"Session {session.code} has ended; ask for the code of the next one.")


def add_participant(
    connection: Connection,
    code: str,
    present: Collection[int],
    token: str,
    device: Device,
    pooled: bool,
    rng_seed: int,
) -> str:
    """Store a new participant; the public identifier.

    present: who is there now. Joins without an answer do not take a place from others for long.
    """
    session = session_row(connection, code)
    check_joinable(session)
    if session.role is None:
        joined = connection.execute(
            select(func.count())
            .select_from(participants)
            .where(participants.c.session_id == session.id)
        ).scalar_one()
        if joined >= MOST_PARTICIPANTS:
            joined = len(present_in(connection, session.id, present))
        if joined >= MOST_PARTICIPANTS:
            raise SessionFull(
                f"Session {session.code} is full; {MOST_PARTICIPANTS:,} people have joined."
            )
    public_id = new_participant()
    connection.execute(
        insert(participants).values(
            session_id=session.id,
            public_id=public_id,
            token_hash=digest(token),
            rng_seed=rng_seed,
            screen=_word(device.screen),
            browser=_word(device.browser),
            pooled=pooled,
            joined_at=now(),
        )
    )
    return public_id


@dataclass(frozen=True)
class Drawn:
    """A person's trials of the round that was current when they were drawn."""

    round_id: int
    trials: tuple[Trial, ...]


def record_answers(
    connection: Connection, person: Person, drawn: Drawn, given: Sequence[AnswerIn]
) -> tuple[list[Receipt], int]:
    """Store what the round that is open now takes.

    A receipt for each answer, and how many belong to no trial or option that there is.
    """
    session = session_of_person(connection, person)
    current = current_round_row(connection, person.session_id)
    receipts, strange = [], 0
    for answer in given:
        refused = _round_refuses(answer, session, current, drawn)
        if refused is None:
            refused = _trial_refuses(answer, drawn.trials)
            strange += refused is not None
        if refused is None:
            trial = drawn.trials[answer.trial]
            new = _insert(connection, person, current.id, trial, answer)
            receipts.append(_receipt(answer, ACCEPTED if new else DUPLICATE, trial))
        else:
            receipts.append(refused)
    return receipts, strange


def refuse(answer: AnswerIn, reason: str, *, later: bool = False) -> Receipt:
    """The receipt of an answer that does not count; later: the phone asks again."""
    return Receipt(answer.round, answer.vote, answer.trial, REFUSED, reason, later)


def _round_refuses(
    answer: AnswerIn, session: Row[Any], current: Row[Any], drawn: Drawn
) -> Receipt | None:
    """A refusal, unless the answer is to the round that is open."""
    if session.closed_at is not None:
        return refuse(answer, "This session has ended; answers are no longer taken.")
    if (answer.round, answer.vote) > (current.number, current.vote):
        return refuse(answer, f"There is no round {answer.round} with vote {answer.vote} yet.")
    if (answer.round, answer.vote) != (current.number, current.vote):
        return refuse(answer, f"This vote of round {answer.round} has ended.")
    if current.state == RoundState.REVEALED:
        return refuse(answer, "The results are shown already; answers are no longer taken.")
    if current.state == RoundState.PAUSED:
        return refuse(answer, "The round is paused; the answer will be sent again.", later=True)
    if current.id != drawn.round_id:
        return refuse(answer, "The round has only just been opened; ask again.", later=True)
    return None


def _trial_refuses(answer: AnswerIn, trials: Sequence[Trial]) -> Receipt | None:
    """A refusal, unless the answer is to a trial and option that there are."""
    if not 0 <= answer.trial < len(trials):
        return refuse(answer, f"There is no trial {answer.trial}; the round has {len(trials)}.")
    options = len(trials[answer.trial].options)
    if not 0 <= answer.position < options:
        return refuse(answer, f"There is no option {answer.position}; the trial has {options}.")
    return None


def _insert(
    connection: Connection, person: Person, round_id: int, trial: Trial, answer: AnswerIn
) -> bool:
    """Store an answer, unless there is one to this trial; whether it is new."""
    value = trial.options[answer.position].value
    row = {
        "participant_id": person.id,
        "round_id": round_id,
        "trial": trial.number,
        "kind": trial.kind.value,
        "task": trial.task.value,
        "stimulus": trial.stimulus,
        "value": value,
        "position": answer.position,
        "correct": None if trial.correct is None else value == trial.correct,
        "response_ms": _milliseconds(answer.response_ms),
        "shown_ms": _milliseconds(answer.shown_ms),
        "phone_clock": _finite(answer.clock),
        "answered_at": now(),
    }
    added = connection.execute(insert_new(connection, answers).returning(answers.c.trial), row)
    return added.first() is not None


def _receipt(answer: AnswerIn, status: str, trial: Trial) -> Receipt:
    """The receipt of an answer that is on disk; of practice it names the right option."""
    correct = None
    if trial.kind is Kind.PRACTICE and trial.correct is not None:
        correct = [option.value for option in trial.options].index(trial.correct)
    return Receipt(answer.round, answer.vote, answer.trial, status, correct=correct)


def _milliseconds(value: float | None) -> float | None:
    """A duration that a phone measured; None where its clock cannot have been right."""
    finite = _finite(value)
    return finite if finite is not None and 0 <= finite <= _LONGEST_MS else None


def _finite(value: float | None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 and math.isfinite(value) else None


def _word(text: str | None) -> str | None:
    """A phone's word about itself: printable and short, or None."""
    shown = "".join(each for each in text or "" if each.isprintable())[:_LONGEST_WORD].strip()
    return shown or None
