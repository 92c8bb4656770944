"""What a lecturer does with a session, as changes of the database: each within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, update

from explorer.study.codes import digest, is_secret, new_code
from explorer.study.database import insert_new
from explorer.study.records import Answer, Design, RoundState, StudyError
from explorer.study.rows import current_round_row, design_to_json, now, session_row
from explorer.study.session_records import NotAllowed
from explorer.study.tables import (
    answers,
    participants,
    rounds,
    sessions,
    set_pictures,
    stimulus_sets,
)

if TYPE_CHECKING:
    from explorer.study.stimulus_set import StimulusSet

_LONGEST_TITLE = 200


def allowed(connection: Connection, code: str, secret: str) -> Row[Any]:
    """The session's row, for whoever knows its secret; NotAllowed for others."""
    row = session_row(connection, code)
    if not is_secret(secret, row.secret_hash):
        raise NotAllowed(
            f"Only the lecturer of session {row.code} may do this; open the lecturer's link."
        )
    return row


def clean_title(title: str) -> str:
    """A session's title as it is stored: one line, of characters that can be shown."""
    title = " ".join("".join(each if each.isprintable() else " " for each in title).split())
    if not 0 < len(title) <= _LONGEST_TITLE:
        raise StudyError(f"title: give the session one of 1 to {_LONGEST_TITLE} characters")
    return title


def add_set(connection: Connection, stimulus_set: StimulusSet, data: bytes) -> None:
    """Store a set, unless it is there."""
    connection.execute(
        insert_new(connection, stimulus_sets).values(
            id=stimulus_set.id, title=stimulus_set.title, added_at=now(), data=data
        )
    )
    pictures = [{"sha256": each, "set_id": stimulus_set.id} for each in stimulus_set.pictures]
    connection.execute(insert_new(connection, set_pictures), pictures)


def add_session(
    connection: Connection, code: str, title: str, secret: str, role: str | None = None
) -> int | None:
    """Store a session; None where its code, or its role, is taken."""
    return connection.execute(
        insert_new(connection, sessions)
        .values(code=code, title=title, secret_hash=digest(secret), role=role, created_at=now())
        .returning(sessions.c.id)
    ).scalar()


def open_session(
    connection: Connection,
    title: str,
    secret: str,
    stimulus_set: StimulusSet,
    data: bytes,
    design: Design,
) -> str:
    """Store a session with its first round; its code."""
    add_set(connection, stimulus_set, data)
    session_id = None
    while session_id is None:
        code = new_code()
        session_id = add_session(connection, code, title, secret)
    add_round(connection, session_id, 1, 1, stimulus_set.id, design_to_json(design))
    return code


def add_round(
    connection: Connection, session_id: int, number: int, vote: int, set_id: str, design: str
) -> None:
    """Open a round; those before it end."""
    at = now()
    connection.execute(
        update(rounds)
        .where(rounds.c.session_id == session_id, rounds.c.closed_at.is_(None))
        .values(closed_at=at)
    )
    connection.execute(
        insert(rounds).values(
            session_id=session_id,
            number=number,
            vote=vote,
            state=RoundState.OPEN.value,
            design=design,
            set_id=set_id,
            opened_at=at,
        )
    )


def open_next(
    connection: Connection,
    session: Row[Any],
    stimulus_set: StimulusSet | None,
    data: bytes | None,
    design: Design | None,
) -> None:
    """Open the round after the current one, of its set and design where none is given."""
    _check_open(session)
    current = current_round_row(connection, session.id)
    if stimulus_set is not None and data is not None:
        add_set(connection, stimulus_set, data)
    add_round(
        connection,
        session.id,
        current.number + 1,
        1,
        stimulus_set.id if stimulus_set else current.set_id,
        design_to_json(design) if design else current.design,
    )


def open_second_vote(connection: Connection, session: Row[Any]) -> None:
    """Open the second vote of the current round."""
    _check_open(session)
    current = current_round_row(connection, session.id)
    if current.vote != 1:
        raise StudyError(
            f"Round {current.number} has had its second vote; open the next round instead."
        )
    add_round(connection, session.id, current.number, 2, current.set_id, current.design)


def set_state(connection: Connection, session: Row[Any], state: RoundState) -> None:
    """Pause, resume or reveal the current round; revealed is for good, and of both votes."""
    current = current_round_row(connection, session.id)
    if state is not RoundState.REVEALED:
        _check_open(session)
        if current.state == RoundState.REVEALED:
            raise StudyError(
                f"The results of round {current.number} are shown already; open the next round, or "
                "a second vote, to take answers again."
            )
    changed = rounds.c.id == current.id
    if state is RoundState.REVEALED:
        changed = rounds.c.number == current.number
    connection.execute(
        update(rounds).where(rounds.c.session_id == session.id, changed).values(state=state.value)
    )


def close_session(connection: Connection, session: Row[Any]) -> None:
    """End a session; to do so again changes nothing."""
    if session.closed_at is None:
        connection.execute(
            update(sessions).where(sessions.c.id == session.id).values(closed_at=now())
        )


def delete_session(connection: Connection, session: Row[Any]) -> None:
    """Delete a session, all that was answered in it, and sets that no other round uses."""
    connection.execute(delete(sessions).where(sessions.c.id == session.id))
    used = exists().where(rounds.c.set_id == stimulus_sets.c.id)
    connection.execute(delete(stimulus_sets).where(~used))


def import_answers(
    connection: Connection,
    session: Row[Any],
    given: Sequence[Answer],
    rng_seeds: Mapping[str, int],
) -> int:
    """Add answers that were given elsewhere; how many were new."""
    of_vote = {
        (row.number, row.vote): row.id
        for row in connection.execute(select(rounds).where(rounds.c.session_id == session.id))
    }
    missing = sorted({(each.round, each.vote) for each in given} - of_vote.keys())
    if missing:
        raise StudyError(
            f"Session {session.code} has no round {missing[0][0]} with vote {missing[0][1]}; open "
            "it before answers to it are imported."
        )
    seedless = {each.participant for each in given} - rng_seeds.keys()
    if seedless:
        raise StudyError(f"The random seed of participant {min(seedless)!r} is missing.")
    ids = _imported_participants(connection, session.id, given, rng_seeds)
    new = 0
    for each in given:
        row = {
            "participant_id": ids[each.participant],
            "round_id": of_vote[each.round, each.vote],
            "trial": each.trial,
            "kind": each.kind.value,
            "task": each.task.value,
            "stimulus": each.stimulus,
            "value": each.value,
            "position": each.position,
            "correct": each.correct,
            "response_ms": each.response_ms,
            "shown_ms": each.shown_ms,
            "answered_at": each.answered_at,
        }
        added = connection.execute(
            insert_new(connection, answers).returning(answers.c.trial), row
        ).first()
        new += added is not None
    return new


def _imported_participants(
    connection: Connection,
    session_id: int,
    given: Sequence[Answer],
    rng_seeds: Mapping[str, int],
) -> dict[str, int]:
    """The row of each participant who answered elsewhere; they have no token."""
    for public_id in dict.fromkeys(each.participant for each in given):
        connection.execute(
            insert_new(connection, participants).values(
                session_id=session_id,
                public_id=public_id,
                rng_seed=rng_seeds[public_id],
                joined_at=now(),
            )
        )
    rows = connection.execute(
        select(participants.c.public_id, participants.c.id).where(
            participants.c.session_id == session_id
        )
    )
    return {row.public_id: row.id for row in rows}


def _check_open(session: Row[Any]) -> None:
    if session.closed_at is not None:
        raise StudyError(f"Session {session.code} is closed; open a new one.")
