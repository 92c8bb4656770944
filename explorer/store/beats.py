"""Beats: signs of life of those that hold claims, so that a process that hangs holds nobody up.

`cache.db.beats` has a time for each of a few thousand groups of places, on the clock that all
processes of a machine share and that stands still while the machine sleeps. Claims of one group
beat for each other: then a process that hangs is waited for a while longer.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path

BEAT_SECONDS = 2.0
SILENT_SECONDS = 30.0
"""After which whoever holds a claim is taken to hang: stopped, or waiting for its disk."""

_GROUPS = 4096
_TIME = struct.Struct("<d")


class Beats:
    """The open file of a directory's beats. Raises OSError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if hasattr(os, "posix_fallocate"):  # so that a disk that fills up silences nobody
            with contextlib.suppress(OSError):
                os.posix_fallocate(self._descriptor, 0, _GROUPS * _TIME.size)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def beat(self, places: Iterable[int]) -> None:
        """Say that whoever holds these places is alive."""
        now = _TIME.pack(time.monotonic())
        for offset in {_offset(place) for place in places}:
            os.pwrite(self._descriptor, now, offset)

    def is_silent(self, place: int) -> bool:
        """Whether whoever holds a place has not been heard of for SILENT_SECONDS."""
        written = os.pread(self._descriptor, _TIME.size, _offset(place))
        beaten_at = _TIME.unpack(written)[0] if len(written) == _TIME.size else 0.0
        return 0.0 < beaten_at < time.monotonic() - SILENT_SECONDS


def _offset(place: int) -> int:
    return place % _GROUPS * _TIME.size
