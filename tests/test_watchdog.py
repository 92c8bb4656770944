"""Hung workers: what is taken for one, and that others make what it was making."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

import dask
import psutil
import pytest
from stranger import ROOT, until
from test_cluster import process, scheduler

from explorer.jobs import job as states
from explorer.jobs.engine import Engine
from explorer.jobs.watchdog import Patience, Watchdog
from explorer.jobs.worker_processes import TCP_TIMEOUT, is_stopped
from explorer.request import Request
from explorer.store import Store

QUICK = Request(model="embedded:residual-multi-standard", layer="stage1", steps=3, goal=0.0)
LONG = replace(QUICK, layer="grid", steps=50_000)
WATCHABLE_STEPS = 400  # some seconds
QUICK_TO_NOTICE = Patience(seconds=6, silent_stage=12)  # a busy machine is silent for 3


class Heard:
    """A watchdog whose clock the test sets."""

    def __init__(self, stopped: bool = False) -> None:
        self.clock = 0.0
        self.watchdog = Watchdog(is_stopped=lambda worker: stopped, clock=lambda: self.clock)
        self.watchdog.tick()

    def hung_within(self, seconds: float, beats: tuple[str, ...] | None = None) -> float | None:
        """After how many seconds a worker is found to hang, which may beat on; None if never."""
        for passed in range(1, round(seconds) + 1):
            self.clock += 1
            if beats is not None:
                self.watchdog.beat("worker", beats)
            if self.watchdog.tick():
                return passed
        return None

    def report(self, step: int, stage: str = "generating the image", paused: bool = False) -> None:
        report = {"run": "iri-1", "key": "key", "stage": stage, "step": step, "steps": 900}
        self.watchdog.saw(report | {"seconds": 0.0, "paused": paused})


def test_a_worker_with_nothing_to_do_is_hung_after_15_seconds_of_silence_and_named_once():
    heard = Heard()
    heard.watchdog.beat("worker", [])
    assert heard.hung_within(14) is None
    assert heard.hung_within(2) == 1
    assert heard.hung_within(1000) is None
    heard.watchdog.beat("worker", [])
    assert heard.hung_within(20) == 15, "it beat again, so it is watched again"


def test_a_worker_that_computes_steps_is_hung_after_15_seconds_of_silence():
    heard = Heard()
    for step in range(1, 9):
        heard.watchdog.beat("worker", ["iri-1"])
        heard.report(step)
        assert heard.hung_within(1) is None
    assert heard.hung_within(100) in (14, 15)


def test_a_run_that_makes_no_step_is_hung_though_its_worker_beats():
    heard = Heard()
    for step in range(1, 9):
        heard.report(step)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    assert heard.hung_within(100, beats=("iri-1",)) in (14, 15)


def test_slow_steps_are_given_ten_times_the_longest_so_far():
    heard = Heard()
    for step in range(1, 6):
        heard.report(step)
        assert heard.hung_within(8, beats=("iri-1",)) is None, "eight seconds a step"
    heard.report(6)
    assert heard.hung_within(75, beats=("iri-1",)) is None
    assert heard.hung_within(10, beats=("iri-1",)) == 5


@pytest.mark.parametrize("stage", ["loading the network", "generating the image"])
def test_loading_and_the_first_step_take_as_long_as_they_take(stage):
    heard = Heard()
    heard.watchdog.beat("worker", ["iri-1"])
    heard.report(0, stage)
    assert heard.hung_within(500, beats=("iri-1",)) is None
    heard.report(0, stage)
    heard.watchdog.beat("worker", ["iri-1"])
    assert heard.hung_within(100) == 60, "Python itself may be busy for a while, not for ever"


def test_a_pass_of_the_whole_network_after_quick_steps_is_no_step():
    heard = Heard()
    for step in range(1, 9):
        heard.report(step)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    heard.report(0, "measuring the match")
    assert heard.hung_within(100, beats=("iri-1",)) is None


def test_the_same_stage_begun_anew_has_no_steps_to_go_by():
    heard = Heard()
    for step in (1, 2, 3, 0):
        heard.report(step)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    assert heard.hung_within(100, beats=("iri-1",)) is None


def test_a_run_that_waits_for_its_turn_is_not_hung_and_its_wait_is_no_long_step():
    heard = Heard()
    for step in (1, 2, 3):
        heard.report(step)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    for _ in range(60):
        heard.report(3, paused=True)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    heard.report(4)
    assert heard.hung_within(100, beats=("iri-1",)) == 15


def test_a_stopped_process_is_noticed_in_15_seconds_whatever_it_was_doing():
    heard = Heard(stopped=True)
    heard.watchdog.beat("worker", ["iri-1"])
    heard.report(0, "loading the network")
    assert heard.hung_within(100) == 15


def test_a_worker_has_three_minutes_for_its_first_beat_and_a_run_ten_for_its_first_report():
    heard = Heard()
    heard.watchdog.starts(["worker"])
    assert heard.hung_within(200) == 180
    assert heard.hung_within(700, beats=("iri-2",)) in (600, 601)


def test_a_pause_of_the_watching_process_is_nobodys_silence():
    heard = Heard()
    heard.watchdog.beat("worker", [])
    heard.clock += 3600
    assert heard.hung_within(10) is None


def test_a_run_that_has_ended_is_not_missed():
    heard = Heard()
    for step in (1, 2):
        heard.report(step)
        assert heard.hung_within(1, beats=("iri-1",)) is None
    assert heard.watchdog.knows("iri-1")
    heard.watchdog.forget("iri-1")
    assert not heard.watchdog.knows("iri-1")
    heard.report(3)  # too late
    assert heard.hung_within(700, beats=()) is None
    assert not heard.watchdog.knows("iri-1")


# With real workers


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """Process ids that the test stops; what is left of them goes on in the end."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"), starter_directory="/nowhere")
    engine = Engine(store, patience=QUICK_TO_NOTICE)
    yield engine
    engine.close()


