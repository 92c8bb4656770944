"""Faults: what the visitor sees, that nothing finished is lost, and that all recovers by itself.

One app serves nearly all rows; its cache is a small disk of its own where this machine lets us
mount one. `pytest -rP` shows the seconds until each row had recovered.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest
from stranger import PATIENCE_SECONDS, ROOT, App, Visitor, running_app, until, visitor
from test_cluster import process, scheduler

from explorer.app.links import EFFORTS, link
from explorer.jobs import job as states
from explorer.jobs.engine import Engine
from explorer.request import Request
from explorer.store import Store
from explorer.store.signing import key_file
from explorer.validation import validate

pytestmark = pytest.mark.slow

VERDICT = "To the network: the same?"
UNMADE = "Not generated yet"
FAILED = "Generation failed"
DISK_BYTES = 48 * 2**20

QUICK = Request(
    model="embedded:residual-multi-standard",
    layer="stage1",
    target="cat",
    seed="uniform",
    steps=EFFORTS["quick"],
    goal=0.0,
    nearest=False,
)
LONG = replace(QUICK, layer="grid", steps=EFFORTS["long"])


def of_visitor(request: Request, **changed: object) -> Request:
    return validate(replace(request, **changed))


def address(request: Request) -> str:
    return urlencode(link(request))


@dataclass
class Place:
    """Where the app's cache is. mounted: whether on a disk of its own."""

    cache: Path
    mounted: bool


@contextmanager
def mounted(*words: str, at: Path) -> Iterator[bool]:
    """`mount` with these words until the block ends; whether this machine allows it."""
    at.mkdir(parents=True, exist_ok=True)
    if os.geteuid() or shutil.which("mount") is None:
        yield False
        return
    tried = subprocess.run(["mount", *words, str(at)], capture_output=True, check=False)
    try:
        yield tried.returncode == 0
    finally:
        if tried.returncode == 0:
            subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Place]:
    disk = tmp_path_factory.mktemp("faults") / "disk"
    with mounted("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", at=disk) as possible:
        yield Place(disk / "cache", possible)


@pytest.fixture(scope="module")
def app(place) -> Iterator[App]:
    with running_app(place.cache) as app:
        yield app


@pytest.fixture(scope="module")
def finished(app) -> Request:
    """A result that was made before any fault."""
    request = of_visitor(QUICK)
    with visitor(app) as tab:
        made(tab, request)
    return request


def ask(tab: Visitor, request: Request) -> None:
    """Have a request made that was not made before."""
    assert UNMADE in tab.visit(address(request))
    tab.visit(address(request), press="Generate")


def made(tab: Visitor, request: Request) -> str:
    """Have a request made; the page that shows its result."""
    ask(tab, request)
    return eventually(lambda: shown(tab, request))


def shown(tab: Visitor, request: Request) -> str:
    """The page of a request if it shows a result, else ""."""
    page = tab.visit(address(request))
    assert FAILED not in page, page
    return page if VERDICT in page else ""


def sees(app: App, request: Request) -> str:
    """What somebody who has just come sees at a request's address."""
    with visitor(app) as tab:
        return tab.visit(address(request))


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """As `until`; looking at a page costs the app some work, so seldom."""

    def at_times() -> Any:
        time.sleep(0.2)
        return condition()

    return until(at_times, seconds)


def under_way(tab: Visitor, request: Request) -> None:
    """Wait until a job has made some steps."""
    eventually(lambda: steps_made(tab.visit(address(request))))


def steps_made(page: str) -> bool:
    """Whether a page shows a job in the middle of its search."""
    return re.search(r"Generating the image: step [\d,]+ of", page) is not None


def worker_of(app: App) -> psutil.Process:
    until(lambda: app.workers())
    (worker,) = app.workers()
    return worker


