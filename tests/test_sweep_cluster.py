"""A sweep on a scheduler with two workers of their own: stopped, resumed, and a worker killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from stranger import ROOT, ports, until
from test_cluster import process, scheduler

from explorer.jobs.engine import Engine
from explorer.store import Store
from explorer.sweep.plan import plan
from explorer.sweep.run import Run
from explorer.sweep.source import Source

SWEEP = """
model = "embedded:residual-multi-standard"
layer = ["stage1", "stage2"]
loss = ["freq", "freq-tv"]
target = ["cat", "coffee"]
steps = 20
goal = 0.0
"""
TURN_SECONDS = 2.0  # so that there are several batches
PATIENCE_SECONDS = 240


class CountingStore(Store):
    """Counts how often each result is stored."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, starter_directory="/nowhere")
        self.stored: Counter[str] = Counter()

    def put(self, key: str, data: bytes, *options: Any, **named: Any) -> None:
        super().put(key, data, *options, **named)
        if len(key) == 64:
            self.stored[key] += 1


def go_on(run: Run, enough: Callable[[], Any]) -> Any:
    """Until `enough` holds of the run; what it gave."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := enough()):
        run.step()
        assert time.monotonic() < deadline, run.progress()
        time.sleep(0.02)
    return found


def busy(engine: Engine, workers: Sequence[psutil.Process]) -> psutil.Process | None:
    """A worker that is making a batch now."""
    addresses = [where for where, tasks in engine._cluster.client.processing().items() if tasks]
    doors = {int(address.rpartition(":")[2]) for address in addresses}
    return next((worker for worker in workers if doors & ports(worker)), None)


@pytest.mark.slow
def test_a_sweep_that_is_stopped_and_loses_a_worker_loses_no_result_and_makes_none_twice(tmp_path):
    planned = plan(Source(SWEEP, "s.toml", ROOT))
    store = CountingStore(tmp_path / "cache")
    with ExitStack() as stack:
        known = {"PYTHONPATH": str(ROOT)}
        address = stack.enter_context(scheduler("tcp", tmp_path, known))
        words = ("explorer", "worker", address)
        workers = [stack.enter_context(process(*words, cwd=ROOT, environment={})) for _ in range(2)]
        first, engine = Engine(store, address), Engine(store, address)
        for each in (first, engine):
            stack.callback(each.close)
            each.start()
        until(lambda: not first.starting and first.worker_count() == 2)

        stopped = Run(first, planned, "first", TURN_SECONDS)
        go_on(stopped, lambda: stopped.made >= 2)
        stopped.cancel()
        first.close()
        assert stopped.made < len(planned.requests)

        resumed = Run(engine, planned, "second", TURN_SECONDS)
        assert resumed.cached >= stopped.made
        go_on(resumed, lambda: resumed.made and busy(engine, workers)).kill()
        go_on(resumed, lambda: resumed.finished)
        assert resumed.failures == 0
        assert [row["key"] for row in resumed.rows()] == [one.key for one in planned.requests]
        assert not any(row.get("error") for row in resumed.rows())
        assert set(store.stored) == {request.key for request in planned.requests}
        assert set(store.stored.values()) == {1}

        again = Run(engine, planned, "third")
        go_on(again, lambda: again.finished)
        assert (again.made, again.cached) == (0, len(planned.requests))
        assert again.rows() == resumed.rows()
        assert set(store.stored.values()) == {1}
