"""Strangers on one engine: turns, time slices, who is abandoned, and what is computed once."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from test_jobs import QUICK, finished, running, until

from explorer.hosting import Hosting
from explorer.jobs import dispatching, together, work
from explorer.jobs import engine as engines
from explorer.jobs import job as states
from explorer.jobs.claiming import ELSEWHERE
from explorer.jobs.engine import ABANDONED, Engine
from explorer.jobs.tasks import WORKER_DIED
from explorer.store import Store
from explorer.sweep.dispatch import Dispatch

# Random transforms keep a search from ending early.
LONG = replace(QUICK, layer="grid", steps=50_000, loss="regularizer-free+transforms")
ABANDON_SECONDS = 1.5


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(Store(tmp_path_factory.mktemp("store"), starter_directory="/nowhere"))
    engine.start()
    engine.submit(replace(QUICK, steps=30))  # so that it has loaded all that it needs
    assert finished(engine, replace(QUICK, steps=30)).state == states.DONE
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def nothing_is_left(engine):
    yield
    for key in engine._jobs.unfinished():
        for subscriber in engine.job(key).subscribers:
            engine.cancel(key, subscriber)
    until(lambda: not engine.metrics()["running"], 10)


@pytest.fixture
def hosted(monkeypatch):
    """The engine of a hosted app that gives jobs up which nobody watches."""
    limits = Hosting(hosted=True, max_running=1, abandon_seconds=ABANDON_SECONDS)
    for module in (engines, dispatching):
        monkeypatch.setattr(module, "hosting", lambda: limits)


@contextmanager
def held(engine: Engine):
    """Nothing is started while this lasts."""
    engine._ready.clear()
    yield
    with engine._lock:
        engine._ready.set()
        engine._dispatcher.start()


def longs(count: int, first: int) -> list:
    return [replace(LONG, rng_seed=first + number) for number in range(count)]


def test_a_strangers_quick_job_starts_within_seconds_behind_twenty_long_ones_and_is_done_first(
    engine,
):
    own = longs(20, 100)
    for request in own:
        engine.submit(request, subscriber="tab", party="one")
    running(engine, own[0])
    quick = replace(QUICK, steps=40)
    submitted_at = time.monotonic()
    engine.submit(quick, subscriber="other", party="two")
    until(lambda: engine.job(quick.key).state != states.WAITING, 5)
    assert finished(engine, quick).state == states.DONE
    assert time.monotonic() - submitted_at < 20
    step = running(engine, own[0]).step
    running(engine, own[0], step + 20)
    waiting = [engine.job(request.key) for request in own[1:]]
    assert [job.state for job in waiting] == [states.WAITING] * 19
    assert [job.ahead for job in waiting] == list(range(19))
    expected = [job.wait_seconds for job in waiting]
    assert expected == sorted(expected)
    assert expected[0] > 5


def test_a_strangers_long_job_shares_the_worker_and_waits_in_line_are_told_to_listeners(engine):
    own, told = longs(3, 200), {}
    for request in own:
        engine.submit(request, subscriber="tab", party="one")
    stop = engine.listen(
        [request.key for request in own], lambda job: told.setdefault(job.key, []).append(job)
    )
    running(engine, own[0])
    stranger = replace(LONG, rng_seed=210)
    engine.submit(stranger, subscriber="other", party="two")
    running(engine, stranger)
    before = engine.job(own[0].key).step, engine.job(stranger.key).step
    running(engine, own[0], before[0] + 10)
    running(engine, stranger, before[1] + 10)
    assert engine.job(own[1].key).state == states.WAITING, "one long one of each at a time"
    engine.cancel(own[0].key, "tab")
    running(engine, own[1])
    until(lambda: any(job.state == states.RUNNING for job in told[own[1].key]), 5)
    until(lambda: told[own[2].key][-1].ahead == 0, 5)
    for jobs in told.values():
        assert [job.version for job in jobs] == sorted(job.version for job in jobs)
    until(lambda: any(job.paused for job in told[own[1].key]), 10)
    assert told[own[0].key][-1].state == states.CANCELLED
    stop()


def test_what_nobody_watches_is_cancelled_and_asking_again_starts_it_again(engine, hosted):
    left, watched, needed = longs(3, 300)
    options = {"subscriber": "tab", "abandonable": True}
    engine.call(work.layers, QUICK.network).result(30)
    engine.submit(left, party="one", **options)
    engine.submit([watched], party="two", **options)
    engine.submit(needed, party="three", **options)
    engine.submit(needed, subscriber="sweep", party="")
    stop = engine.listen([watched.key], lambda job: None)
    queued = replace(LONG, rng_seed=310)
    engine.submit(queued, party="one", **options)
    observer = replace(QUICK, layer="stage2.0").to_dict()
    result = engine.result(replace(QUICK, steps=30).key).to_bytes()
    question = engine.call(work.compare, result, observer, party="one", abandonable=True)
    question.cancel()
    started_at = time.monotonic()
    until(lambda: engine.job(left.key).finished and engine.job(queued.key).finished, 10)
    assert time.monotonic() - started_at < ABANDON_SECONDS + 3
    for request in (left, queued):
        job = engine.job(request.key)
        assert (job.state, job.error) == (states.CANCELLED, ABANDONED)
    assert not engine.job(watched.key).finished
    assert not engine.job(needed.key).finished
    engine.submit(left, party="one", **options)
    assert engine.job(left.key).state == states.WAITING
    for _ in range(20):
        engine.touch([left.key])
        time.sleep(0.1)
    assert not engine.job(left.key).finished
    stop()
    until(lambda: engine.job(watched.key).finished, 10)
    assert engine.metrics()["abandoned"] >= 3


def test_an_engine_with_nothing_to_do_does_nothing(engine):
    until(lambda: not engine._ticker._awake.is_set(), 5)
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.2, "Dask's own heartbeats"


def test_a_question_takes_its_turn_and_can_be_cancelled(engine):
    long = replace(LONG, rng_seed=400)
    engine.submit(long, subscriber="tab", party="one")
    step = running(engine, long).step
    done = engine.result(replace(QUICK, steps=30).key)
    observer = replace(QUICK, layer="stage2").to_dict()
    asked = [
        engine.call(work.compare, done.to_bytes(), observer | {"layer": layer}, party="two")
        for layer in ("stage2", "stage1", "penultimate")
    ]
    jobs = [engine.job(call.key) for call in asked]
    assert [job.state for job in jobs] == [states.WAITING] * 3
    assert jobs[1].ahead <= 1, "one at a time of each party, and more wait"
    asked[2].cancel()
    with pytest.raises(RuntimeError, match="the question was cancelled"):
        asked[2].result(1)
    assert engine.job(asked[2].key).state == states.CANCELLED
    assert not asked[2].cancel()
    assert asked[0].result(60).layer == "stage2"
    assert asked[1].result(60).layer == "stage1"
    running(engine, long, step + 1)
    assert engine.job(asked[0].key).state == states.DONE


def test_what_another_process_makes_is_not_made_again(engine):
    request = replace(QUICK, steps=50)
    result = engine.result(replace(QUICK, steps=30).key)
    before = engine.metrics()["done"], engine.metrics()["worker_seconds"]
    claim = engine.store.claim(request.key)
    sweep = Dispatch(engine, [[request]], {}, "a", lambda under_way: 1, party="one")
    sweep.step()
    assert engine.job(request.key).stage == ELSEWHERE
    time.sleep(1.2)
    assert engine.job(request.key).state == states.WAITING
    engine.store.put(request.key, replace(result, request=request).to_bytes())
    assert until(lambda: engine.job(request.key).finished, 5)
    assert engine.job(request.key).state == states.DONE
    assert engine.metrics()["worker_seconds"] == before[1], "no worker made it"
    assert sweep.step() == [request]
    assert (sweep.made, sweep.found, sweep.progress().done) == (0, {request.key}, 1)
    claim.release()


def test_what_another_process_gives_up_is_made_here(engine):
    request, other = replace(QUICK, steps=51), replace(QUICK, steps=51, target="cat")
    claim = engine.store.claim(request.key)
    engine.submit([request, other], subscriber="a", party="one")
    assert finished(engine, other).state == states.DONE, "what is free is made meanwhile"
    assert engine.job(request.key).stage == ELSEWHERE
    claim.release()
    assert finished(engine, request).state == states.DONE
    assert engine.store.claim(request.key) is not None, "nobody holds it any more"


def test_the_same_request_of_two_visitors_starts_at_whichever_turn_comes_first(engine):
    own = longs(4, 500)
    for request in own:
        engine.submit(request, subscriber="tab", party="one")
    engine.submit(own[3], subscriber="other", party="two")
    running(engine, own[3])
    assert engine.job(own[3].key).subscribers == {"tab", "other"}
    assert engine.job(own[1].key).state == states.WAITING
    engine.cancel(own[3].key, "other")
    assert not engine.job(own[3].key).finished


def test_compatible_requests_of_different_visitors_run_as_one_batch(engine, monkeypatch):
    monkeypatch.setattr(together, "_has_gpu", lambda: False)
    joint = [replace(QUICK, steps=61, target=name) for name in ("cat", "coffee", "rocket")]
    with held(engine):
        for number, request in enumerate(joint):
            engine.submit(request, subscriber="c", party=f"v{number}")
    for request in joint:
        assert finished(engine, request).state == states.DONE
        result = engine.result(request.key)
        assert result.request == request
        assert result.provenance.batch == 3
    assert engine.metrics()["joined"] == 2


def test_one_bad_request_of_a_shared_run_spoils_nothing_for_the_others(engine, monkeypatch):
    monkeypatch.setattr(together, "_has_gpu", lambda: False)
    missing = replace(QUICK, steps=62, target="picture:" + "00" * 32)
    good = [replace(QUICK, steps=62, target=name) for name in ("cat", "coffee")]
    with held(engine):
        for party, request in zip("abc", (good[0], missing, good[1]), strict=True):
            engine.submit(request, subscriber=party, party=party)
    assert finished(engine, good[0]).state == states.DONE
    assert finished(engine, good[1]).state == states.DONE
    job = finished(engine, missing)
    assert (job.state, job.field) == (states.FAILED, "target")


@pytest.mark.slow
def test_a_killed_worker_fails_what_it_computed_and_others_start_again(engine):
    requests = longs(2, 800)
    for party, request in zip("ab", requests, strict=True):
        engine.submit(request, subscriber="s", party=party)
    for request in requests:
        running(engine, request)
    (pid,) = engine.worker_pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: any(engine.job(request.key).finished for request in requests), 10)
    jobs = [engine.job(request.key) for request in requests]
    failed = [job for job in jobs if job.state == states.FAILED]
    (again,) = (job for job in jobs if job.state != states.FAILED)
    assert [job.error for job in failed] == [WORKER_DIED]
    until(lambda: engine.job(again.key).retries == 1, 10)
    until(lambda: engine.job(again.key).step > 1)
    assert not engine.job(again.key).finished


def test_many_threads_asking_at_once_have_everything_made_once(engine):
    requests = [replace(QUICK, steps=steps) for steps in (70, 71, 72)]
    handed_out = []
    submit = engine._cluster.client.submit

    def counted(function, *arguments, **options):
        if function is work.make:
            handed_out.extend(each["steps"] for each in arguments[1])
        return submit(function, *arguments, **options)

    engine._cluster.client.submit = counted
    try:
        threads = [
            threading.Thread(
                target=engine.submit, args=(requests[n % 3], None, f"s{n}", f"p{n}", False)
            )
            for n in range(30)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for request in requests:
            assert finished(engine, request).state == states.DONE
    finally:
        engine._cluster.client.submit = submit
    assert sorted(handed_out) == [70, 71, 72]
