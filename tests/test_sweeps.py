"""Sweeps: from a TOML file to validated requests, batches that fail in part, and the table."""

from __future__ import annotations

import csv as csv_module
import html
import io
import json
import signal
import threading
import time
from collections import Counter
from concurrent.futures import Future
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet as parquet_files
from stranger import until
from streamlit.testing.v1 import AppTest

from explorer import cli
from explorer.app.panels import sweep_table
from explorer.archive.packs import import_results
from explorer.cli.running import EngineRunner, sweep_progress
from explorer.hosting import Hosting
from explorer.hosting.settings import DEMO
from explorer.jobs import job as states
from explorer.jobs.engine import SCHEDULER_GONE
from explorer.jobs.job import Job
from explorer.jobs.queue import QueueFull, Refused
from explorer.jobs.tasks import OUT_OF_MEMORY, WORKER_DIED
from explorer.models.hubs import HubUnreachable
from explorer.request import Request
from explorer.result import Result
from explorer.store import Store, starter
from explorer.sweep import background, dispatch
from explorer.sweep.background import Snapshot, Turns
from explorer.sweep.batches import BYTES_PER_PIXEL, SHARE, batches
from explorer.sweep.columns import columns, failed_row, result_row
from explorer.sweep.dispatch import Dispatch, EngineLost, Progress
from explorer.sweep.estimate import Pace, duration, estimate, learn, pace_key
from explorer.sweep.form import Form, form_of
from explorer.sweep.pack import lacking, write_pack
from explorer.sweep.plan import Plan, plan
from explorer.sweep.run import GONE, Run
from explorer.sweep.source import Source, SweepError, field_names
from explorer.sweep.table import csv, parquet
from explorer.sweep.unkept import WithUnkept
from explorer.validation import read_upload, validate

ROOT = Path(__file__).parents[1]
ADV, STANDARD = "embedded:imagenette-residual-adv1", "embedded:imagenette-residual-standard"
MODEL = f'model = "{ADV}"\n'
ROOMY = 2**40


def planned(text: str, folder: Path | None = ROOT, **options):
    return plan(Source(text, "s.toml", folder), **options)


def refused(text: str, folder: Path | None = ROOT, **options) -> str:
    with pytest.raises(SweepError) as caught:
        planned(text, folder, **options)
    return str(caught.value)


# From text to requests


def test_a_sweep_is_the_union_of_products_each_request_once():
    found = planned(
        f"""
        seed = "noise"
        steps = 60
        [[sweep]]
        model = ["{ADV}", "{STANDARD}"]
        layer = [{{ from = "stage1", to = "stage2" }}, "penultimate"]
        loss = ["regularizer-free", "freq", "freq-tv"]
        target = ["astronaut", "cat", "coffee", "rocket"]
        [[sweep]]
        model = "{ADV}"
        target = ["cat", "dog"]
        rng_seed = {{ from = 0, to = 6, step = 3 }}
        """
    )
    # Of the second product cat with random seed 0 is in the first one already.
    assert len(found.requests) == 2 * 3 * 3 * 4 + 2 * 3 - 1
    assert found.notes == ("Asked for more than once, and generated once: 1.",)
    by_hand = Request(ADV, layer="stage1", target="coffee", seed="noise", loss="freq", steps=60)
    assert validate(by_hand) in found.requests
    assert {request.rng_seed for request in found.requests} == {0, 3, 6}
    assert found.axes()["nearest"] == ["yes", "no"]
    assert found.axes()["layer"] == ["stage1", "stage2", "penultimate"]


