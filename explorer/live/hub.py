"""The broadcast: one channel per watched job, from the engine's threads to all who watch it.

Everything here but `Channel._on_change` runs on the server's event loop; what encodes, or may wait
for the engine, runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from explorer.jobs.job import Job
from explorer.live.events import Encoder
from explorer.live.tokens import Watched

if TYPE_CHECKING:
    from explorer.jobs.engine import Engine

log = logging.getLogger(__name__)

MOST_STREAMS = 400
MOST_STREAMS_OF_VISITOR = 4
"""Browsers open at most six connections to one server; the pages need the others."""

LEAST_SECONDS = 0.25
SECONDS_PER_READER = 0.005
"""Between two events of a job: whatever is sent costs the server some time for each reader."""

PICTURE_BYTES_PER_SECOND = 4e6
"""Of one job's previews to all its readers together."""

LINGER_SECONDS = 5.0
"""A broadcast outlives its last reader by so long: who asks again and again shares one."""


class TooManyStreams(Exception):
    """Why no further connection is served, in a sentence."""


class Reader:
    """One connection's place in a broadcast: the event that it has not sent yet."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._event: bytes | None = None
        self._is_behind = True
        self._ready = asyncio.Event()
        self.dropped = 0
        """How many events it was too slow for; the next one it gets tells all of them."""

    def give(self, event: bytes) -> None:
        """Have this event sent next; one that is still unsent is dropped."""
        if self._event is not None:
            self._is_behind = True
            self.dropped += 1
        self._event = event
        self._ready.set()

    async def next(self) -> bytes:
        """The next event, once there is one."""
        await self._ready.wait()
        self._ready.clear()
        event, self._event = self._event, None
        if not self._is_behind and event is not None:
            return event
        encoder = self.channel.encoder
        try:
            told = encoder.whole
            if told is None:
                told = await asyncio.to_thread(encoder.snapshot)
        except asyncio.CancelledError:
            self._is_behind = True
            self._ready.set()
            raise
        self._is_behind = False
        return told


class Channel:
    """What one job's readers are sent."""

    def __init__(self, engine: Engine, watched: Watched) -> None:
        self._engine = engine
        self._key = watched.keys[0]
        self.encoder = Encoder(self._key, watched.steps_before)
        self.readers: set[Reader] = set()
        self._loop = asyncio.get_running_loop()
        self._job: Job | None = None
        self._sent: Job | None = None
        self._changed = asyncio.Event()
        self._is_known = False
        self._picture_sent_at = -1e9
        self._broadcast = self._loop.create_task(self._run())

    def add(self, reader: Reader) -> None:
        """Have a reader told all that is known now, and then every change."""
        self.readers.add(reader)
        if self._is_known:
            reader.give(b"")

    def close(self) -> None:
        """End the broadcast."""
        self._broadcast.cancel()

    def _on_change(self, job: Job) -> None:
        """Called in a thread of the engine."""
        self._job = job
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _run(self) -> None:
        listening = self._loop.run_in_executor(
            None, self._engine.listen, [self._key], self._on_change
        )
        try:
            await asyncio.shield(listening)
            if self._job is None:
                self._job = await asyncio.to_thread(self._engine.job, self._key)
            self._changed.set()
            while True:
                await self._wait_for_change()
                self._changed.clear()
                await self._send(self._job)
                await asyncio.sleep(max(LEAST_SECONDS, SECONDS_PER_READER * len(self.readers)))
        except Exception:  # whatever it is: the pages look for themselves then
            log.exception("a job cannot be watched any more")
            await self._send(None)
        finally:
            listening.add_done_callback(self._stop_listening)

    def _stop_listening(self, listening: asyncio.Future[Callable[[], None]]) -> None:
        """Called also where it is left before it has begun to listen."""
        if not listening.cancelled() and listening.exception() is None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.run_in_executor(None, listening.result())

    async def _wait_for_change(self) -> None:
        """A change, or that a picture that was held back is due."""
        job = self._job
        if job is None or not self.encoder.is_picture_due(job):
            await self._changed.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds_to_picture()):
                await self._changed.wait()

    def _seconds_to_picture(self) -> float:
        cost = len(self.readers) * self.encoder.bytes_of_picture / PICTURE_BYTES_PER_SECOND
        return max(0.0, self._picture_sent_at + cost - time.monotonic())

    async def _send(self, job: Job | None) -> None:
        with_picture = (
            job is not None
            and self.encoder.is_picture_due(job)
            and (job.finished or not self._seconds_to_picture())
        )
        if self._is_known and job is self._sent and not with_picture:
            return
        event = await asyncio.to_thread(self.encoder.update, job, with_picture)
        self._sent = job
        if with_picture:
            self._picture_sent_at = time.monotonic()
        self._is_known = True
        for reader in self.readers:
            reader.give(event)


class Hub:
    """All channels of this process, and how many connections there are."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self.engine = engine
        self._channels: dict[tuple[str, int], Channel] = {}
        self._streams: Counter[str] = Counter()

    @property
    def streams(self) -> int:
        """How many connections are open."""
        return self._streams.total()

    def open_stream(self, visitor: str) -> None:
        """Count one more connection; raises TooManyStreams, with why not."""
        if self._streams[visitor] >= MOST_STREAMS_OF_VISITOR:
            raise TooManyStreams("This browser watches in several tabs already; look less often.")
        if self.streams >= MOST_STREAMS:
            raise TooManyStreams("Many are watching here; look less often.")
        self._streams[visitor] += 1

    def close_stream(self, visitor: str) -> None:
        """Count one connection less."""
        self._streams[visitor] -= 1
        self._streams += Counter()  # drops those that are not positive

    def join(self, watched: Watched) -> Reader:
        """A place in the broadcast of a token's only job."""
        name = (watched.keys[0], watched.steps_before)
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(self.engine(), watched)
        reader = Reader(channel)
        channel.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Give a place up; without any the broadcast ends."""
        channel = reader.channel
        channel.readers.discard(reader)
        if not channel.readers:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close, channel)

    def _close(self, channel: Channel) -> None:
        if channel.readers:
            return
        channel.close()
        self._channels = {
            name: each for name, each in self._channels.items() if each is not channel
        }
