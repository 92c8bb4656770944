"""Nudges: that something has changed about several jobs, for pages that draw them themselves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from explorer.jobs.job import Job

if TYPE_CHECKING:
    from explorer.jobs.engine import Engine

LEAST_SECONDS = 2.0
"""Between two nudges of one browser, each of which costs the server a run of a part of the page."""


def nudge(engine: Engine, keys: Sequence[str]) -> bytes:
    """What a nudge says: how many of these jobs have ended (`ended`), and whether all have."""
    jobs = [engine.job(key) for key in keys]
    ended = sum(job is None or job.finished for job in jobs)
    told = {"ended": ended, "finished": ended == len(keys)}
    return json.dumps(told, separators=(",", ":")).encode()


class Nudges:
    """The nudges of one browser; one that comes too soon waits, and those meanwhile are one."""

    def __init__(self, engine: Engine, keys: Sequence[str]) -> None:
        self._engine = engine
        self._keys = keys
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._changed.set()  # the first says how it is now
        self._is_told = True
        self._given_at = -LEAST_SECONDS
        self._listening = self._loop.run_in_executor(
            None, engine.listen, list(keys), self._on_change
        )

    def _on_change(self, job: Job) -> None:
        """Called in a thread of the engine, for every step of every job."""
        if not self._is_told:
            self._is_told = True
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._changed.set)

    async def next(self) -> bytes:
        """The next nudge."""
        await asyncio.shield(self._listening)
        await self._changed.wait()
        wait = self._given_at + LEAST_SECONDS - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._changed.clear()
        self._is_told = False
        self._given_at = time.monotonic()
        return await asyncio.to_thread(nudge, self._engine, self._keys)

    def close(self) -> None:
        """Listen no longer."""
        self._listening.add_done_callback(self._stop_listening)

    def _stop_listening(self, listening: asyncio.Future[Callable[[], None]]) -> None:
        if not listening.cancelled() and listening.exception() is None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.run_in_executor(None, listening.result())