@pytest.mark.parametrize(
    ("written", "field", "values"),
    [
        ("steps = { from = 10, to = 31, step = 10 }", "steps", [10, 20, 30]),
        ("goal = { from = 0.1, to = 0.3, step = 0.1 }", "goal", [0.1, 0.2, 0.3]),
        (
            "goal = { from = 0.01, to = 1.0, count = 3, spacing = 'log' }",
            "goal",
            [0.01, 0.1, 1.0],
        ),
        ("goal = [0.5, { from = 0.0, to = 0.2, count = 2 }]", "goal", [0.5, 0.0, 0.2]),
        ("rng_seed = { from = 3, to = 1, step = -1 }", "rng_seed", [3, 2, 1]),
        ("model = 'embedded:imagenette-residual-*'", "model", None),
        ("target = 'gallery'", "target", None),
    ],
)
def test_ranges_and_sets_stand_for_their_values(written, field, values):
    text = written if field == "model" else MODEL + written
    found = [getattr(request, field) for request in planned(text).requests]
    if values is None:
        assert len(found) > 2
    else:
        assert found == pytest.approx(values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modle = 1", "s.toml, line 1: modle: unknown key 'modle'; did you mean 'model'?"),
        ("steps = 1\n[[swep]]\nmodel = 'x'", "line 2: swep: unknown key 'swep'; did you mean 'swe"),
        (MODEL + "layer = ['stage1',\n 'stagge2']", "line 3: layer: 'stagge2' is not a layer of"),
        (MODEL + "layer = { from = 'stage2', to = 'stage1' }", "swap from and to"),
        (MODEL + "target = ['cat', 'cta']", "line 2: target: no such file or gallery image: 'cta'"),
        (MODEL + "target = []", "line 2: target: the list is empty"),
        (MODEL + "steps = { from = 9, to = 1 }", "a step of 1 does not lead from 9 to 1"),
        (MODEL + "steps = { form = 1, to = 2 }", "unknown key of a range 'form'; did you mean 'fr"),
        (MODEL + "steps = 'many'", "line 2: steps: 'many' is not a whole number"),
        (MODEL + "rng_seed = { from = 0, to = 10_000_000_000 }", "the range has 10,000,000,001"),
        (
            MODEL + "target = 'cat'\nseed = 'cat'",
            "line 3: seed: nothing would be generated: seed and target",
        ),
        (MODEL + "loss = ['freq', 'adversarial']\nadversary = 'ssim'", "(at loss = 'freq')"),
        ("a = [1,\n", "s.toml, line 1: it is no TOML"),
        (MODEL + "steps = 1\nsteps = 2\n", "line 3: it is no TOML: 'steps' is given a value twice"),
        (
            "[sweep]\n[sweep]",
            "line 2: it is no TOML: the table [sweep] begins twice",
        ),
        (MODEL + "[[sweep]]\nsteps = 1\n[[swep]]\nsteps = 2", "s.toml, line 4: swep: unknown key"),
        (MODEL + "steps = true", "line 2: steps: true is not a whole number"),
        (MODEL + "steps = { from = 1, to = true }", "line 2: steps: to = true is no number"),
        ("", "s.toml: model: it is missing; write it like model = 'embedded:NAME'"),
        ("model = 'embedded:imaginette-*'", "stands for no network; did you mean 'embedded:imagen"),
        ("model = 'resnet18'", "s.toml, line 1: model: unknown source in 'resnet18'"),
        (MODEL + "goal = 1979-05-27", "line 2: goal: 1979-05-27 is not a number"),
        ("[sweep]\n" + MODEL, "sweep: it begins a table; write it as a line [[sweep]]"),
    ],
)
def test_mistakes_are_named_with_line_and_the_nearest_key(text, said):
    assert said in refused(text)


def test_weights_that_cannot_be_downloaded_are_named_with_the_line(monkeypatch):
    monkeypatch.setattr("explorer.models.hubs.reachable", lambda url: False)
    with pytest.raises(HubUnreachable) as caught:
        planned("steps = 9\nmodel = [\n 'embedded:residual-simclr',\n 'timm:resnet*']")
    assert str(caught.value).startswith("s.toml, line 4: model: the weights of timm:resnet")


def test_a_product_that_is_too_large_is_refused_before_it_is_built():
    text = MODEL + "rng_seed = { from = 0, to = 99_999 }\nsteps = { from = 1, to = 50_000 }"
    assert "5,000,000,000 requests are more than 100,000" in refused(text)
    assert "12 requests are more than 11" in refused(
        MODEL + "rng_seed = { from = 0, to = 11 }", most=11
    )


def test_files_count_from_the_sweeps_folder_and_are_read_once(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / name)
    found = planned(MODEL + "target = ['a.png', '.']\nseed = ['noise', 'b.png']", tmp_path)
    uploads = {read_upload((tmp_path / f"{name}.png").read_bytes()).name: name for name in "abc"}
    assert found.files == {name: f"{letter}.png" for name, letter in uploads.items()}
    assert set(found.pictures) == set(uploads)
    # Three targets from two seeds, without b from itself; a is there twice.
    assert len(found.requests) == 3 * 2 - 1
    assert len(found.notes) == 2