class Recovery:
    """Measures how long a row takes to recover."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def begins(self) -> None:
        """The fault begins, or ends, now."""
        self._since = time.monotonic()

    def done(self, within: float) -> None:
        """All is as it should be again."""
        seconds = time.monotonic() - self._since
        print(f"recovered in {seconds:.1f} s")
        assert seconds < within


@pytest.fixture
def recovery() -> Recovery:
    return Recovery()


# Workers


def test_a_killed_worker_costs_its_job_only_and_another_is_there_at_once(app, finished, recovery):
    request = of_visitor(LONG, rng_seed=1)
    with visitor(app) as tab:
        ask(tab, request)
        under_way(tab, request)
        recovery.begins()
        worker_of(app).kill()
        page = eventually(lambda: FAILED in (text := tab.visit(address(request))) and text)
        assert "worker stopped while it made this" in page
        assert VERDICT in sees(app, finished)
        assert made(tab, of_visitor(QUICK, rng_seed=1))
        recovery.done(60)


def test_a_stopped_worker_is_replaced_and_its_job_retried_by_itself(app, finished, recovery):
    request = of_visitor(LONG, rng_seed=2, steps=EFFORTS["thorough"])
    with visitor(app) as tab:
        ask(tab, request)
        under_way(tab, request)
        worker = worker_of(app)
        recovery.begins()
        worker.suspend()
        assert VERDICT in sees(app, finished)
        until(lambda: not worker.is_running(), 30)
        eventually(lambda: shown(tab, request))
        recovery.done(60)


def test_a_cluster_whose_scheduler_ends_is_used_again_once_it_is_back(tmp_path, recovery):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {"PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:

        @contextmanager
        def cluster() -> Iterator[str]:
            folder = tmp_path / "scheduler"
            folder.mkdir(exist_ok=True)
            (folder / "scheduler.json").unlink(missing_ok=True)
            with (
                scheduler("tcp", folder, known, port=port) as at,
                process("explorer", "worker", at, cwd=ROOT, environment={}),
            ):
                yield at

        first = stack.enter_context(ExitStack())
        at = first.enter_context(cluster())
        app = stack.enter_context(running_app(tmp_path / "cache", {"DASK_SCHEDULER_ADDRESS": at}))
        tab = stack.enter_context(visitor(app))
        before, running = of_visitor(QUICK, rng_seed=3), of_visitor(LONG, rng_seed=3)
        assert made(tab, before)
        ask(tab, running)
        under_way(tab, running)
        first.close()
        page = eventually(lambda: FAILED in (text := tab.visit(address(running))) and text)
        assert "scheduler does not answer" in page
        assert VERDICT in sees(app, before)
        recovery.begins()
        stack.enter_context(cluster())

        def under_way_again() -> bool:
            failed = FAILED in tab.visit(address(running))
            return steps_made(tab.visit(address(running), press="Try again" if failed else None))

        eventually(under_way_again)
        recovery.done(60)


# The disk


def test_a_full_disk_shows_what_is_finished_and_what_is_new_but_keeps_only_what_fits(
    app, place, finished, recovery
):
    if not place.mounted:
        pytest.skip("this machine lets nobody mount a small disk")
    request, filler = of_visitor(QUICK, rng_seed=4), place.cache.parent / "filler"
    with visitor(app) as tab:
        fill(filler)
        try:
            assert VERDICT in sees(app, finished)
            page = made(tab, request)
            assert "disk of the result cache is full" in page
            assert "Download" in page
        finally:
            filler.unlink()
        recovery.begins()
        assert VERDICT in sees(app, request), "made while the disk was full, and still there"
        later = of_visitor(QUICK, rng_seed=5)
        assert "is full" not in made(tab, later)
        until(lambda: later.key in Store(place.cache))
        recovery.done(20)


def fill(file: Path) -> None:
    """Leave no byte of a disk free."""
    with file.open("wb", buffering=0) as filler:
        for size in (2**20, 4096, 1):
            try:
                while filler.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def test_a_read_only_disk_shows_what_is_finished_and_what_is_new(
    app, place, finished, tmp_path, recovery
):
    at, request = tmp_path / "cache", of_visitor(QUICK, rng_seed=6)
    with ExitStack() as stack:
        if not stack.enter_context(mounted("--bind", str(place.cache), at=at)):
            pytest.skip("this machine lets nobody mount a disk read-only")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(at)], check=True)
        recovery.begins()
        secret = {"IRI_SIGNING_KEY_FILE": str(key_file(place.cache))}
        reader = stack.enter_context(running_app(at, secret))
        assert VERDICT in sees(reader, finished)
        tab = stack.enter_context(visitor(reader))
        page = made(tab, request)
        assert "read-only" in page
        assert "Download" in page
        assert str(at) not in page
        recovery.done(60)


def test_a_locked_database_delays_no_page_for_long_and_keeps_what_was_made(
    app, place, finished, recovery
):
    request = of_visitor(QUICK, rng_seed=7)
    with visitor(app) as tab:
        holder = sqlite3.connect(place.cache / "cache.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            asked_at = time.monotonic()
            assert VERDICT in sees(app, finished)
            assert time.monotonic() - asked_at < 5
            page = made(tab, request)
            assert "Another program has locked the result cache" in page
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        recovery.begins()
        assert made(tab, of_visitor(QUICK, rng_seed=8))
        until(lambda: request.key in Store(place.cache))
        recovery.done(20)


def test_a_damaged_database_heals_and_its_results_are_still_there(app, place, finished, recovery):
    for suffix in ("", "-wal"):
        file = place.cache / f"cache.db{suffix}"
        if file.exists():
            file.write_bytes(b"\xff no database \xff" * (file.stat().st_size // 15 + 1))
    recovery.begins()
    assert VERDICT in sees(app, finished)
    with visitor(app) as tab:
        request = of_visitor(QUICK, rng_seed=9)
        assert made(tab, request)
    until(lambda: request.key in Store(place.cache))
    recovery.done(20)


# Processes and browsers


def test_a_closed_browser_finds_its_job_again_at_the_same_address(app, recovery):
    request = of_visitor(LONG, rng_seed=10, steps=EFFORTS["thorough"])
    with visitor(app) as tab:
        ask(tab, request)
        under_way(tab, request)
    recovery.begins()
    with visitor(app) as again:
        page = again.visit(address(request))
        assert UNMADE not in page
        eventually(lambda: shown(again, request))
    recovery.done(60)


def test_two_processes_on_one_cache_make_a_request_once(app, place, recovery):
    request = of_visitor(LONG, rng_seed=11, steps=EFFORTS["thorough"])
    other = Engine(Store(place.cache))
    try:
        other.start()
        until(other.worker_pids)
        with visitor(app) as tab:
            ask(tab, request)
            under_way(tab, request)
            recovery.begins()
            other.submit(request, subscriber="another process")
            stage = "another process makes this"
            until(lambda: other.job(request.key).stage == stage, 20)
            eventually(lambda: shown(tab, request))
            until(lambda: other.job(request.key).state == states.DONE, 10)
        assert other.metrics()["worker_seconds"] == 0
    finally:
        other.close()
    recovery.done(60)


def test_an_app_that_is_killed_loses_the_job_that_ran_and_nothing_else(
    app, place, finished, recovery
):
    request = of_visitor(LONG, rng_seed=12, steps=EFFORTS["thorough"])
    with visitor(app) as tab:
        ask(tab, request)
        under_way(tab, request)
        worker = worker_of(app)
        recovery.begins()
        worker.suspend()  # one that hangs would not notice that its app has gone
        app.process.kill()
        app.process.wait()
    with running_app(place.cache) as following:
        assert VERDICT in sees(following, finished)
        until(lambda: not worker.is_running(), 10)
        with visitor(following) as tab:
            assert made(tab, request)
    recovery.done(60)
