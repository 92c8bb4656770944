"""The engine with a real worker: results, progress, cancelling, and workers that die."""

import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.jobs import cluster, encryption, job_table, results, work, worker_processes
from explorer.jobs import job as states
from explorer.jobs.engine import Engine
from explorer.jobs.job import Job
from explorer.jobs.tasks import OUT_OF_MEMORY, WORKER_DIED, Failure
from explorer.network_reference import NetworkReference
from explorer.request import Request, RequestError
from explorer.store import CacheError, Store

ROOT = Path(__file__).parents[1]
QUICK = Request(model="embedded:residual-multi-standard", layer="stage1", steps=3, goal=0.0)
LONG = replace(QUICK, layer="grid", steps=50_000)
WATCHABLE_STEPS = 400  # some seconds: a worker reports its progress every 0.3 s
WORKER_SECONDS = 120


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(Store(tmp_path_factory.mktemp("store"), starter_directory="/nowhere"))
    yield engine
    pids = engine.worker_pids()
    assert pids
    engine.close()
    until(lambda: not any(map(alive, pids)), 5)
    assert engine.worker_pids() == []


def until(condition: Callable, seconds: float = WORKER_SECONDS):
    """Wait until the condition holds, and say what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return found


def finished(engine: Engine, request: Request) -> Job:
    until(lambda: engine.job(request.key).finished)
    return engine.job(request.key)


def running(engine: Engine, request: Request, step: int = 1) -> Job:
    until(lambda: engine.job(request.key).step >= step or engine.job(request.key).finished)
    job = engine.job(request.key)
    assert job.state == states.RUNNING
    return job


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def runs(engine, monkeypatch) -> list[list[str]]:
    """The keys of every run that is handed out during the test."""
    engine.start()
    until(lambda: not engine.starting)
    handed_out, submit = [], engine._cluster.client.submit

    def counted(function, *arguments, **options):
        if function is work.make:
            handed_out.append([Request.from_dict(one).key for one in arguments[1]])
        return submit(function, *arguments, **options)

    monkeypatch.setattr(engine._cluster.client, "submit", counted)
    return handed_out


# From request to result


@pytest.mark.slow
def test_jobs_submitted_before_there_is_a_worker_wait_in_order_and_are_made(engine):
    requests = [replace(QUICK, steps=steps) for steps in (3, 5, 4)]
    for request in requests:
        started_at = time.monotonic()
        engine.submit(request, subscriber="a")
        assert time.monotonic() - started_at < 1
    jobs = [engine.job(request.key) for request in requests]
    assert [job.state for job in jobs] == [states.WAITING] * 3
    assert [job.ahead for job in jobs] == [0, 1, 2]
    assert [job.stage for job in jobs] == ["the worker is starting"] * 3
    assert engine.starting
    assert engine.under_way == 3
    order = []

    def all_finished() -> bool:
        order.extend(r for r in requests if r not in order and engine.job(r.key).finished)
        return len(order) == 3

    until(all_finished)
    assert [engine.job(request.key).error for request in requests] == [None] * 3
    assert order == requests
    assert engine.under_way == 0
    assert not engine.starting
    for request in requests:
        result = engine.result(request.key)
        assert result.request == request
        assert result.provenance.steps == request.steps
        assert engine.store.get(request.key) == result.to_bytes()


def test_what_is_in_the_store_is_not_made_again(engine, runs, monkeypatch):
    finished_before = replace(QUICK, steps=6)
    engine.submit(finished_before)
    assert finished(engine, finished_before).state == states.DONE
    with monkeypatch.context() as patch:
        patch.setattr(job_table, "MAX_FINISHED_JOBS", 0)
        engine._jobs.drop_old()
    assert engine.job(finished_before.key) is None
    (job,) = engine.submit(finished_before)
    assert job.state == states.DONE
    assert len(runs) == 1


def test_a_damaged_result_is_made_again(engine, runs):
    request = replace(QUICK, steps=7)
    engine.store.put(request.key, b"no result")
    engine.submit(request)
    assert finished(engine, request).state == states.DONE
    assert engine.result(request.key).request == request
    assert len(runs) == 1


def test_the_same_request_of_many_subscribers_is_computed_once(engine, runs):
    request = replace(QUICK, steps=40)
    for subscriber in ("a", "b", "a", "c"):
        engine.submit(request, subscriber=subscriber)
    assert engine.job(request.key).subscribers == {"a", "b", "c"}
    assert engine.under_way == 1
    assert finished(engine, request).state == states.DONE
    engine.submit(request, subscriber="d")
    assert runs == [[request.key]]


def test_requests_that_fit_together_run_as_one_batch(engine, runs):
    batch = [replace(QUICK, target=name, steps=8) for name in ("cat", "coffee", "rocket")]
    other = replace(QUICK, layer="stage2", steps=8)
    engine.submit([batch[0], other, *batch[1:]], subscriber="a")
    for request in (*batch, other):
        assert finished(engine, request).state == states.DONE
        assert engine.result(request.key).request == request
    assert runs == [[request.key for request in batch], [other.key]]
    assert engine.result(batch[2].key).provenance.batch == 3


def test_pictures_go_to_the_worker_with_their_request(engine):
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), (250, 20, 90), np.uint8)).save(file, "PNG")
    name = "picture:" + "ab" * 32
    request = replace(QUICK, target=name)
    engine.submit(request, {name: file.getvalue(), "picture:" + "cd" * 32: b"not asked for"})
    assert finished(engine, request).state == states.DONE
    with Image.open(io.BytesIO(engine.result(request.key).target_png)) as image:
        assert image.getpixel((9, 9)) == (250, 20, 90)


def test_progress_shows_a_falling_curve_and_the_picture_so_far(engine):
    engine.submit(LONG, subscriber="a")
    until(lambda: len(engine.job(LONG.key).curve) >= 5)
    job = engine.job(LONG.key)
    engine.cancel(LONG.key, "a")
    steps, distances = zip(*job.curve, strict=True)
    assert list(steps) == sorted(set(steps))
    assert distances[-1] < 0.5 * distances[0]
    assert (job.step, job.steps) == (steps[-1], 50_000)
    assert job.stage == "generating the image"
    assert job.seconds > 0
    assert 0 < job.eta_seconds < 50_000
    with Image.open(io.BytesIO(job.preview)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (64, 64), "RGB")


def test_a_finished_image_and_its_match_are_told_before_the_result_is_stored(engine):
    # Of a layer whose null is measured now.
    request = replace(QUICK, layer="stage1.0.conv1", steps=3, nearest=False)
    engine.submit(request, subscriber="a")
    until(lambda: (job := engine.job(request.key)).look is not None or job.finished)
    job = engine.job(request.key)
    assert job.state == states.RUNNING
    assert engine.result(request.key) is None
    assert finished(engine, request).state == states.DONE
    result = engine.result(request.key)
    assert job.preview == result.iri_png
    assert job.look.relative_l2 == pytest.approx(result.match.relative_l2)
    assert job.look.relative_l2_8bit == pytest.approx(result.match_8bit.relative_l2)
    assert job.look.iri_class == result.match.iri_class


# Cancelling


def test_cancelling_a_running_job_frees_the_same_worker_within_a_second(engine):
    long, following = replace(LONG, rng_seed=1), replace(QUICK, steps=9)
    engine.submit(long, subscriber="a")
    running(engine, long)
    engine.submit(following, subscriber="a")
    pids = engine.worker_pids()
    started_at = time.monotonic()
    engine.cancel(long.key, "a")
    assert time.monotonic() - started_at < 0.2
    assert engine.job(long.key).state == states.CANCELLED
    until(lambda: engine.job(following.key).state != states.WAITING)
    assert time.monotonic() - started_at < 1.5, "a second, and the time until a report arrives"
    assert finished(engine, following).state == states.DONE
    assert engine.worker_pids() == pids
    assert engine.result(long.key) is None


def test_cancelling_a_queued_job_leaves_the_running_one_alone(engine, runs):
    long, queued, last = (replace(LONG, rng_seed=rng_seed) for rng_seed in (2, 7, 8))
    for request in (long, queued, last):
        engine.submit(request, subscriber="a")
    before = running(engine, long).step
    assert [engine.job(each.key).ahead for each in (queued, last)] == [0, 1]
    engine.cancel(queued.key, "a")
    assert engine.job(queued.key).state == states.CANCELLED
    assert engine.job(last.key).ahead == 0
    running(engine, long, before + 1)
    engine.cancel(long.key, "a")
    running(engine, last)
    assert engine.job(queued.key).state == states.CANCELLED
    engine.submit(queued, subscriber="a")
    engine.cancel(last.key, "a")
    running(engine, queued)
    engine.cancel(queued.key, "a")
    assert runs == [[long.key], [last.key], [queued.key]]


def test_a_subscriber_who_leaves_does_not_stop_what_another_still_wants(engine):
    request = replace(LONG, steps=WATCHABLE_STEPS, rng_seed=3)
    engine.submit(request, subscriber="a")
    engine.submit(request, subscriber="b")
    running(engine, request)
    engine.cancel(request.key, "a")
    engine.cancel(request.key, "nobody")
    assert engine.job(request.key).subscribers == {"b"}
    assert finished(engine, request).state == states.DONE


def test_cancelling_one_of_a_batch_leaves_the_others(engine):
    batch = [
        replace(LONG, steps=WATCHABLE_STEPS, target=name) for name in ("cat", "coffee", "rocket")
    ]
    engine.submit(batch, subscriber="a")
    running(engine, batch[0])
    engine.cancel(batch[1].key, "a")
    assert finished(engine, batch[0]).state == states.DONE
    assert finished(engine, batch[2]).state == states.DONE
    assert engine.job(batch[1].key).state == states.CANCELLED


@pytest.mark.parametrize("rng_seed", [10, 11])
def test_a_request_that_is_cancelled_and_asked_for_again_at_once_is_made(engine, runs, rng_seed):
    request = replace(LONG, steps=WATCHABLE_STEPS, rng_seed=rng_seed)
    engine.submit(request, subscriber="a")
    reached = running(engine, request, step=10).step
    engine.cancel(request.key, "a")
    (again,) = engine.submit(request, subscriber="a")
    assert (again.state, again.step, again.curve) == (states.WAITING, 0, ())
    while not (job := engine.job(request.key)).finished:
        first = job.curve[0][0] if job.curve else 0
        assert first < reached, "reports of the run that was given up are not mixed in"
        time.sleep(0.01)
    assert job.state == states.DONE
    assert engine.result(request.key).provenance.steps == WATCHABLE_STEPS
    assert len(runs) == 2


def test_cancelling_what_is_unknown_or_done_does_nothing(engine):
    engine.cancel("no such key", "a")
    engine.submit(QUICK, subscriber="a")
    assert finished(engine, QUICK).state == states.DONE
    engine.cancel(QUICK.key, "a")
    assert engine.job(QUICK.key).state == states.DONE


# Failures


def test_a_request_that_the_worker_refuses_fails_with_its_field(engine):
    for request, field, said in (
        (replace(QUICK, layer="stage9"), "layer", "'stage1'"),
        (replace(QUICK, target="picture:" + "00" * 32), "target", "upload it again"),
        (replace(QUICK, model="embedded:nobody"), "model", "embedded:imagenette-residual-adv1"),
    ):
        engine.submit(request)
        job = finished(engine, request)
        assert (job.state, job.field) == (states.FAILED, field)
        assert said in job.error


def test_a_failed_job_can_be_submitted_again(engine, runs):
    request = replace(QUICK, layer="stage8")
    for _ in range(2):
        engine.submit(request)
        assert finished(engine, request).state == states.FAILED
    assert len(runs) == 2


def test_a_result_that_cannot_be_stored_is_shown_with_a_sentence_and_stored_later(
    engine, monkeypatch
):
    full = "The disk of the result cache is full, so new results are not kept."

    def refuse(key, data):
        raise CacheError("no space left on /srv/cache")

    request = replace(QUICK, steps=12)
    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "put", refuse)
        patch.setattr(engine.store, "why_not_kept", lambda: full)
        engine.submit(request)
        job = finished(engine, request)
        assert (job.state, job.error) == (states.DONE, None)
        assert job.note == f"{full} Download this one to keep it."
        assert engine.result(request.key).request == request
        assert request.key not in engine.store
        engine.submit(request)
        assert engine.job(request.key).state == states.DONE, "it is not made again"
    until(lambda: request.key in engine.store, 5)  # by itself: no other result comes
    until(lambda: engine.job(request.key).note is None, 1)
    assert engine.job(request.key).version > job.version


def test_a_thread_tries_to_store_what_is_in_memory_and_ends_with_it(tmp_path, monkeypatch):
    def trying() -> list[threading.Thread]:
        return [one for one in set(threading.enumerate()) - before if one.name == "results"]

    def refuse(key, data, *more, **named):
        raise CacheError("locked")

    monkeypatch.setattr(results, "AGAIN_SECONDS", 0.02)
    store, stored = Store(tmp_path / "data", limit=10**6), []
    held = results.Results(store)
    held.on_stored = stored.append
    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(store, "put", refuse)
        assert held.put("a" * 64, bytes(2 * 10**6)).startswith(results.UNKNOWN)
        assert held.put("b" * 64, b"1").startswith(results.UNKNOWN)
        assert len(trying()) == 1
    until(lambda: stored == ["b" * 64], 5)  # though the one before it fits no cache
    assert store.get("b" * 64) == b"1"
    assert held.is_held("a" * 64)
    store.limit = 10**7
    until(lambda: stored == ["b" * 64, "a" * 64], 5)
    until(lambda: not trying(), 5)
    store.close()


def test_calls_are_answered_by_the_worker(engine):
    found = engine.call(work.layers, QUICK.network).result(WORKER_SECONDS)
    assert (found.input_size, found.channels) == ((64, 64), 3)
    assert found.rows[3] == ("stem", "Sequential", (32, 16, 16))
    with pytest.raises(RequestError) as caught:
        engine.call(work.layers, NetworkReference("embedded:nobody")).result(WORKER_SECONDS)
    assert caught.value.field == "model"
    with pytest.raises(RuntimeError, match=r"something unexpected .*AttributeError"):
        engine.call(work.layers, 7).result(WORKER_SECONDS)


def test_what_went_wrong_is_said_in_a_sentence():
    class NotFinite(ArithmeticError):
        pass

    class OutOfMemoryError(RuntimeError):
        pass

    for error, sentence in (
        (NotFinite("the loss is nan at step 3"), "the loss is nan at step 3"),
        (OutOfMemoryError("CUDA out of memory. Tried to …"), OUT_OF_MEMORY),
        (MemoryError(), OUT_OF_MEMORY),
        (
            ZeroDivisionError("division by zero"),
            "something unexpected went wrong in the worker (ZeroDivisionError: division by zero)",
        ),
    ):
        failure = Failure.of(error)
        assert (failure.message, failure.field, failure.cancelled) == (sentence, None, False)
        assert str(failure.to_exception()) == sentence
    refused = Failure.of(RequestError("steps", "too many")).to_exception()
    assert (type(refused), refused.field, refused.message) == (RequestError, "steps", "too many")


def test_late_reports_of_another_run_change_nothing(engine):
    request = replace(LONG, rng_seed=4)
    engine.submit(request, subscriber="a")
    running(engine, request)
    stale = {
        "key": request.key,
        "run": "iri-earlier",
        "stage": "x",
        "step": 49_999,
        "steps": 50_000,
    }
    engine._on_report((0.0, stale | {"seconds": 1.0, "relative_l2": 9.0}))
    assert engine.job(request.key).step < 49_999
    engine.cancel(request.key, "a")
    engine._on_report((0.0, stale | {"seconds": 1.0}))
    assert engine.job(request.key).state == states.CANCELLED


# Workers that die


@pytest.mark.slow
def test_a_killed_worker_fails_its_job_and_the_queue_goes_on_with_the_next_one(engine):
    struck = replace(LONG, rng_seed=5)
    behind = [replace(QUICK, steps=steps) for steps in (13, 14, 15)]
    engine.submit(struck, subscriber="a")
    running(engine, struck)
    for request in behind:
        engine.submit(request, subscriber="a")
    time.sleep(0.3)
    (pid,) = engine.worker_pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: engine.job(struck.key).finished, 5)
    job = engine.job(struck.key)
    assert (job.state, job.error, job.field) == (states.FAILED, WORKER_DIED, None)
    for request in behind:
        assert finished(engine, request).state == states.DONE
    assert engine.worker_pids() != [pid]
    again = replace(struck, steps=20)
    engine.submit(again)
    assert finished(engine, again).state == states.DONE


@pytest.mark.slow
def test_a_worker_that_does_not_give_a_job_up_is_replaced(engine, caplog, monkeypatch):
    monkeypatch.setattr(cluster, "STUCK_SECONDS", 1.0)
    stuck, following = replace(LONG, rng_seed=6), replace(QUICK, steps=16)
    engine.submit(stuck, subscriber="a")
    running(engine, stuck)
    engine.submit(following, subscriber="a")
    (pid,) = engine.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    started_at = time.monotonic()
    with caplog.at_level(logging.WARNING):
        engine.cancel(stuck.key, "a")
        assert time.monotonic() - started_at < 0.2
        until(lambda: not alive(pid), 10)
    assert finished(engine, following).state == states.DONE
    assert engine.job(stuck.key).state == states.CANCELLED


def test_a_worker_that_cannot_start_fails_the_jobs_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_processes.sys, "executable", "/bin/false")
    monkeypatch.setattr(worker_processes, "MAX_PAUSE_SECONDS", 0.3)
    engine = Engine(Store(tmp_path))
    try:
        engine.submit(QUICK, subscriber="a")
        call = engine.call(work.layers, QUICK.network)
        until(lambda: engine.job(QUICK.key).finished, 30)
        job = engine.job(QUICK.key)
        assert job.state == states.FAILED
        assert "the worker does not start" in job.error
        assert "code 1" in job.error
        with pytest.raises(RuntimeError, match="does not start"):
            call.result(1)
        engine.submit(replace(QUICK, steps=4), subscriber="a")
        until(lambda: engine.job(replace(QUICK, steps=4).key).finished, 40)
    finally:
        engine.close()


def test_a_worker_that_the_system_does_not_start_fails_the_jobs_in_a_sentence(
    tmp_path, monkeypatch
):
    def full(certificate):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encryption.RunCertificate, "worker_environment", full)
    monkeypatch.setattr(worker_processes, "MAX_PAUSE_SECONDS", 0.3)
    engine = Engine(Store(tmp_path))
    engine.submit(QUICK, subscriber="a")
    until(lambda: engine.job(QUICK.key).finished, 30)
    assert "the worker does not start" in engine.job(QUICK.key).error
    engine.close()


def test_a_scheduler_that_is_not_there_fails_the_jobs_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        engine = Engine(Store(tmp_path), scheduler_address="tcp://127.0.0.1:9")
        engine.submit(QUICK, subscriber="a")
        until(lambda: engine.job(QUICK.key).finished, 30)
        assert "the job engine did not start" in engine.job(QUICK.key).error
        again = engine.submit(replace(QUICK, steps=4))[0].key
        until(lambda: engine.job(again).finished, 30)
    assert "no scheduler answers" in engine.job(again).error
    engine.close()


@pytest.mark.slow
def test_nobody_waits_for_dask_while_holding_the_lock_that_its_answers_need(engine, monkeypatch):
    from distributed.utils import SyncMethodMixin

    engine.start()
    until(lambda: not engine.starting)
    waited, sync = [], SyncMethodMixin.sync

    def noted(self, function, *arguments, **options):
        waited.append(engine._lock._is_owned())
        return sync(self, function, *arguments, **options)

    monkeypatch.setattr(SyncMethodMixin, "sync", noted)
    requests = [replace(LONG, rng_seed=700 + number) for number in range(6)]
    for number, request in enumerate(requests):
        engine.submit(request, subscriber="a", party=f"party {number % 3}")
        if number == 0:
            until(lambda: engine.job(requests[0].key).step)
    for request in reversed(requests):  # the second one's run is there, and has not begun
        engine.cancel(request.key, "a")
    until(lambda: all(engine.job(request.key).finished for request in requests))
    until(lambda: waited)
    assert not any(waited)


@pytest.mark.slow
def test_an_engine_that_could_not_start_is_started_again_when_it_is_next_needed(
    tmp_path, monkeypatch
):
    def late(*_, **__):
        raise TimeoutError("the scheduler took too long")

    engine = Engine(Store(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr("distributed.Client", late)
        engine.submit(QUICK, subscriber="a")
        until(lambda: engine.job(QUICK.key).finished, 30)
    assert "took too long" in engine.job(QUICK.key).error
    assert engine.worker_pids() == []
    engine.submit(QUICK, subscriber="a")
    until(lambda: engine.job(QUICK.key).finished)
    assert engine.job(QUICK.key).state == states.DONE
    assert len(engine.worker_pids()) == 1
    engine.close()


def test_a_closed_engine_refuses_in_a_sentence(tmp_path):
    engine = Engine(Store(tmp_path))
    engine.close()
    engine.close()
    (job,) = engine.submit(QUICK)
    assert (job.state, job.error) == (states.FAILED, "the job engine is closed")
    with pytest.raises(RuntimeError, match="closed"):
        engine.call(work.layers, QUICK.network).result(1)


HOLDER = """
import sys, time
from explorer.store import Store
from explorer.jobs.engine import Engine
from explorer.request import Request