def test_a_folder_with_a_link_to_nothing_is_refused_by_the_links_name(tmp_path):
    for number in range(3):
        Image.new("RGB", (20, 20), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    for key in ("target", "null_folder"):
        said = refused(MODEL + f"{key} = '{tmp_path}'", tmp_path)
        assert f"line 2: {key}: 'gone.png' cannot be read as a picture: there is no such f" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = 'file:/etc/passwd'\narchitecture = 'timm:resnet18'", "only the command line"),
        ("model = 'file:/etc/passwd'", "checkpoints from files work on the command line only"),
        (MODEL + "target = '/etc/passwd'", "neither a plain lower-case name nor"),
        (MODEL + "target = 'readme'", "no such file or gallery image"),
        (MODEL + "null_folder = '/etc'", "only the command line takes it"),
        (MODEL + "target = 'picture:" + "0" * 64 + "'", "this uploaded picture is not here"),
        (MODEL + "steps = 50_000", "the most on this page"),
    ],
)
def test_a_visitor_names_no_files_and_nothing_that_is_the_operators(text, said):
    assert said.lower() in refused(text, folder=None).lower()


def test_the_form_and_its_text_say_the_same():
    form = Form((ADV,), ("stage1", "logits"), ("cat",), ("noise",), ("freq",), 3, 100)
    assert form_of(form.to_toml()) == form
    assert len(planned(form.to_toml(), None).requests) == 6
    assert form_of(form.to_toml() + "goal = 0.1") is None
    assert form_of("model = ") is None


# Batches on their way


def test_batches_fit_the_memory_and_hold_what_is_made_alike():
    requests = planned(
        MODEL + "loss = ['regularizer-free', 'freq', 'freq-tv']\nrng_seed = { from = 0, to = 19 }"
    ).requests
    found = batches(requests, "cpu", ROOMY)
    # The losses with a prior go together; `auto` is another optimiser for the match alone.
    assert [len(batch) for batch in found] == [20, 20, 20]
    assert [{r.loss == "regularizer-free" for r in batch} for batch in found] == [
        {True},
        {False},
        {False},
    ]
    assert sorted(r.key for batch in found for r in batch) == sorted(r.key for r in requests)
    three = int(3.5 * 64 * 64 * BYTES_PER_PIXEL / SHARE)
    assert max(map(len, batches(requests, "cpu", three))) == 3
    assert max(map(len, batches(requests, "cpu", 0))) == 1
    assert max(map(len, batches(requests, "cpu", ROOMY, lambda request: 8))) <= 8


class Engine:
    """Finishes at once what is submitted, unless `fails` says how a batch fails."""

    def __init__(self, fails=lambda keys, attempt: None) -> None:
        self.fails = fails
        self.store: set[str] = set()
        self.jobs: dict[str, Job] = {}
        self.submitted: list[list[str]] = []
        self.most = 0

    def submit(self, batch, pictures, subscriber, party):
        keys = [request.key for request in batch]
        self.submitted.append(keys)
        problem = self.fails(keys, sum(keys[0] in each for each in self.submitted))
        for key in keys:
            if problem is None:
                self.store.add(key)
                self.jobs[key] = Job(key, states.DONE)
            else:
                field, message = problem
                self.jobs[key] = Job(key, states.FAILED, field=field, error=message)

    def job(self, key):
        return self.jobs.get(key)

    def cancel(self, key, subscriber): ...


PICTURE = f"picture:{'0' * 64}"


def test_what_is_known_of_one_image_is_not_said_of_its_whole_batch():
    def said(*targets: str) -> str:
        batch = tuple(Request(ADV, target=target, layer="stage1") for target in targets)
        job = Job("a", states.RUNNING, "searching", 30, 500, curve=((30, 0.25),))
        progress = Progress(9, 2, 0, 2, 1.0, None, job, batch)
        return sweep_progress(progress, Plan(batch, files={PICTURE: "mine.png"}))

    assert said("cat", "dog") == "2 of 9 done; 2 images at once: searching: step 30"
    alone = said(PICTURE)
    assert alone.startswith("2 of 9 done; mine.png at stage1: searching: step 30 of 500")


