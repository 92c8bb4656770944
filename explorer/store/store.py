"""The store: bytes under string keys, on disk, shared by threads and processes."""

from __future__ import annotations

import contextlib
import logging
import re
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from . import claims, frame, settings, signing, starter
from .claims import Claim
from .database import PATIENCE, Database
from .entries import Entries
from .errors import CacheError, DamagedEntry
from .folder import DATABASE
from .reports import Stats, Verification
from .room import why_no_room
from .rows import Rows
from .uses import Uses
from .values import Row

if TYPE_CHECKING:
    from .disk import PlainCache

log = logging.getLogger(__name__)

_ROOM_SECONDS = 1.0  # that an answer of why_not_kept holds
_RESULT_KEY = re.compile(r"[0-9a-f]{64}")


class Store:
    """Bytes on disk under keys; the least recently used go when the size limit is reached.

    Every entry is checked when it is read, its SHA-256 and that this installation signed it: a
    damaged or forged one is dropped and counts as absent, so that it is computed again. Keys that
    are not in the data directory are looked up in the starter pack. Reading needs no writing, so
    that it goes on where the disk is full or read-only, or another program has locked the database.
    Threads and processes may share a store; nothing is opened before the first use.

    Parameters
    ----------
    directory : of the data; IRI_CACHE_DIR or `cache/data/` unless given
    limit : bytes; IRI_CACHE_LIMIT or 2 GB unless given
    starter_directory : of the read-only starter pack; `cache/starter/` unless given
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        limit: int | None = None,
        starter_directory: str | Path | None = None,
    ) -> None:
        self.directory = Path(directory) if directory else settings.data_directory()
        self.limit = settings.size_limit() if limit is None else limit
        self._starter = Path(starter_directory) if starter_directory else starter.DIRECTORY
        self._database = Database(self.directory)
        self._entries = Entries(self._database)
        self._uses = Uses(self.directory / DATABASE)
        weakref.finalize(self, self._uses.write_down)
        self._room: tuple[int, float, str | None] = (-1, 0.0, None)

    def check(self) -> None:
        """Open the data directory, which is created where it does not exist.

        Raises CacheError where it cannot be used, or nothing can be signed. Where it cannot be
        written but what is in it can be read, that is only said in the log.
        """
        signing.installation(self.directory)
        try:
            self._database.write(lambda cache: None)
        except CacheError as error:
            if not self._database.can_be_read:
                raise
            log.warning("%s Stored results can still be read.", error.for_operator)

    def get(self, key: str) -> bytes | None:
        """The bytes under this key, or None if there are none or they were damaged."""
        if not settings.is_key(key):
            return None
        data = self._entries.get(key)
        if data is None:
            data = starter.load(key, self._starter)
            if data is None:
                self._uses.miss()
            return data
        self._uses.hit(key)
        return data

    def put(
        self,
        key: str,
        data: bytes,
        origin: bytes = frame.MADE_HERE,
        patience: float = PATIENCE,
    ) -> None:
        """Store bytes under a key, whole or not at all, and evict the entries that no longer fit.

        origin: where they come from, as of `frame.wrap`. patience: seconds to wait while another
        program has locked the database.

        Raises
        ------
        CacheError
            If the key is malformed, the data are not bytes or larger than the size limit, or the
            directory cannot be written.
        """
        settings.check_key(key)
        if type(data) is not bytes:
            raise CacheError(f"the cache stores bytes, not {type(data).__name__}.")
        framed = frame.wrap(signing.installation(self.directory), key, data, origin)
        if len(framed) > self.limit:
            raise CacheError(
                f"an entry of {len(data) / 1e6:.1f} MB does not fit into the cache, whose limit is "
                f"{self.limit / 1e6:.1f} MB; raise IRI_CACHE_LIMIT."
            )

        def write(cache: PlainCache) -> None:
            cache.write(key, framed)
            self._uses.write_down()  # else what was just read might be evicted
            for evicted in cache.evict_to(self.limit, keep=key):
                log.info("evicted %s", evicted)

        self._database.write(write, patience)

    def claim(self, key: str) -> Claim | None:
        """The claim to make an entry, among all processes of this directory; None if it is held.

        By another process, or by another claim of this one. It ends when it is released or the
        process does; where the directory cannot be written it guards nothing. Raises nothing.
        """
        return claims.claim(self.directory, key)

    def why_not_kept(self, n_bytes: int = 10_000_000) -> str | None:
        """Why a result of so many bytes cannot be stored now, for people; None if it can.

        A sentence without paths: the disk is full or read-only, or another program has locked the
        database. Answers are a second old at most.
        """
        now = time.monotonic()
        asked, at, answer = self._room
        if asked != n_bytes or now - at > _ROOM_SECONDS:
            answer = why_no_room(self.directory, n_bytes)
            self._room = (n_bytes, time.monotonic(), answer)
        return answer

    def __contains__(self, key: object) -> bool:
        """Whether there are bytes under this key; only reading tells whether they are sound."""
        if not isinstance(key, str) or not settings.is_key(key):
            return False
        return self._entries.head(key) is not None or key in starter.by_key(self._starter)

    def origin(self, key: str) -> str | None:
        """Where an entry of the data directory was imported from; None if it was made here.

        The fingerprint of whoever signed its pack, or "unsigned".
        """
        head = self._entries.head(key) if settings.is_key(key) else None
        return None if head is None else frame.origin(head)

    def delete(self, key: str) -> bool:
        """Delete the entry of this key; returns whether there was one.

        Its summary and thumbnail go with it. The starter pack does not change.
        """
        if not settings.is_key(key) or self._entries.row(key) is None:
            return False
        return self._database.write(lambda cache: cache.drop(key))

    def keys(self) -> tuple[str, ...]:
        """The keys in the data directory, oldest first, without those of the starter pack.

        Nor those of summaries and thumbnails, which belong to other entries.
        """
        return tuple(self._database.query(Rows.keys))

    def stored_at(self) -> dict[str, float]:
        """When each entry of the data directory was stored: seconds since 1970, by key.

        Oldest first; summaries and thumbnails are among them, the starter pack is not.
        """
        return self._database.query(Rows.stored_at)

    def peek(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The bytes of many entries of the data directory at once, by key.

        Those that are not there or damaged are left out. Being read so does not count as a use,
        by which an entry would stay when the limit is reached.
        """
        wanted = [key for key in keys if settings.is_key(key)]
        found = {}
        for key, row in self._database.query(lambda rows: rows.find_all(wanted)).items():
            with contextlib.suppress(DamagedEntry, FileNotFoundError):
                found[key] = self._entries.payload(key, row)
        return found

    def results(self, prefix: str) -> tuple[str, ...]:
        """The keys of results, 64 hexadecimal digits, that begin with these digits.

        Those of the starter pack are among them.
        """
        begins = {key for key in (*self.keys(), *self.shipped()) if key.startswith(prefix)}
        return tuple(sorted(filter(is_result_key, begins)))

    def shipped(self) -> dict[str, str]:
        """The SHA-256 of every entry of the starter pack by its key, in the pack's order."""
        return {key: entry.sha256 for key, entry in starter.by_key(self._starter).items()}

    def stats(self) -> Stats:
        """Entries, bytes, hits and misses."""
        entries, size = self._database.query(Rows.total)
        hits, misses = self._database.query(Rows.reads)
        more_hits, more_misses = self._uses.pending
        return Stats(
            directory=self.directory,
            entries=entries,
            bytes=size,
            limit=self.limit,
            hits=hits + more_hits,
            misses=misses + more_misses,
            starter_entries=len(starter.by_key(self._starter)),
            unsigned=len(self._database.query(Rows.set_aside)),
            signed_by=None if (signer := self._database.signer()) is None else signer.fingerprint,
            not_kept=self.why_not_kept(),
        )

    def verify(self) -> Verification:
        """Check every entry, its SHA-256 and its signature, and drop those that are damaged."""
        damaged, orphans = [], 0
        with contextlib.suppress(CacheError):  # to be checked, a cache need not be written
            for name in self._database.write(lambda cache: cache.drop_impossible()):
                damaged.append((name, "states an impossible size"))
            orphans = self._database.salvage()
        every = self._database.query(Rows.every)
        every = [row for row in every if not str(row[0]).startswith(settings.SET_ASIDE)]
        for key, raw, row in every:
            problem = self._entries.problem(key, raw, row)
            if problem and self._entries.drop(key, raw, problem):
                damaged.append((key if type(key) is str else repr(key)[:40], problem))
        return Verification(
            checked=len(every),
            of_these_results=sum(is_result_key(str(key)) for key, _, _ in every),
            damaged=tuple(damaged),
            orphans=orphans,
            damaged_starter=starter.damaged(self._starter),
            unsigned=len(self._database.query(Rows.set_aside)),
        )

    def set_aside(self) -> dict[str, Row]:
        """The entries that this installation has not signed, by the keys that they had."""
        self._database.write(lambda cache: None)  # which sets aside what is not yet
        keys = {settings.SET_ASIDE + key: key for key in self._database.query(Rows.set_aside)}
        found = self._database.query(lambda rows: rows.find_all(list(keys)))
        return {keys[name]: row for name, row in found.items()}

    def drop_set_aside(self, key: str) -> None:
        """Delete an entry that was set aside, by the key that it had."""
        self._database.write(lambda cache: cache.drop(settings.SET_ASIDE + key))

    def clear(self) -> int:
        """Delete every entry of the data directory; returns how many there were."""
        entries, _ = self._database.query(Rows.total)
        self._database.write(lambda cache: cache.clear())
        return entries

    def close(self) -> None:
        """Close this thread's connections; the store opens again when it is used."""
        self._uses.write_down()
        self._database.close()


def is_result_key(key: str) -> bool:
    """Whether a key is that of a result: 64 hexadecimal digits."""
    return _RESULT_KEY.fullmatch(key) is not None
