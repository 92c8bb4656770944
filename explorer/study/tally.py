"""How often limits refused something, counted in memory and written once a second at most."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy import Connection, select, update

from explorer.study.database import insert_new
from explorer.study.records import StudyError
from explorer.study.tables import refusals, sessions
from explorer.study.writer import Writer

_PAUSE_S = 1.0


class Tally:
    """Counts by session and reason: a flood of refusals is no flood of transactions."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._counts: Counter[tuple[int, str]] = Counter()

    def add(self, session_id: int, reason: str, count: int = 1) -> None:
        """Count, and write soon."""
        if not count:
            return
        with self._lock:
            first = not self._counts
            self._counts[session_id, reason] += count
        if first:
            timer = threading.Timer(_PAUSE_S, self.write)
            timer.daemon = True
            timer.start()

    def of(self, session_id: int) -> Counter[str]:
        """What of a session is not written yet."""
        with self._lock:
            counts = {key[1]: count for key, count in self._counts.items() if key[0] == session_id}
        return Counter(counts)

    def write(self) -> None:
        """Write what was counted. What cannot be written is lost: it is no answer."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if counts:
            try:
                self._writer.run(lambda connection: _add(connection, counts))
            except StudyError:
                return


def _add(connection: Connection, counts: Counter[tuple[int, str]]) -> None:
    there = set(connection.execute(select(sessions.c.id)).scalars())
    for (session_id, reason), count in counts.items():
        if session_id not in there:
            continue
        connection.execute(
            insert_new(connection, refusals).values(session_id=session_id, reason=reason, count=0)
        )
        connection.execute(
            update(refusals)
            .where(refusals.c.session_id == session_id, refusals.c.reason == reason)
            .values(count=refusals.c.count + count)
        )