def dispatched(engine: Engine, count: int = 8, width: int = 8, window: int = 2):
    requests = [Request(ADV, rng_seed=number) for number in range(count)]
    groups = [requests[at : at + width] for at in range(0, count, width)]
    return requests, Dispatch(engine, groups, {}, "test", lambda under_way: window)


def finish(dispatch: Dispatch) -> list[Request]:
    done = []
    while not dispatch.finished:
        done += dispatch.step()
    return done


def test_a_full_line_is_asked_again_and_what_is_refused_has_failed():
    class Strict(Engine):
        """Is full at first, and never makes the random seed 5."""

        asked = 0

        def submit(self, batch, pictures, subscriber, party):
            self.asked += 1
            if self.asked < 3:
                raise QueueFull("the line is full")
            if any(request.rng_seed == 5 for request in batch):
                raise Refused("not on this app")
            super().submit(batch, pictures, subscriber, party)

    requests, dispatch = dispatched(Strict(), width=1)
    assert finish(dispatch) == [each for each in requests if each.rng_seed != 5]
    (failed,) = dispatch.failures
    assert (failed.request.rng_seed, failed.message) == (5, "not on this app")
    assert dispatch.progress().left == 0


def test_a_failing_request_is_found_by_halving_and_stops_no_other():
    engine = Engine(lambda keys, _: ("seed", "wrong") if bad in keys else None)
    requests, dispatch = dispatched(engine)
    bad = requests[5].key
    done = finish(dispatch)
    assert {request.rng_seed for request in done} == {0, 1, 2, 3, 4, 6, 7}
    assert [(each.request.key, each.field) for each in dispatch.failures] == [(bad, "seed")]
    assert len(engine.submitted) == 1 + 2 * 3
    progress = dispatch.progress()
    assert (progress.done, progress.failed, progress.left) == (7, 1, 0)


def test_what_all_of_a_batch_share_fails_all_at_once():
    engine = Engine(lambda keys, _: ("layer", "no such layer"))
    _, dispatch = dispatched(engine)
    assert not finish(dispatch)
    assert len(dispatch.failures) == 8
    assert len(engine.submitted) == 1


def test_a_batch_whose_worker_died_is_made_again_and_halved_if_it_dies_again():
    once = Engine(lambda keys, attempt: (None, WORKER_DIED) if attempt == 1 else None)
    _, dispatch = dispatched(once)
    assert len(finish(dispatch)) == 8
    assert [len(keys) for keys in once.submitted] == [8, 8]
    too_large = Engine(lambda keys, _: (None, OUT_OF_MEMORY) if len(keys) > 3 else None)
    _, dispatch = dispatched(too_large)
    assert len(finish(dispatch)) == 8
    assert not dispatch.failures
    always = Engine(lambda keys, _: (None, WORKER_DIED))
    _, dispatch = dispatched(always, count=1)
    assert not finish(dispatch)
    assert len(always.submitted) == 3
    assert dispatch.failures[0].message == WORKER_DIED


def test_without_a_scheduler_the_sweep_stops_and_only_a_few_batches_were_submitted():
    _, dispatch = dispatched(engine := Engine(lambda *_: (None, SCHEDULER_GONE)), count=40, width=4)
    dispatch.step()
    assert len(engine.submitted) == 2
    with pytest.raises(EngineLost, match="scheduler does not answer"):
        dispatch.step()


def test_what_another_process_has_put_into_the_store_meanwhile_is_not_made_again():
    requests, dispatch = dispatched(engine := Engine(), count=12, width=4, window=1)
    assert not dispatch.step()
    engine.store |= {request.key for request in requests[2:10]}
    done = finish(dispatch)
    assert [request.rng_seed for request in done] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert engine.submitted[1:] == [[requests[10].key, requests[11].key]]
    assert dispatch.found == {request.key for request in requests[4:10]}
    progress = dispatch.progress()
    assert (progress.done, progress.made, progress.left) == (12, 6, 0)


