"""What is read of the store: sessions, progress, answers, participants and opinions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from explorer.study.codes import round_rng_seed
from explorer.study.presence import present_in
from explorer.study.records import Answer, RoundState
from explorer.study.rows import (
    Person,
    answer_of,
    current_round_row,
    design_from_json,
    round_of,
    session_of_person,
    session_row,
    trials_in,
)
from explorer.study.session_records import (
    Counts,
    Device,
    ParticipantState,
    Progress,
    Session,
)
from explorer.study.tables import answers, opinions, participants, refusals, rounds

MOST_POOLED = 300
"""How many earlier takers a later one is compared with at most."""


def read_session(connection: Connection, code: str) -> Session:
    """The session of a code."""
    row = session_row(connection, code)
    its_rounds = connection.execute(
        select(rounds).where(rounds.c.session_id == row.id).order_by(rounds.c.id)
    ).all()
    closed = row.closed_at is not None
    return Session(
        row.code,
        row.title,
        row.created_at,
        closed,
        tuple(round_of(each, its_rounds[-1].id, closed) for each in its_rounds),
    )


def read_progress(
    connection: Connection,
    code: str,
    seen: Collection[int],
    unwritten: Counter[str] | None = None,
) -> Progress:
    """Who takes part in a session and how far they are. seen: who is there now."""
    session = session_row(connection, code)
    current = current_round_row(connection, session.id)
    total = trials_in(design_from_json(current.design), current.vote)
    of_current = and_(
        answers.c.participant_id == participants.c.id, answers.c.round_id == current.id
    )
    rows = connection.execute(
        select(participants.c.id, participants.c.public_id, func.count(answers.c.trial))
        .select_from(participants.outerjoin(answers, of_current))
        .where(participants.c.session_id == session.id)
        .group_by(participants.c.id, participants.c.public_id)
        .order_by(participants.c.id)
    ).all()
    present = present_in(connection, session.id, seen)
    counts = [(row[1], row[2]) for row in rows if row[0] in present]
    written = connection.execute(
        select(refusals.c.reason, refusals.c.count).where(refusals.c.session_id == session.id)
    )
    refused = Counter({row[0]: row[1] for row in written}) + (unwritten or Counter())
    return Progress(
        joined=len(counts),
        answering=sum(0 < count < total for _, count in counts),
        finished=sum(count >= total for _, count in counts),
        answers=sum(count for _, count in counts),
        participants=tuple((public_id, count, total) for public_id, count in counts),
        refused=dict(refused),
    )


def read_answers(connection: Connection, code: str, number: int, vote: int | None) -> list[Answer]:
    """The answers of a round, of one vote or of both."""
    of_vote = true() if vote is None else rounds.c.vote == vote
    session = session_row(connection, code)
    return _answers(connection, session.id, number, of_vote)


def read_own_answers(connection: Connection, person: Person) -> list[Answer]:
    """What a participant answered in the current round, in both votes."""
    current = current_round_row(connection, session_of_person(connection, person).id)
    return _answers(connection, person.session_id, current.number, participants.c.id == person.id)


def read_pooled_answers(connection: Connection, code: str, number: int) -> list[Answer]:
    """The first votes of those who agreed to be compared, of the latest `MOST_POOLED`."""
    session = session_row(connection, code)
    latest = (
        select(participants.c.id)
        .where(participants.c.session_id == session.id, participants.c.pooled)
        .order_by(participants.c.id.desc())
        .limit(MOST_POOLED)
    )
    return _answers(
        connection, session.id, number, and_(rounds.c.vote == 1, participants.c.id.in_(latest))
    )


def _answers(
    connection: Connection, session_id: int, number: int, chosen: ColumnElement[bool]
) -> list[Answer]:
    """The chosen answers of a session's round, by participant, vote and trial."""
    columns = (answers, rounds.c.number, rounds.c.vote, participants.c.public_id)
    rows = connection.execute(
        select(*columns)
        .join(rounds, rounds.c.id == answers.c.round_id)
        .join(participants, participants.c.id == answers.c.participant_id)
        .where(rounds.c.session_id == session_id, rounds.c.number == number, chosen)
        .order_by(participants.c.id, rounds.c.vote, answers.c.trial)
    )
    return [answer_of(row) for row in rows]


def read_rng_seeds(connection: Connection, code: str, number: int) -> dict[str, int]:
    """Per participant the random seed of their trials in a round."""
    session = session_row(connection, code)
    rows = connection.execute(
        select(participants.c.public_id, participants.c.rng_seed)
        .where(participants.c.session_id == session.id)
        .order_by(participants.c.id)
    )
    return {public_id: round_rng_seed(rng_seed, number) for public_id, rng_seed in rows}


def read_devices(connection: Connection, code: str) -> dict[str, Device]:
    """Per participant what their phone said of itself, where it did."""
    session = session_row(connection, code)
    rows = connection.execute(
        select(participants.c.public_id, participants.c.screen, participants.c.browser)
        .where(participants.c.session_id == session.id)
        .order_by(participants.c.id)
    )
    return {
        public_id: Device(screen, browser)
        for public_id, screen, browser in rows
        if screen or browser
    }


def read_state(connection: Connection, person: Person) -> ParticipantState:
    """Where a participant is."""
    session = session_of_person(connection, person)
    current = current_round_row(connection, session.id)
    design = design_from_json(current.design)
    answered = connection.execute(
        select(answers.c.trial)
        .where(answers.c.participant_id == person.id, answers.c.round_id == current.id)
        .order_by(answers.c.trial)
    ).scalars()
    return ParticipantState(
        code=session.code,
        title=session.title,
        participant=person.public_id,
        round=current.number,
        vote=current.vote,
        state=RoundState(current.state),
        closed=session.closed_at is not None,
        answered=tuple(answered),
        total=trials_in(design, current.vote),
        design=design,
        set_id=current.set_id,
        alone=session.role is not None,
    )


def read_opinions(connection: Connection, key: str) -> Counts:
    """How many said what of a result."""
    rows = connection.execute(
        select(opinions.c.value, func.count())
        .where(opinions.c.key == key)
        .group_by(opinions.c.value)
    )
    counts = {row[0]: row[1] for row in rows}
    return Counts(counts.get("target", 0), counts.get("seed", 0))
