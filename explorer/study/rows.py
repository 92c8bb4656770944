"""Records as they are stored in rows, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, select

from explorer.study.codes import as_code, is_code
from explorer.study.records import Answer, Design, Kind, RoundState, Task, Timing
from explorer.study.session_records import Round, UnknownCode, UnknownToken
from explorer.study.tables import participants, rounds, sessions


def now() -> str:
    """The time as it is stored: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def design_to_json(design: Design) -> str:
    """A design as text."""
    return json.dumps(asdict(design), sort_keys=True)


@lru_cache(256)
def design_from_json(text: str) -> Design:
    """The design of a text, without fields that this version doesn't have."""
    values = _known(Design, json.loads(text))
    timing = values.get("timing")
    values["timing"] = Timing(**_known(Timing, timing)) if timing else None
    values["task"] = Task(values["task"])
    return Design(**values)


def _known(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(record)}
    return {name: value for name, value in values.items() if name in names}


def trials_in(design: Design, vote: int) -> int:
    """How many trials each person has: a second vote has no practice."""
    return design.main + design.catch + (design.practice if vote == 1 else 0)


@dataclass(frozen=True)
class Person:
    """A participant as the store knows them."""

    id: int
    session_id: int
    public_id: str
    rng_seed: int


def round_of(row: Row[Any], current_id: int, session_closed: bool) -> Round:
    """The round of a row of `rounds`; current_id: of the session's last one."""
    return Round(
        number=row.number,
        vote=row.vote,
        state=RoundState(row.state),
        design=design_from_json(row.design),
        set_id=row.set_id,
        opened_at=row.opened_at,
        closed=session_closed or row.closed_at is not None or row.id != current_id,
    )


def answer_of(row: Row[Any]) -> Answer:
    """The answer of a row of `answers`, with its round, vote and participant joined to it."""
    return Answer(
        participant=row.public_id,
        round=row.number,
        vote=row.vote,
        trial=row.trial,
        kind=Kind(row.kind),
        task=Task(row.task),
        stimulus=row.stimulus,
        value=row.value,
        position=row.position,
        correct=row.correct,
        response_ms=row.response_ms,
        shown_ms=row.shown_ms,
        answered_at=row.answered_at,
    )


def session_row(connection: Connection, code: str) -> Row[Any]:
    """The row of the session with this code; UnknownCode where there is none."""
    code = as_code(code)
    row = None
    if is_code(code):  # a database cannot hold every text that is sent
        row = connection.execute(select(sessions).where(sessions.c.code == code)).first()
    if row is None:
        raise UnknownCode(
            f"There is no session with the code {code[:12]!r}; codes have six letters and "
            "digits, as on the projector."
        )
    return row


def session_of_person(connection: Connection, person: Person) -> Row[Any]:
    """The row of a participant's session; UnknownToken where it was deleted."""
    row = connection.execute(select(sessions).where(sessions.c.id == person.session_id)).first()
    if row is None:
        raise unknown_token()
    return row


def person_of(connection: Connection, token_hash: str) -> Person:
    """The participant whose token has this hash."""
    columns = (
        participants.c.id,
        participants.c.session_id,
        participants.c.public_id,
        participants.c.rng_seed,
    )
    row = connection.execute(
        select(*columns).where(participants.c.token_hash == token_hash)
    ).first()
    if row is None:
        raise unknown_token()
    return Person(*row)


def unknown_token() -> UnknownToken:
    """The error for a token that belongs to nobody."""
    return UnknownToken("This phone's place in the session is gone; join again with the code.")


def current_round_row(connection: Connection, session_id: int) -> Row[Any]:
    """The row of the round that was opened last."""
    return connection.execute(
        select(rounds)
        .where(rounds.c.session_id == session_id)
        .order_by(rounds.c.id.desc())
        .limit(1)
    ).one()
