"""Claims: which process makes which entry, so that no two of one cache directory make the same.

Advisory: nothing stops who doesn't ask. A claim is a lock on one byte of `cache.db.claims`, at a
place that follows from the key, so that one file, which stays empty, holds as many claims as there
are keys. The system frees the locks of a process that dies, however it dies. One that hangs keeps
them: whoever holds claims beats (`beats.py`), and after a silence others claim the same at another
place. Should the silent one wake, both make it, and the result is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
import weakref
from pathlib import Path

from .beats import BEAT_SECONDS, Beats
from .errors import CacheError
from .folder import make_private

try:
    import fcntl
except ImportError:  # Windows has no such locks: there a claim guards within its process only
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

_NAME, _BEATS = "cache.db.claims", "cache.db.beats"
_MOST_SILENT = 3
_MOMENT = 0.05  # seconds
_lock = threading.Lock()
_files: dict[Path, _ClaimsFile] = {}


class Claim:
    """That this process is to make an entry, until it is released, forgotten, or the process ends.

    A context manager, which releases it at its end.
    """

    def __init__(self, file: _ClaimsFile | None = None, place: int = 0) -> None:
        self._release = None
        if file is not None:
            self._release = weakref.finalize(self, file.free, place)
            self._release.atexit = False  # the system does it

    @property
    def guards(self) -> bool:
        """Whether others are kept from claiming the same, which a directory may not allow."""
        return self._release is not None and self._release.alive

    def release(self) -> None:
        """Let others claim the entry; a second call does nothing."""
        if self._release is not None:
            self._release()

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(directory: Path, key: str) -> Claim | None:
    """The claim on an entry of a cache; None while anybody holds it, this process among them.

    Of those that hang, the first _MOST_SILENT are passed over. Where the directory cannot be
    written, a claim that guards nothing.
    """
    try:
        with _lock:
            file = _opened(directory)
            for passed_over in range(_MOST_SILENT + 1):
                place = _place(key, passed_over)
                if file.take(place):
                    return Claim(file, place)
                if not file.is_silent(place):
                    break
            return None
    except (OSError, CacheError) as error:
        log.debug("claims in %s guard nothing: %s", directory, error)
        return Claim()


def _place(key: str, passed_over: int) -> int:
    """Where the lock of a key is, and further ones for when those before are held in silence."""
    name = f"{key}\n{passed_over}" if passed_over else key
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 2


class _ClaimsFile:
    """The open file of a directory's claims.

    POSIX frees all of a process's locks on a file when it closes any descriptor of it: so each
    process opens it once, and keeps it open as long as there is a claim.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._beats: Beats | None = None
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a full disk: claims hold as long as they are held
                self._beats = Beats(path.with_name(_BEATS))
        self._process = os.getpid()
        self._held: set[int] = set()
        self._is_beating = False
        self._held_lock = threading.RLock()  # a claim may be collected while this thread has it

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def is_at(self, path: Path) -> bool:
        """Whether this process opened it and it is still the file under this path."""
        try:
            there = os.path.samestat(os.fstat(self._descriptor), path.stat())
        except FileNotFoundError:
            return False
        return there and self._process == os.getpid()

    def take(self, place: int) -> bool:
        """Whether the place was free and is now held. Raises OSError where nothing is locked."""
        with self._held_lock:
            if place in self._held:
                return False
            if fcntl is not None:
                try:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, by the system
                    return False
            self._held.add(place)
            self._begin_to_beat(place)
            return True

    def is_silent(self, place: int) -> bool:
        """Whether another process holds the place and hangs."""
        if self._beats is None or place in self._held or not self._beats.is_silent(place):
            return False
        time.sleep(_MOMENT)  # it may just have been taken, and not have beaten yet
        return self._beats.is_silent(place)

    def _begin_to_beat(self, place: int) -> None:
        if self._beats is None:
            return
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: the program is ending
            self._beats.beat([place])
            if not self._is_beating:
                threading.Thread(target=self._beat, name="claims", daemon=True).start()
                self._is_beating = True

    def _beat(self) -> None:
        """Beat for what is held, until nothing is."""
        while True:
            time.sleep(BEAT_SECONDS)
            with self._held_lock:
                if not self._held or self._beats is None:
                    self._is_beating = False
                    return
                with contextlib.suppress(OSError):
                    self._beats.beat(self._held)

    def free(self, place: int) -> None:
        """Give a place back."""
        with self._held_lock:
            if self._process != os.getpid():  # a fork has the claims of its parent by name only
                return
            self._held.discard(place)
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)


def _opened(directory: Path) -> _ClaimsFile:
    """The one open file of a directory; opened anew where it was deleted, or after a fork."""
    directory = directory.absolute()
    path, file = directory / _NAME, _files.get(directory)
    if file is None or not file.is_at(path):
        make_private(directory)
        file = _files[directory] = _ClaimsFile(path)
    return file
