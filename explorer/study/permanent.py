"""What goes on without a lecturer: the session that anybody can take alone, and single opinions."""

from __future__ import annotations

import json
from dataclasses import asdict

from sqlalchemy import Connection, select

from explorer.study.codes import digest, new_code, new_secret
from explorer.study.database import insert_new
from explorer.study.lecturing import add_round, add_session, add_set
from explorer.study.records import Design, Stimulus
from explorer.study.rows import current_round_row, design_to_json, now
from explorer.study.stimulus_set import StimulusSet
from explorer.study.tables import opinions, sessions

ALONE = "alone"
TITLE = "What do you see?"
VALUES = ("target", "seed")


def open_alone(
    connection: Connection, stimulus_set: StimulusSet, data: bytes, design: Design
) -> str:
    """The code of the permanent session; its current round is of this set and design."""
    # The secret is nobody's.
    new = add_session(connection, new_code(), TITLE, new_secret(), role=ALONE) is not None
    session = connection.execute(select(sessions).where(sessions.c.role == ALONE)).one()
    wanted = (stimulus_set.id, design_to_json(design))
    number = 1
    if not new:
        current = current_round_row(connection, session.id)
        if (current.set_id, current.design) == wanted:
            return session.code
        number = current.number + 1
    add_set(connection, stimulus_set, data)
    add_round(connection, session.id, number, 1, *wanted)
    return session.code


def add_opinion(connection: Connection, visitor: str, stimulus: Stimulus, value: str) -> None:
    """Store what a visitor says of a result, unless they said something before."""
    connection.execute(
        insert_new(connection, opinions).values(
            visitor_hash=digest(visitor),
            key=stimulus.key,
            value=value,
            stimulus=json.dumps(asdict(stimulus), sort_keys=True),
            given_at=now(),
        )
    )
