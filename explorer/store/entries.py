"""Reading entries: each is checked, and dropped where it is not what this installation stored."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from . import frame, settings
from .database import Database
from .errors import CacheError, DamagedEntry
from .values import Row, opened

if TYPE_CHECKING:
    from .disk import PlainCache

log = logging.getLogger(__name__)

_REPLACED_AT_MOST = 5  # times that others replace an entry while it is read


class Entries:
    """The entries of a database, read one by one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> bytes | None:
        """The bytes of an entry of the data directory; None if there are none that are sound."""
        try:
            for _ in range(_REPLACED_AT_MOST):
                row = self.row(key)
                if row is None:
                    return None
                try:
                    return self.payload(key, row)
                except FileNotFoundError:
                    if self.row(key) == row:  # else another process has just replaced it
                        self.drop(key, 1, "has lost its file")
                        return None
                except DamagedEntry as damage:
                    self.drop(key, 1, str(damage))
                    return None
        except CacheError as error:
            log.warning("could not read %s from the cache: %s", key, error.for_operator)
        return None

    def head(self, key: str) -> bytes | None:
        """The head of an entry of the data directory; None if there is none that is signed."""
        try:
            row = self.row(key)
            if row is None:
                return None
            with opened(self._database.directory, row) as (file, size):
                head = file.read(frame.OVERHEAD)
            frame.check_head(self._database.signer(), key, head, size)
            return head
        except CacheError as error:
            log.warning("could not look up %s in the cache: %s", key, error.for_operator)
        except (DamagedEntry, OSError):  # get drops it
            pass
        return None

    def row(self, key: str) -> Row | None:
        return self._database.query(lambda rows: rows.find(key))

    def payload(self, key: str, row: Row) -> bytes:
        """The bytes of a row. Raises DamagedEntry, or FileNotFoundError where it has no file."""
        with opened(self._database.directory, row) as (file, size):
            head = file.read(frame.OVERHEAD)
            frame.check_head(self._database.signer(), key, head, size)
            payload = file.read(size)
        frame.check_payload(head, payload)
        return payload

    def problem(self, key: object, raw: object, row: Row) -> str | None:
        """What is wrong with a row, if anything is."""
        try:
            if raw != 1 or not isinstance(key, str):
                return "has a key that is not plain text"
            if not settings.is_key(key):
                return "has a key that this cache does not write"
            self.payload(key, row)
        except DamagedEntry as damage:
            return str(damage)
        except FileNotFoundError:
            return "has lost its file"
        return None

    def drop(self, key: object, raw: object, problem: str) -> bool:
        """Drop a row that must not be used; False if meanwhile it is another, which is sound.

        Where it cannot be dropped it stays, and counts as absent all the same.
        """

        def dropped(cache: PlainCache) -> bool:
            return cache.drop_if(key, raw, lambda row: self.problem(key, raw, row) is not None)

        try:
            if not self._database.write(dropped, patience=0.1):
                return False
            log.warning("dropped the cache entry %s: it %s", key, problem)
        except CacheError:
            log.warning("the cache entry %s is not used: it %s", key, problem)
        return True