def test_sweeps_of_many_visitors_take_turns():
    turns = Turns()
    assert turns.window("a", 0, workers=1) == 1
    assert turns.window("b", 0, workers=1) == 0
    assert turns.window("a", 1, workers=1) == 1
    assert turns.window("c", 0, workers=1) == 0
    # The batch of a is done; b has waited longest, and a waits since it last asked for more.
    assert turns.window("a", 0, workers=1) == 0
    assert turns.window("c", 0, workers=1) == 0
    assert turns.window("b", 0, workers=1) == 1
    turns.leave("b")
    assert turns.window("a", 0, workers=1) == 1
    assert turns.window("c", 0, workers=2) == 1


# Time, disk and rows


def test_an_estimate_counts_what_is_cached_and_learns_how_long_it_takes(tmp_path):
    store = Store(tmp_path, starter_directory="/nowhere")
    requests = planned(MODEL + "steps = 100\nrng_seed = { from = 0, to = 9 }").requests
    assert estimate(requests, store).timed == 0
    learn(store, {pace_key(requests[0]): [Pace(3.0, 2e5), Pace(5.0, 4e5)]})
    for request in requests[:4]:
        store.put(request.key, b"x")
    found = estimate(requests, store, workers=2)
    assert (found.requests, found.cached, found.missing, found.timed) == (10, 4, 6, 1.0)
    assert found.seconds == pytest.approx(6 * 4.0 / 2)
    assert (found.bytes, found.pack_bytes) == pytest.approx((6 * 3e5, 10 * 3e5))
    assert [duration(each) for each in (0.2, 75, 600, 9000, 2e5)] == [
        *("1 s", "75 s", "10 min", "2 h 30 min", "2 d 7 h"),
    ]


def test_as_many_measures_count_as_the_verdict_says_and_none_without_a_value():
    for entry in starter.entries()[::6]:
        result = Result.from_bytes(starter.load(entry.key))
        row = result_row(result, {})
        counting = [name for name in row if name.endswith("_counts") and row[name]]
        assert len(counting) == row["counted"]
        assert all(row[name.replace("_counts", "_to_target")] is not None for name in counting)
        without = replace(result.perceptual[0], to_target=None, to_seed=None, nearer_target=None)
        again = result_row(replace(result, perceptual=(without,)), {})
        assert again[f"{without.measure.replace('-', '_')}_counts"] is False


def test_what_a_batch_took_is_kept_before_the_next_one_is_done_and_never_what_others_made(tmp_path):
    results = {
        entry.key: Result.from_bytes(starter.load(entry.key)) for entry in starter.entries()[:2]
    }
    first, second = results

    class Slow(Engine):
        """Makes one of the two only."""

        def __init__(self) -> None:
            super().__init__()
            self.store = Store(tmp_path, starter_directory="/nowhere")

        def call(self, function, party):
            answer: Future = Future()
            answer.set_result(("cpu", ROOMY))
            return answer

        def worker_count(self):
            return 1

        def submit(self, batch, pictures, subscriber, party):
            for request in batch:
                done = request.key == first
                self.jobs[request.key] = Job(request.key, states.DONE if done else states.RUNNING)
                if done:
                    self.store.put(first, starter.load(first))

    engine = Slow()
    requests = tuple(result.request for result in results.values())
    run = Run(engine, Plan(requests), "test", turn=0)
    for _ in range(3):
        run.step()
    assert (run.made, run.finished) == (1, False)
    provenance = results[first].provenance
    kept, _ = json.loads(engine.store.get(pace_key(results[first].request)))
    assert kept == pytest.approx(provenance.seconds / provenance.batch)
    assert [row["key"] for row in run.rows()] == [first]

    engine.store.put(second, starter.load(second))
    engine.jobs[second] = Job(second, states.DONE, found=True)
    run.step()
    assert (run.made, run.cached, run.finished) == (1, 1, True)
    assert engine.store.get(pace_key(results[second].request)) is None


