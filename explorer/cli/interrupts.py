"""Ctrl-C, which must stop a command whatever runs at that moment.

Python raises KeyboardInterrupt between any two instructions of the main thread. In a callback of
the garbage collector, of which Dask has one, or in an object's end, it is printed and forgotten. So
each interruption is noted here, too, and whoever waits for long asks for those that were lost.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_lost = threading.Event()


@contextmanager
def noted() -> Iterator[None]:
    """Note interruptions while a command runs; does nothing but in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as of a command in the background, or somebody else's
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _lost.clear()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _lost.set()
    raise KeyboardInterrupt


def check() -> None:
    """Raise KeyboardInterrupt where one was noted; to be called by whatever waits, again and again.

    Only before the first has been seen to: `seen` says that.
    """
    if _lost.is_set() and threading.current_thread() is threading.main_thread():
        _lost.clear()
        raise KeyboardInterrupt


def seen() -> None:
    """The interruption has arrived, so that nothing is to raise it again."""
    _lost.clear()
