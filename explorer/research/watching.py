"""What it costs the app that many watch one job, and whether others notice.

    python -m explorer.research.watching [--watchers 1 10 30 100] [--seconds 10] [--repeat 1]

The watchers are raw websocket sessions, each a browser of its own, that hold the page open and read
its events, in one asyncio process. The app's CPU is that of its own process, in % of a core; its
worker's is not in it, but shares this machine's cores, as the watchers do.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from explorer.research.class_load import app_process
from explorer.research.figures.browser import app
from explorer.research.markdown import table
from explorer.research.raw_sessions import RawSession, events

LONG = "?model=embedded:imagenette-vit-adv1&target=rocket&effort=long&goal=0&optimiser=adam&rng={}"
SETTLE_SECONDS = 3.0
HEALTH_EVERY_SECONDS = 0.2
VISIT_EVERY_SECONDS = 2.0


@dataclass
class Heard:
    """What has come by one stream."""

    events: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Measured:
    """CPU in % of a core; seconds of the slowest health check and page; events a second each."""

    cpu: float
    health: float
    page: float
    events: float
    kilobytes: float


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--watchers", type=int, nargs="+", default=[1, 10, 30, 100])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args(words)
    rows = []
    with tempfile.TemporaryDirectory() as folder, app(Path(folder) / "cache") as address:
        port = urlsplit(address).port or 0
        for number, count in enumerate(options.watchers):
            runs = [
                asyncio.run(_measure(port, count, options.seconds, 100 * number + run))
                for run in range(options.repeat)
            ]
            rows.append([str(count), *_row(runs)])
    header = ["watchers", "app's CPU, %", "health, s", "new page, s", "events/s each", "KB/s each"]
    print(table(header, rows))


def _row(runs: Sequence[Measured]) -> list[str]:
    """Medians of the runs."""

    def median(name: str, digits: int) -> str:
        return f"{statistics.median(getattr(run, name) for run in runs):.{digits}f}"

    return [
        median(name, digits)
        for name, digits in (
            ("cpu", 0),
            ("health", 2),
            ("page", 2),
            ("events", 1),
            ("kilobytes", 0),
        )
    ]


async def _measure(port: int, count: int, seconds: float, rng_seed: int) -> Measured:
    query, process = LONG.format(rng_seed), app_process(port)
    heard = [Heard() for _ in range(count)]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(RawSession(port))
        shown = await first.visit(query)
        shown = await first.visit(query, press=shown.buttons["Generate"])
        if "Cancel" not in shown.buttons:
            raise RuntimeError(f"the job does not run: {shown.text[-1500:]}")
        cancel = shown.buttons["Cancel"]
        reading = []
        for each in heard:
            session = await stack.enter_async_context(RawSession(port))
            token = (await session.visit(query)).watching
            if token is None:
                raise RuntimeError("the job had ended before all watched it")
            reading.append(asyncio.create_task(_read(port, token, session.visitor, each)))
        await asyncio.sleep(SETTLE_SECONDS)
        heard_before, size = sum(each.events for each in heard), sum(each.bytes for each in heard)
        before, began = process.cpu_times(), time.perf_counter()
        health, page = await asyncio.gather(_health(port, seconds), _new_pages(port, seconds))
        took, after = time.perf_counter() - began, process.cpu_times()
        for task in reading:
            if task.done():
                raise RuntimeError("a stream ended") from task.exception()
            task.cancel()
        await first.visit(query, press=cancel)
    return Measured(
        cpu=100 * (after.user + after.system - before.user - before.system) / took,
        health=health,
        page=page,
        events=(sum(each.events for each in heard) - heard_before) / took / count,
        kilobytes=(sum(each.bytes for each in heard) - size) / took / count / 1000,
    )


async def _read(port: int, token: str, visitor: str, heard: Heard) -> None:
    """Read the stream of a token until it ends."""
    async for data in events(port, token, visitor):
        heard.events += data.count(b"data: {")
        heard.bytes += len(data)


async def _health(port: int, seconds: float) -> float:
    """The slowest of many health checks, in seconds."""
    slowest, until = 0.0, time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request("/_stcore/health", "Connection: close\r\n"))
        await reader.read()
        writer.close()
        slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(HEALTH_EVERY_SECONDS)
    return slowest


async def _new_pages(port: int, seconds: float) -> float:
    """The slowest of some new visitors' first pages, in seconds: a finished result."""
    slowest, until = 0.0, time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        async with RawSession(port) as session:
            shown = await session.visit("")
            if shown.deferred is None:
                raise RuntimeError(f"no finished result: {shown.text[-300:]}")
            slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(VISIT_EVERY_SECONDS)
    return slowest


def _request(path: str, more: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode()


if __name__ == "__main__":
    main()