def begun(engine: Engine, request: Request) -> int:
    """The process id of the worker that makes a request, once it has made some steps."""
    until(lambda: engine.job(request.key).step > 1 or engine.job(request.key).finished)
    assert engine.job(request.key).state == states.RUNNING, engine.job(request.key)
    (pid,) = engine.worker_pids()
    return pid


def stop(pid: int, stopped: list[int]) -> float:
    stopped.append(pid)
    os.kill(pid, signal.SIGSTOP)
    return time.monotonic()


@pytest.mark.slow
def test_a_hung_worker_is_replaced_and_its_job_retried_once(engine, stopped):
    engine.start()
    request, following = replace(LONG, rng_seed=1), replace(QUICK, rng_seed=1)
    engine.submit(request, subscriber="a")
    for _ in range(2):
        pid = begun(engine, request)
        stopped_at = stop(pid, stopped)
        until(lambda pid=pid: not psutil.pid_exists(pid), 20)
        assert time.monotonic() - stopped_at < 12
        until(lambda: (job := engine.job(request.key)).step <= 1 or job.finished)
    until(lambda: engine.job(request.key).finished)
    job = engine.job(request.key)
    assert job.state == states.FAILED
    assert "the worker stopped answering twice while it made this" in job.error
    engine.submit(following, subscriber="a")
    until(lambda: engine.job(following.key).finished)
    assert engine.job(following.key).state == states.DONE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
def test_an_app_that_was_stopped_for_a_minute_finds_its_worker_again(engine):
    """Whose connection would end after Dask's 30 s, as though it had been killed."""
    engine.start()
    cluster = engine._cluster
    until(lambda: cluster._local.scheduler.stream_comms)
    connections = [each.comm.stream for each in cluster._local.scheduler.stream_comms.values()]
    day_ms = 24 * 3600 * 1000
    user_timeout = 18  # TCP_USER_TIMEOUT, which Python 3.11 does not name
    assert {each.socket.getsockopt(socket.SOL_TCP, user_timeout) for each in connections} == {
        day_ms
    }
    of_worker = cluster.client.run(dask.config.get, "distributed.comm.timeouts.tcp")
    assert set(of_worker.values()) == {TCP_TIMEOUT}


@pytest.mark.slow
def test_a_cluster_drops_its_stopped_worker_and_another_makes_the_job(tmp_path, stopped):
    known = {"PYTHONPATH": str(ROOT)}
    with ExitStack() as stack, dask.config.set({}):
        address = stack.enter_context(scheduler("tcp", tmp_path, known))
        engine = Engine(
            Store(tmp_path / "cache", starter_directory="/nowhere"),
            address,
            patience=QUICK_TO_NOTICE,
        )
        stack.callback(engine.close)
        worker = process("explorer", "worker", address, cwd=ROOT, environment={})
        first = stack.enter_context(worker)
        request = replace(LONG, steps=WATCHABLE_STEPS)
        engine.submit(request, subscriber="a")
        until(lambda: engine.job(request.key).step > 1)
        stop(first.pid, stopped)
        until(lambda: engine.job(request.key).state == states.WAITING, 20)
        until(lambda: "the cluster's worker stopped answering" in engine.job(request.key).stage)
        worker = process("explorer", "worker", address, cwd=ROOT, environment={})
        stack.enter_context(worker)
        until(lambda: engine.job(request.key).finished)
        assert engine.job(request.key).state == states.DONE, engine.job(request.key)
        os.kill(first.pid, signal.SIGCONT)
        first.wait(timeout=20)  # it reads that it was dropped, and ends


STOPPED_AT_ITS_START = """
import os, runpy, signal, sys

class Stop:
    def find_spec(self, name, *_):
        if name == "explorer.cli":
            os.kill(os.getpid(), signal.SIGSTOP)

sys.meta_path.insert(0, Stop())
sys.argv = ["explorer", "worker", "tcp://127.0.0.1:9"]
runpy.run_module("explorer", run_name="__main__")
"""

STARTING = """
import os, subprocess, sys
from explorer.jobs.parent import PARENT
words = [sys.executable, "-c", sys.argv[1]]
worker = subprocess.Popen(words, env=os.environ | {PARENT: str(os.getpid())})
print(worker.pid, flush=True)
worker.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped worker notices nothing")
def test_a_worker_that_is_stopped_while_it_starts_ends_with_its_app():
    words = [sys.executable, "-c", STARTING, STOPPED_AT_ITS_START]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as app:
        worker = psutil.Process(int(app.stdout.readline()))
        until(lambda: is_stopped(worker.pid), 20)
        app.kill()
    try:
        until(lambda: not worker.is_running(), 5)
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
