"""Page runs take turns: in the order in which they were asked for, plots after pages.

Python runs one thread at a time. Fifty page runs at once would all end late, at about the same
time; one after the other, half of the visitors have their page in half of that time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2
"""Page runs; while one of them waits for the disk, another one goes on."""
LONGEST_WAIT_SECONDS = 3.0
"""After which a run goes on without its turn: none may be kept back by others that are stuck."""


class Turns:
    """Who may run: pages first, in their order; what comes later only when no page waits."""

    def __init__(self, at_once: int = AT_ONCE, longest_wait: float = LONGEST_WAIT_SECONDS) -> None:
        self._free = at_once
        self._longest_wait = longest_wait
        self._changed = threading.Condition()
        self._pages: list[object] = []
        self._later: list[object] = []

    @contextmanager
    def page(self) -> Iterator[None]:
        """A turn for the run of a page."""
        with self._turn(self._pages):
            yield

    @contextmanager
    def later(self) -> Iterator[None]:
        """A turn for what the browser asks for once it has painted the page."""
        with self._turn(self._later):
            yield

    @contextmanager
    def _turn(self, line: list[object]) -> Iterator[None]:
        mine, until = object(), time.monotonic() + self._longest_wait
        with self._changed:
            line.append(mine)
            while not self._is_next(line, mine) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            line.remove(mine)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _is_next(self, line: list[object], mine: object) -> bool:
        if self._free <= 0 or line[0] is not mine:
            return False
        return line is self._pages or not self._pages


TURNS = Turns()