def wait(condition):
    while not condition():
        time.sleep(0.02)

engine = Engine(Store(sys.argv[1]))
long = Request(model="embedded:residual-multi-standard", steps=50_000, goal=0.0)
wrong = Request(model="embedded:residual-multi-standard", layer="stage9")
engine.submit([long, wrong], subscriber="a")
wait(lambda: engine.job(long.key).step > 3)
engine.cancel(long.key, "a")
wait(lambda: engine.job(wrong.key).finished)
made = Request(model="embedded:residual-multi-standard", steps=2)
engine.submit(made, subscriber="a")
wait(lambda: engine.job(made.key).finished)
states = [engine.job(one.key).state for one in (long, wrong, made)]
again = Request(model="embedded:residual-multi-standard", steps=50_000, goal=0.0, rng_seed=1)
engine.submit(again, subscriber="a")
wait(lambda: engine.job(again.key).step > 3)
heavy = [name for name in ("torch", "timm", "torchvision") if name in sys.modules]
print(*engine.worker_pids(), *states, *heavy, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_worker_ends_with_the_process_that_holds_its_engine_which_never_imports_torch(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # what it leaves, being killed, goes with that
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pid, *said = holder.stdout.readline().split()
        assert said == ["cancelled", "failed", "done"]
        assert alive(int(pid))
    finally:
        holder.kill()
        holder.wait()
    until(lambda: not alive(int(pid)), 5)
