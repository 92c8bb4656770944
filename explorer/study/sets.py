"""The stimulus sets that rounds use, read once and kept in memory with their pictures."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, select

from explorer.study.records import StudyError
from explorer.study.stimulus_set import StimulusSet
from explorer.study.tables import set_pictures, stimulus_sets

_MOST_SETS = 4
_MOST_PICTURES = 20_000  # whose sets are remembered


class Sets:
    """Sets by identifier and pictures by SHA-256; the sets used last are kept in memory."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._reading = reading
        self._lock = threading.RLock()
        self._sets: OrderedDict[str, StimulusSet] = OrderedDict()
        self._set_of: dict[str, str] = {}

    def get(self, set_id: str) -> StimulusSet:
        """The set; StudyError where no round uses it."""
        with self._lock:
            if set_id in self._sets:
                self._sets.move_to_end(set_id)
                return self._sets[set_id]
            with self._reading() as connection:
                data = connection.execute(
                    select(stimulus_sets.c.data).where(stimulus_sets.c.id == set_id)
                ).scalar()
            if data is None:
                raise StudyError(f"No round uses a stimulus set {set_id[:12]!r}.")
            stimulus_set = StimulusSet.from_bytes(data)
            self._sets[set_id] = stimulus_set
            while len(self._sets) > _MOST_SETS:
                self._sets.popitem(last=False)
            return stimulus_set

    def picture(self, sha256: str) -> bytes | None:
        """The PNG of this hash, of any set that a round uses."""
        with self._lock:
            set_id = self._set_of.get(sha256)
            if set_id is None:
                with self._reading() as connection:
                    set_id = connection.execute(
                        select(set_pictures.c.set_id).where(set_pictures.c.sha256 == sha256)
                    ).scalar()
                if set_id is None:
                    return None
                if len(self._set_of) >= _MOST_PICTURES:
                    self._set_of.clear()
                self._set_of[sha256] = set_id
            return self.get(set_id).pictures.get(sha256)

    def forget(self) -> None:
        """Read everything anew: a session was deleted, perhaps with its set."""
        with self._lock:
            self._sets.clear()
            self._set_of.clear()
