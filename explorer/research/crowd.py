"""A crowd on a hosted app: everybody opens a finished result at once, then asks for a new one.

    python -m explorer.research.crowd [--sessions 50] [--new 10] [--repeat 3]

The visitors are raw websocket sessions, each a browser of its own; they, the app and its worker
share this machine's cores. A visitor's finished result has arrived when the run of the page that
shows pictures and verdicts has ended; the plots, which a browser asks for once it has painted
these, are asked for, too. Whether an answer is a visitor's own is told by its key.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import psutil

from explorer.app import links
from explorer.request import Request
from explorer.research.class_load import app_process
from explorer.research.figures.browser import app, free_port
from explorer.research.markdown import table
from explorer.research.raw_sessions import RawSession, until_ended
from explorer.result import Result
from explorer.store.store import Store
from explorer.validation import validate

QUICK = {"model": "embedded:imagenette-residual-adv1", "seed": "noise", "steps": 100}
LOOKS = 5
"""How often a visitor looks at the page again once its job's events have ended."""


@dataclass
class Measured:
    """Seconds of every visitor until each answer, the app's CPU seconds, and what went wrong."""

    cached: list[float] = field(default_factory=list)
    plots: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    cpu: float = 0.0
    computed: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """A request, and the address at which Explore asks for it."""

    request: Request
    query: str


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--new", type=int, default=10, help="different new results")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(words)
    rows = []
    for run in range(options.repeat):
        measured = _measure(options.sessions, options.new, 1000 * run)
        rows.append(_row(measured))
        for sentence in measured.wrong[:3]:
            print("WRONG:", sentence)
    header = ["cached, s (median, 95 %)", "with plots", "new", "app's CPU, s", "computed", "own"]
    print(table(header, rows))


def _row(measured: Measured) -> list[str]:
    shown = [_seconds(measured.cached), _seconds(measured.plots), _seconds(measured.new)]
    own = f"{len(measured.new)} of {len(measured.new) + len(measured.wrong)}"
    return [*shown, f"{measured.cpu:.1f}", str(measured.computed), own]


def _seconds(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "none"
    return f"{statistics.median(values):.2f}, {statistics.quantiles(values, n=20)[-1]:.2f}"


def _measure(sessions: int, new: int, first_rng_seed: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        monitoring, limits = free_port(), Path(folder) / "hosting.toml"
        limits.write_text(f"metrics_port = {monitoring}\n")
        os.environ["IRI_HOSTING"] = str(limits)
        with app(Path(folder) / "cache") as address:
            port = urlsplit(address).port or 0
            measured = asyncio.run(_crowd(port, app_process(port), sessions, new, first_rng_seed))
            measured.computed = _computed(monitoring)
            return measured


def _computed(port: int) -> int:
    """How many jobs the app has made, as it tells Prometheus."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        told = answer.read().decode()
    found = re.search(r'iri_jobs_total\{outcome="done"\} ([\d.]+)', told)
    return int(float(found[1])) if found else 0


async def _crowd(
    port: int, process: psutil.Process, sessions: int, new: int, first_rng_seed: int
) -> Measured:
    cached, fresh, measured = _shipped(), _fresh(new, first_rng_seed), Measured()
    async with RawSession(port) as first:  # the app has been visited before
        for each in cached:
            await first.paint(each.query, await first.visit(each.query))
    before = _cpu(process)
    at_once = asyncio.Barrier(sessions)
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            mine = cached[number % len(cached)], fresh[number % new]
            group.create_task(_visitor(port, at_once, *mine, measured))
    measured.cpu = _cpu(process) - before
    return measured


async def _visitor(
    port: int, at_once: asyncio.Barrier, cached: Asked, new: Asked, measured: Measured
) -> None:
    await at_once.wait()
    began = time.perf_counter()
    async with RawSession(port) as session:
        shown = await session.visit(cached.query)
        measured.cached.append(time.perf_counter() - began)
        if not shown.holds(cached.request.key):
            measured.wrong.append(f"not the finished result of {cached.query}")
        await session.paint(cached.query, shown)
        measured.plots.append(time.perf_counter() - began)
        await asyncio.sleep(random.uniform(1, 4))  # people look before they ask for more
        began = time.perf_counter()
        shown = await session.visit(new.query)
        if "Generate" in shown.buttons and not shown.holds(new.request.key):
            shown = await session.visit(new.query, press=shown.buttons["Generate"])
        for _ in range(LOOKS):
            if shown.deferred is not None:
                break
            if shown.watching is not None:
                await until_ended(port, shown.watching, session.visitor)
            shown = await session.visit(new.query)
        if shown.deferred is None:
            measured.wrong.append(f"no result of {new.query}: {shown.sentence()}")
        elif shown.deferred[-1] == new.request.key:
            measured.new.append(time.perf_counter() - began)
        else:
            measured.wrong.append(f"{new.query} got the result {shown.deferred[-1]}")


def _shipped() -> list[Asked]:
    """The results of the starter pack that Explore can show."""
    store, found = Store(), []
    for key in store.shipped():
        data = store.get(key)
        assert data is not None, key
        with suppress(ValueError):
            found.append(_asked(Result.from_bytes(data).request))
    return found


def _fresh(count: int, first_rng_seed: int) -> list[Asked]:
    """Quick requests that no cache holds."""
    return [
        _asked(validate(Request.from_dict(QUICK | {"target": "astronaut", "rng_seed": number})))
        for number in range(first_rng_seed + 1, first_rng_seed + 1 + count)
    ]


def _asked(request: Request) -> Asked:
    return Asked(request, urlencode(links.link(request)))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
