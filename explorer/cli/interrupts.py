"""Ctrl-C, which must stop a command whatever runs at that moment.

Python raises KeyboardInterrupt between any two instructions of the main thread. In a callback of
the garbage collector, of which Dask has one, or in an object's end, it is printed and forgotten. So
each interruption is noted here, too, and whoever waits for long asks for those that were lost.
Once one has arrived, the command closes what it has open; others, such as of a key that is held
down, do not disturb that, unless it takes long.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CLOSING_SECONDS = 5.0
"""For so long after an interruption has arrived others do nothing; a later one ends the process."""

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

_lost = threading.Event()
_seen_at: float | None = None


@contextmanager
def noted() -> Iterator[None]:
    """Note interruptions while a command runs; does nothing but in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as of a command in the background, or somebody else's
        return
    global _seen_at
    _seen_at = None
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        seen()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _lost.clear()


def until_exit() -> None:
    """Have interruptions disturb nothing that Python closes at its end, after one has arrived."""
    if _seen_at is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _seen_at is None:
        _lost.set()
        raise KeyboardInterrupt
    if time.monotonic() - _seen_at > CLOSING_SECONDS:
        os._exit(INTERRUPTED)


def check() -> None:
    """Raise KeyboardInterrupt where one was noted; to be called by whatever waits, again and again.

    Only before the first has been seen to: `seen` says that.
    """
    if _lost.is_set() and threading.current_thread() is threading.main_thread():
        _lost.clear()
        raise KeyboardInterrupt


def seen() -> None:
    """The interruption has arrived, so that nothing is to raise it again."""
    global _seen_at
    _lost.clear()
    if _seen_at is None:
        _seen_at = time.monotonic()