def test_what_the_cache_keeps_none_of_is_in_the_table_and_the_pack(tmp_path, monkeypatch):
    read_only = "The result cache is read-only here, so new results are not kept."
    made = {
        entry.key: Result.from_bytes(starter.load(entry.key)) for entry in starter.entries()[:5]
    }

    class Forgetful(Engine):
        """Makes each, and has the two newest in memory only."""

        def __init__(self) -> None:
            super().__init__()
            self.store = Store(tmp_path / "data", starter_directory="/nowhere")
            self.newest, self.widths = {}, []

        def call(self, function, party):
            answer: Future = Future()
            answer.set_result(("cuda", ROOMY))
            return answer

        def worker_count(self):
            return 1

        def result(self, key):
            return self.newest.get(key)

        def submit(self, batch, pictures, subscriber, party):
            self.widths.append(len(batch))
            new = {request.key: made[request.key] for request in batch}
            self.newest = dict(list((self.newest | new).items())[-2:])
            self.jobs |= {key: Job(key, states.DONE) for key in new}

    engine = Forgetful()
    monkeypatch.setattr(engine.store, "why_not_kept", lambda: read_only)
    monkeypatch.setattr("explorer.sweep.run.UNKEPT_AT_ONCE", 2)
    plan = Plan(tuple(result.request for result in made.values()))
    with closing(WithUnkept(engine.store, tmp_path / "out")) as results:
        run = Run(engine, plan, "test", keep=results.keep, window=lambda under_way: 1)
        while not run.finished:
            run.step()
        assert engine.widths == [1] * 5
        assert results.unkept == 5
        assert [row["key"] for row in run.rows()] == list(made)
        assert not any(row.get("error") for row in run.rows())
        assert write_pack(run.rows(), results, tmp_path / "out" / "pack.zip") == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pack.zip"]
    other = Store(tmp_path / "other", starter_directory="/nowhere")
    assert set(import_results(other, tmp_path / "out" / "pack.zip").imported) == set(made)

    engine = Forgetful()  # nobody keeps them: the reason is the right one
    monkeypatch.setattr(engine.store, "why_not_kept", lambda: read_only)
    monkeypatch.setattr(Forgetful, "result", lambda self, key: None)
    run = Run(engine, plan, "test")
    while not run.finished:
        run.step()
    assert {row["error"] for row in run.rows()} == {GONE.format(read_only)}
    assert read_only in lacking([{"key": key} for key in made], engine.store)


class Unfinished(Engine):
    """Its jobs run for ever. full: how often its queue has no room before it takes any."""

    def __init__(self, folder, full: int = 0) -> None:
        super().__init__()
        self.store = Store(folder, starter_directory="/nowhere")
        self.cancelled: list[str] = []
        self.parties: set[str] = set()
        self.submitted: list[str] = []
        self.full = full

    def call(self, function, party):
        answer: Future = Future()
        answer.set_result(("cpu", ROOMY))
        return answer

    def worker_count(self):
        return 1

    def submit(self, batch, pictures, subscriber, party):
        self.full -= 1
        if self.full >= 0:
            raise QueueFull("not now")
        self.parties.add(party)
        self.submitted.append(party)
        self.jobs |= {request.key: Job(request.key, states.RUNNING) for request in batch}

    def cancel(self, key, subscriber):
        self.cancelled.append(key)


def test_a_pages_sweep_takes_turns_waits_for_room_and_ends_where_nobody_looks(
    tmp_path, monkeypatch
):
    requests = tuple(
        validate(Request("embedded:residual-multi-adv2", rng_seed=seed)) for seed in (0, 1)
    )
    monkeypatch.setattr(background, "_sweeps", {})
    monkeypatch.setattr(background, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "FULL_SECONDS", 0.05)
    engine = Unfinished(tmp_path, full=2)
    sweep = background.start(engine, Plan(requests), "visitor")
    deadline = time.monotonic() + 10
    while not engine.jobs:
        assert time.monotonic() < deadline
        assert sweep.snapshot().error is None
        time.sleep(0.01)
    assert all(party.startswith("sweep ") for party in engine.parties), "not whoever runs the app"
    assert not sweep.ended.wait(0.3), "at home it runs on"
    monkeypatch.setattr(background, "hosting", lambda: Hosting(abandon_seconds=0.3))
    while time.monotonic() < deadline - 9:
        assert not sweep.snapshot().ended, "a page that looks keeps it"
    assert sweep.ended.wait(5)
    assert sweep.snapshot().cancelled
    assert sorted(engine.cancelled) == sorted(engine.jobs)


