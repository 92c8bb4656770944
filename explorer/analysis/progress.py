"""Progress callbacks: told the stage and the numbers of a request, asked whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from explorer.metrics.first_look import FirstLook
from explorer.synthesis.loop import Callback, Cancelled

if TYPE_CHECKING:
    from torch import Tensor


class StagedCallback(Callback, Protocol):
    """A callback of the loop that is also told what is being done, in plain words.

    It may have two methods besides, for runs that share a device in turns. `now()`: seconds of a
    clock that stands still while the run waits for its turn. `not_computing()`: a context in which
    the run reads files or downloads, so that others may have the device.
    """

    def stage(self, text: str) -> None:
        """Called when a new stage begins."""

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None:
        """Called once the search is over: the IRIs, N×3×H×W, and how well each one matches.

        And again once they have been brought nearer to their seeds. What they are compared with,
        the null and the other measures, is still to come.
        """


class NullCallback:
    """Reports nothing and never cancels."""

    def stage(self, text: str) -> None: ...

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None: ...

    def cancelled(self) -> bool:
        return False

    def due(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...


def clock_of(callback: StagedCallback) -> Callable[[], float]:
    """A clock in seconds by which a run is timed: the callback's own, or this process's."""
    clock: Callable[[], float] = getattr(callback, "now", time.perf_counter)
    return clock


def not_computing(callback: StagedCallback) -> AbstractContextManager[None]:
    """While this lasts the run only reads files or downloads."""
    context: AbstractContextManager[None] = getattr(callback, "not_computing", nullcontext)()
    return context


def next_stage(callback: StagedCallback, text: str) -> None:
    """Say that a new stage begins; raises Cancelled when the callback says so."""
    if callback.cancelled():
        raise Cancelled("cancelled while measuring")
    callback.stage(text)
