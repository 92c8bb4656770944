"""Who takes part: whoever has answered, and whoever is there now.

Anybody, and any program, can join as often as they like. Joins that are followed by nothing are
stored, but neither counted nor do they take a place in the session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, exists, select

from explorer.study.tables import answers, participants

ABSENT_AFTER_S = 120.0
"""Phones ask what is going on every few seconds while somebody looks at them."""

_MOST_SEEN = 20_000  # those seen long ago are forgotten then


class Presence:
    """When each participant was last heard of, in the memory of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[int, float] = {}

    def add(self, participant_id: int) -> None:
        """They asked or answered something just now."""
        with self._lock:
            if len(self._seen) >= _MOST_SEEN:
                self._seen = {each: self._seen[each] for each in self._lately()}
            self._seen[participant_id] = self._clock()

    def now(self) -> frozenset[int]:
        """Who was heard of in the last ABSENT_AFTER_S."""
        with self._lock:
            return frozenset(self._lately())

    def _lately(self) -> list[int]:
        since = self._clock() - ABSENT_AFTER_S
        return [each for each, seen in self._seen.items() if seen >= since]


def present_in(connection: Connection, session_id: int, seen: Collection[int]) -> set[int]:
    """The participants of a session who have answered in it, joined lately, or were seen lately."""
    since = (datetime.now(UTC) - timedelta(seconds=ABSENT_AFTER_S)).isoformat()
    has_answered = exists().where(answers.c.participant_id == participants.c.id)
    rows = connection.execute(
        select(participants.c.id, participants.c.joined_at, has_answered).where(
            participants.c.session_id == session_id
        )
    )
    return {
        participant
        for participant, joined_at, answered in rows
        if answered or joined_at >= since or participant in seen
    }