def test_on_a_hosted_app_a_sweep_is_its_browsers_and_leaves_the_page_to_others(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(background, "_sweeps", {})
    monkeypatch.setattr(background, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(background, "hosting", lambda: DEMO)
    engine = Unfinished(tmp_path)
    plans = [
        Plan(tuple(validate(Request(model, rng_seed=seed)) for model in (ADV, STANDARD)))
        for seed in range(20)
    ]
    first = background.start(engine, plans[0], "one")
    for another in plans[1:15]:
        with pytest.raises(background.Busy, match="another sweep of yours was running"):
            background.start(engine, another, "one")
    assert background.start(engine, plans[0], "one") is first, "a second tab joins it"
    others = [
        background.start(engine, plan, f"stranger {number}")
        for number, plan in enumerate(plans[1:])
    ]
    try:
        started = {"one", *(f"stranger {number}" for number in range(len(others)))}
        until(lambda: engine.parties == started)  # none waits for a batch of another visitor's
        until(lambda: first.snapshot().progress.left)
        time.sleep(0.1)
        assert all(count == 1 for count in Counter(engine.submitted).values()), "one batch of each"
        engine.store.put(starter.entries()[0].key, starter.load(starter.entries()[0].key))
        stored = Result.from_bytes(starter.load(starter.entries()[0].key)).request
        reading = background.start(engine, Plan((stored,)), "one")
        assert reading.ended.wait(5)
        assert reading.snapshot().finished, "reading takes no turn"
    finally:
        for sweep in (first, *others):
            for who in started:
                sweep.cancel(who)
    assert all(sweep.ended.wait(5) for sweep in (first, *others))
    assert not background.start(engine, plans[1], "one").ended.is_set()
    background.find(plans[1]).cancel("one")


def test_a_row_says_what_result_json_says_and_both_files_hold_the_same():
    data = starter.load(starter.entries()[0].key)
    result = Result.from_bytes(data)
    content = result.to_json()
    row = result_row(result, {})
    assert row["relative_l2"] == content["match"]["relative_l2"]
    assert row["null_median"] == content["match"]["null"]["relative_l2"]["quantiles"]["q50"]
    assert (row["key"], row["state"]) == (content["key"], content["match"]["state"])
    of_ssim = next(each for each in content["perceptual"] if each["measure"] == "ssim")
    assert row["ssim_to_target"] == of_ssim["to_target"]
    assert set(row) <= {column.name for column in columns()}
    files = {"dog": "=cmd|' /C calc'!A0.png"}
    failed = failed_row(replace(result.request, target="dog"), files, 'no, "never"', "target")
    rows = [row, failed]
    read = list(csv_module.DictReader(io.StringIO(csv(rows).decode())))
    table = parquet_files.read_table(io.BytesIO(parquet(rows)))
    assert table.column_names == list(read[0]) == [column.name for column in columns()]
    assert read[1]["error"] == table.column("error")[1].as_py() == 'no, "never"'
    assert float(read[0]["moved_rms"]) == table.column("moved_rms")[0].as_py() == row["moved_rms"]
    assert read[1]["target_file"] == f"'{files['dog']}", "a spreadsheet shows it, and runs nothing"
    assert table.column("target_file")[1].as_py() == files["dog"]
    assert table.column("matched").to_pylist() == [True, None]
    assert (read[0]["matched"], read[1]["matched"]) == ("true", "")
    assert b"Structure" in table.schema.field("structure_to_seed").metadata[b"description"]


def test_what_the_cache_had_to_delete_is_said_to_be_missing_from_the_pack(tmp_path, monkeypatch):
    keys = [entry.key for entry in starter.entries()[:3]]
    store = Store(tmp_path / "cache", limit=2_000_000, starter_directory="/nowhere")
    for key in keys[:2]:
        store.put(key, starter.load(key))
    rows = [{"key": key} for key in keys[:2]] + [{"key": "f" * 64, "error": "no"}]
    assert write_pack(rows, store, tmp_path / "pack.zip") == 2
    assert lacking(rows, store) == ""
    rows.append({"key": keys[2]})
    assert write_pack(rows, store, tmp_path / "pack.zip") == 2
    said = lacking(rows, store, 2)
    assert said == lacking(rows, store)
    assert said.startswith("1 of the table's 3 results are not in the pack: the cache holds 2 MB")

    def page():
        from explorer.app.panels import sweep_table

        sweep_table.show_downloads(None, sweep_table.SNAPSHOT)

    snapshot = Snapshot(Progress(4, 3, 1, 3, 1.0, None), tuple(rows), True, False, None)
    monkeypatch.setattr(sweep_table, "SNAPSHOT", snapshot, raising=False)
    monkeypatch.setattr(sweep_table.session, "engine", lambda: SimpleNamespace(store=store))
    app = AppTest.from_function(page).run(timeout=30)
    assert not app.exception
    assert [html.unescape(each.value) for each in app.caption] == [said]


def test_every_column_and_key_is_documented():
    text = (ROOT / "docs/sweeps.md").read_text(encoding="utf-8")
    for column in columns():
        if not column.name.endswith(("_to_target", "_to_seed", "_to_mismatched", "_counts")):
            assert f"| `{column.name}` | {column.help} |" in text, column.name
    assert not [name for name in field_names() if f"`{name}`" not in text]


# The commands


def test_plan_and_sweep_refuse_in_a_sentence_and_plan_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("explorer.jobs.engine.Engine.start", lambda self: pytest.fail("started"))
    monkeypatch.setattr("explorer.sweep.plan.MOST_UNCONFIRMED", 100)
    file = tmp_path / "s.toml"
    file.write_text(MODEL + "rng_seed = { from = 0, to = 100 }\nsteps = 9\n")
    assert cli.main(["plan", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["requests"], said["cached"]) == (101, 0)
    assert said["seconds"] > 0
    assert cli.main(["plan", str(file)]) == 0
    assert "More than 100 requests: `iri sweep` needs --yes" in capsys.readouterr().err
    out = tmp_path / "out"
    assert cli.main(["sweep", str(file), "--out", str(out)]) == 2
    assert "yes: 101 requests are more than 100;" in capsys.readouterr().err
    file.write_text(MODEL + "rng_seed = 7\nsteps = 9", encoding="utf-8-sig")  # as Windows does
    assert cli.main(["plan", str(file)]) == 0
    assert "\n1 request: 1 to generate" in capsys.readouterr().out
    file.write_text(MODEL + "targett = 'cat'")
    assert cli.main(["sweep", str(file), "--out", str(out)]) == 2
    assert "sweep: s.toml, line 2: targett: unknown key" in capsys.readouterr().err
    assert cli.main(["sweep", str(file), "--out", str(out), "--scheduler", "nonsense"]) == 2
    assert cli.main(["plan", str(tmp_path / "gone.toml")]) == 2
    assert "file: there is no file" in capsys.readouterr().err
    file.write_text(MODEL + "rng_seed = 7\nsteps = 9")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=90_000))
        assert cli.main(["sweep", str(file), "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert "about 1 MB are needed in" in said
        assert "where 0.1 MB are free" in said
    file.write_text(MODEL + "rng_seed = { from = 0, to = 60 }")
    monkeypatch.setenv("IRI_CACHE_LIMIT", "5MB")
    assert cli.main(["sweep", str(file), "--out", str(out)]) == 2
    assert "raise IRI_CACHE_LIMIT" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("lost", [False, True])
def test_an_interrupted_sweep_gives_its_jobs_up_and_says_how_to_go_on(
    tmp_path, capsys, monkeypatch, lost
):
    """lost: Ctrl-C came in a callback of the garbage collector, where Python forgets it."""
    file = tmp_path / "s.toml"
    file.write_text(MODEL + "rng_seed = [0, 1]\nsteps = 9\n")

    engine, looks = Unfinished(tmp_path), []

    def interrupted(seconds):
        if threading.current_thread() is threading.main_thread():  # others sleep, too
            looks.append(seconds)
            assert len(looks) < 5, "it goes on"
            if len(looks) == 3:
                with suppress(*[KeyboardInterrupt] * lost):
                    signal.raise_signal(signal.SIGINT)

    def cancelled(key, subscriber):
        signal.raise_signal(signal.SIGINT)  # the key is held down
        engine.cancelled.append(key)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(engine, "cancel", cancelled)
    monkeypatch.setattr("explorer.cli.sweep.time.sleep", interrupted)
    monkeypatch.setattr(EngineRunner, "started", lambda: nullcontext(EngineRunner(engine)))
    try:
        assert cli.main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "0 of 2 results are in the cache; the same command goes on" in capsys.readouterr().err
    assert sorted(engine.cancelled) == sorted(engine.jobs)
    assert len(engine.jobs) == 2
    assert not (tmp_path / "out").exists()
