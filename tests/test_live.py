"""Running jobs pushed to browsers: who may watch, what is sent, how often, and what it costs."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from stranger import until

from explorer.images.encoding import to_png
from explorer.images.spectrum import spectrum
from explorer.jobs.job import CANCELLED, DONE, FAILED, RUNNING, Job
from explorer.jobs.listening import Listeners
from explorer.live import hub, nudging, routes, wording
from explorer.live.events import Encoder, whole
from explorer.live.tokens import MOST_KEYS, Watched, token, watched_by
from explorer.metrics.first_look import FirstLook
from explorer.validation import NEAREST_STAGE

KEY = "1" * 64
RNG = np.random.default_rng(0)


def picture(px: int) -> bytes:
    return to_png(RNG.integers(0, 256, (px, px, 3), dtype=np.uint8))


def running(step: int = 1, key: str = KEY, preview: bytes | None = None) -> Job:
    curve = tuple((each, 1 / (1 + each)) for each in range(step + 1))
    return Job(key, RUNNING, "generating the image", step, 500, curve, preview, eta_seconds=9)


class WatchedEngine:
    """Jobs that a test sets, told by the engine's own listeners; no worker."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.listeners = Listeners(self.jobs.get)
        self.job = self.jobs.get
        self.listening = 0
        self.touched: list[str] = []

    def listen(self, keys, on_change):
        stop = self.listeners.listen(keys, on_change)
        self.listening += 1

        def ended() -> None:
            self.listening -= 1
            stop()

        return ended

    def touch(self, keys) -> None:
        self.touched += keys

    def set(self, job: Job) -> None:
        known = self.jobs.get(job.key)
        self.jobs[job.key] = replace(job, version=known.version + 1 if known else 0)
        self.listeners.changed(job.key)


class Server:
    """The routes in a server of their own, next to a page as the app's own routes are."""

    def __init__(self) -> None:
        self.engine = WatchedEngine()
        served = routes.routes(lambda: self.engine)
        self.hub = next(each.endpoint for each in served if isinstance(each, Route)).hub
        anything = Route("/{path:path}", lambda request: PlainTextResponse("the app's page"))
        self.server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=[*served, anything]), port=0, log_level="warning")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def url(self, watched: Watched, base: str = "", now: bool = False) -> str:
        return f"http://127.0.0.1:{self.port}{base}/live/{token(watched)}{'/now' * now}"


@pytest.fixture(scope="module")
def running_server():
    server = Server()
    yield server
    server.server.should_exit = True
    server.thread.join(10)
    assert not server.thread.is_alive()


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.setattr(hub, "LINGER_SECONDS", 0.05)
    running_server.engine.jobs.clear()
    running_server.engine.touched.clear()
    yield running_server
    until(lambda: not running_server.hub.streams, 10)
    until(lambda: not running_server.engine.listening, 10)


class Stream:
    """An open connection, and the events that have come by it."""

    def __init__(self, url: str) -> None:
        self.response = urllib.request.urlopen(url, timeout=20)
        self.beats = 0

    def event(self) -> dict | None:
        """The next event; None at the end."""
        while line := self.response.readline():
            self.beats += line == b"event: beat\n"
            if line.startswith(b"data: ") and line != b"data: {}\n":
                return json.loads(line[6:])
        return None

    def close(self) -> None:
        self.response.close()


@contextmanager
def stream(url: str):
    with closing(Stream(url)) as opened:
        yield opened


def refusal(url: str, method: str = "GET") -> tuple[int, str, dict]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20)
    body = caught.value.read()
    return caught.value.code, json.loads(body)["error"] if body else "", dict(caught.value.headers)


def test_a_token_allows_what_it_was_made_for_and_nobody_can_make_one():
    watched = Watched((KEY, "call:7"), 500, "somebody", True)
    assert watched_by(token(watched)) == watched
    text = token(Watched((KEY,)))
    for forged in (KEY, "", "é", text[:-2], text[:10] + "A" + text[11:], "A" * 10_000, "A" * 64):
        assert forged == text or watched_by(forged) is None
    keys = tuple(f"{number:064x}" for number in RNG.integers(0, 2**63, 200))
    long = token(Watched(keys))
    assert watched_by(long).keys == keys[:MOST_KEYS]
    assert len(long) < 4_000, "longer address lines are refused by proxies"


def test_without_a_token_of_this_process_nothing_is_seen(server):
    server.engine.set(running())
    good = server.url(Watched((KEY,)))
    for url in (good[:-3] + "abc", good.replace(token(Watched((KEY,))), KEY)):
        for address in (url, f"{url}/now"):
            status, sentence, headers = refusal(address)
            assert (status, sentence.split(":")[0]) == (403, "This address is not valid any more")
            assert headers["Cache-Control"] == "no-store" if "Cache-Control" in headers else True
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert refusal(good, method)[0] == refusal(f"{good}/now", method)[0] == 405
    assert not server.engine.touched


@pytest.mark.parametrize("base", ["", "/demo/iri", "/compare"])
def test_a_browser_is_told_all_then_what_is_new_until_the_end(server, base):
    server.engine.set(running(3, preview=picture(8)))
    with stream(server.url(Watched((KEY,), 500), base)) as watcher:
        headers = watcher.response.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert "Access-Control-Allow-Origin" not in headers
        first = watcher.event()
        assert first["whole"]
        assert [step for step, _ in first["points"]] == [0, 1, 2, 3]
        assert first["status"] == (
            "Generating the image: step 503 of 1,000, relative distance 0.250, at most 9 s left"
        )
        shown = first["preview"].removeprefix("data:image/png;base64,")
        assert base64.b64decode(shown) == server.engine.jobs[KEY].preview
        server.engine.set(running(5, preview=server.engine.jobs[KEY].preview))
        second = watcher.event()
        assert not second["whole"]
        assert [step for step, _ in second["points"]] == [4, 5]
        assert "preview" not in second, "it is the same picture"
        server.engine.set(replace(server.engine.jobs[KEY], state=DONE))
        last = watcher.event()
        assert (last["state"], last["finished"]) == (DONE, True)
        assert watcher.event() is None, "the server ends it"


def test_a_job_of_which_nothing_is_known_ends_the_watching(server):
    with stream(server.url(Watched((KEY,)))) as watcher:
        event = watcher.event()
    assert (event["state"], event["finished"]) == ("gone", True)
    answer = urllib.request.urlopen(server.url(Watched((KEY,)), now=True))
    assert json.load(answer)["finished"]


def test_where_streams_do_not_come_through_the_same_is_asked_for_and_counts_as_watching(server):
    server.engine.set(running(4, preview=picture(8)))
    for base in ("", "/demo"):
        answer = urllib.request.urlopen(server.url(Watched((KEY,)), base, now=True))
        assert answer.headers["Cache-Control"] == "no-store"
        event = json.load(answer)
        assert event["whole"]
        assert event["preview"].startswith("data:image/png")
        assert len(event["points"]) == 5
    assert server.engine.touched == [KEY, KEY]


def test_each_change_is_encoded_once_however_many_watch(server):
    server.engine.set(running(1, preview=picture(8)))
    url = server.url
    watchers = [Stream(url(Watched((KEY,), visitor=f"browser {one}"))) for one in range(40)]
    try:
        assert all(each.event()["whole"] for each in watchers)
        ((channel),) = server.hub._channels.values()
        before = channel.encoder.encoded
        for step in range(2, 6):
            server.engine.set(running(step, preview=picture(8)))
            told = [each.event()["step"] for each in watchers]
            assert set(told) == {step}
        assert channel.encoder.encoded - before == 4
    finally:
        for each in watchers:
            each.close()


def test_a_slow_reader_misses_what_is_between_and_is_then_told_all():
    engine = WatchedEngine()
    engine.set(running(1))

    async def watch() -> None:
        opened = hub.Hub(lambda: engine)
        fast, slow = opened.join(Watched((KEY,))), opened.join(Watched((KEY,)))
        assert json.loads(await fast.next())["whole"]
        for step in (2, 3, 4):
            engine.set(running(step))
            event = json.loads(await asyncio.wait_for(fast.next(), 10))
            assert [each for each, _ in event["points"]] == [step]
        event = json.loads(await slow.next())
        assert event["whole"]
        assert len(event["points"]) == 5
        assert slow.dropped == 3
        engine.set(running(5))
        assert not json.loads(await asyncio.wait_for(slow.next(), 10))["whole"]
        # Cancelled in the middle it loses nothing.
        with suppress(TimeoutError):
            await asyncio.wait_for(slow.next(), 0.01)
        engine.set(running(6))
        assert json.loads(await asyncio.wait_for(slow.next(), 10))["step"] == 6
        for reader in (fast, slow):
            opened.leave(reader)
            opened._close(reader.channel)

    asyncio.run(watch())
    engine.listeners.close()


def test_who_does_not_read_holds_nobody_up(server):
    server.engine.set(running(1, preview=picture(150)))
    with closing(socket.create_connection(("127.0.0.1", server.port))) as deaf:
        path = server.url(Watched((KEY,), visitor="deaf")).partition(str(server.port))[2]
        deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with stream(server.url(Watched((KEY,), visitor="awake"))) as awake:
            awake.event()
            (channel,) = server.hub._channels.values()
            until(lambda: len(channel.readers) == 2)
            began = time.monotonic()
            for step in range(2, 8):
                server.engine.set(running(step, preview=picture(150)))
                assert awake.event()["step"] == step
            assert time.monotonic() - began < 10


def test_connections_are_bounded_and_one_that_is_closed_makes_room(server, monkeypatch):
    server.engine.set(running())
    mine, others = Watched((KEY,), visitor="me"), Watched((KEY,), visitor="you")
    opened = [Stream(server.url(mine)) for _ in range(hub.MOST_STREAMS_OF_VISITOR)]
    try:
        status, sentence, headers = refusal(server.url(mine))
        assert (status, headers["retry-after"]) == (503, "30")
        assert sentence.startswith("This browser watches in several tabs")
        monkeypatch.setattr(hub, "MOST_STREAMS", len(opened))
        assert refusal(server.url(others))[0] == 503
        assert json.load(urllib.request.urlopen(server.url(mine, now=True)))["step"] == 1
        monkeypatch.setattr(hub, "MOST_STREAMS", 100)
        with stream(server.url(others)) as another:
            assert another.event()
        opened.pop().close()
        until(lambda: server.hub.streams == len(opened))
        opened.append(Stream(server.url(mine)))
    finally:
        for each in opened:
            each.close()


def test_a_closed_browser_is_noticed_although_nothing_happens(server):
    server.engine.set(running())
    watcher = Stream(server.url(Watched((KEY,))))
    watcher.event()
    assert server.engine.listeners.abandoned([KEY], 1e-9) == []
    watcher.close()
    until(lambda: server.engine.listeners.abandoned([KEY], 1e-9) == [KEY], 5)
    assert server.engine.listeners.abandoned([KEY], 60.0) == []


def test_a_connection_is_kept_alive_and_ends_with_the_server(server, monkeypatch):
    monkeypatch.setattr(routes, "BEAT_SECONDS", 0.1)
    server.engine.set(running())
    with stream(server.url(Watched((KEY,)))) as watcher:
        watcher.event()
        ended = threading.Event()
        threading.Thread(target=lambda: (watcher.event(), ended.set()), daemon=True).start()
        until(lambda: watcher.beats > 2)
        assert not ended.is_set()
        monkeypatch.setattr("explorer.live.ending.is_ending", lambda: True)
        until(ended.is_set, 5)


def test_a_large_preview_is_made_small_and_a_found_image_is_sent_as_it_is():
    encoder = Encoder(KEY, 0)
    smooth = np.add.outer(np.arange(224), np.arange(224))[:, :, None].repeat(3, 2) % 256
    noisy = smooth + RNG.integers(-20, 20, (224, 224, 3))
    png = to_png(np.clip(noisy, 0, 255).astype(np.uint8))
    job = running(2, preview=png)
    event = json.loads(encoder.update(job, True))
    kind, data = event["preview"].split(";base64,")
    assert kind == "data:image/jpeg"
    jpeg = base64.b64decode(data)
    assert len(jpeg) < len(png) / 2
    with Image.open(io.BytesIO(jpeg)) as shown:
        assert shown.size == (224, 224)
        difference = np.abs(np.asarray(shown, dtype=int) - np.clip(noisy, 0, 255))
    assert difference.mean() < 12
    assert "spectrum" not in event
    found = replace(job, look=FirstLook(0.01, 0.012, "mug", "cat", False), stage=NEAREST_STAGE)
    event = json.loads(encoder.update(replace(found, preview=bytes(bytearray(png))), True))
    assert base64.b64decode(event["preview"].split(",")[1]) == png
    assert base64.b64decode(event["spectrum"].split(",")[1]) == spectrum(png)
    assert event["headline"] == "Search finished"
    assert event["caption"] == "coming nearer to its seed"


def test_pictures_are_held_back_where_all_their_copies_would_be_too_many_bytes(server, monkeypatch):
    server.engine.set(running(1, preview=picture(64)))
    with stream(server.url(Watched((KEY,)))) as watcher:
        watcher.event()
        monkeypatch.setattr(hub, "PICTURE_BYTES_PER_SECOND", 500)
        with_picture = []
        for step in range(2, 6):
            server.engine.set(running(step, preview=picture(64)))
            with_picture.append("preview" in watcher.event())
        assert not any(with_picture[1:]), "the status is told, the picture waits"
        monkeypatch.setattr(hub, "PICTURE_BYTES_PER_SECOND", 1e9)
        server.engine.set(running(6, preview=picture(64)))
        assert "preview" in watcher.event()


def test_a_held_back_picture_comes_although_nothing_else_changes(server, monkeypatch):
    first, second = picture(64), picture(64)
    monkeypatch.setattr(hub, "PICTURE_BYTES_PER_SECOND", 20_000)
    server.engine.set(running(1, preview=first))
    with stream(server.url(Watched((KEY,)))) as watcher:
        watcher.event()
        server.engine.set(running(2, preview=second))
        events = [watcher.event()]
        if "preview" not in events[-1]:
            events.append(watcher.event())
    assert base64.b64decode(events[-1]["preview"].split(",")[1]) == second


def test_a_nudge_says_that_something_changed_and_not_too_often(server, monkeypatch):
    monkeypatch.setattr(nudging, "LEAST_SECONDS", 0.4)
    other = "2" * 64
    server.engine.set(running())
    server.engine.set(running(key=other))
    watched = Watched((KEY, other), is_nudge=True)
    with stream(server.url(watched)) as watcher:
        assert watcher.event() == {"ended": 0, "finished": False}
        began, count = time.monotonic(), 0
        stopped = threading.Event()

        def go_on() -> None:
            step = 1
            while not stopped.wait(0.02):
                server.engine.set(running(step := step + 1))

        thread = threading.Thread(target=go_on)
        thread.start()
        while time.monotonic() - began < 1.5:
            assert watcher.event() == {"ended": 0, "finished": False}
            count += 1
        stopped.set()
        thread.join()
        assert 2 <= count <= 5
        server.engine.set(Job(KEY, FAILED))
        while (event := watcher.event()) == {"ended": 0, "finished": False}:
            pass
        assert event == {"ended": 1, "finished": False}
        server.engine.set(Job(other, CANCELLED))
        assert watcher.event() == {"ended": 2, "finished": True}
        assert watcher.event() is None
    answer = urllib.request.urlopen(server.url(watched, now=True))
    assert json.load(answer) == {"ended": 2, "finished": True}


def test_what_is_said_of_a_job_before_and_after_its_search():
    waiting = Job(KEY, ahead=3, wait_seconds=41.0)
    assert wording.status(waiting) == "Waiting: 3 jobs ahead, it starts in about 41 s …"
    assert wording.status(Job(KEY, ahead=1)) == "Waiting: 1 job ahead …"
    assert wording.status(Job(KEY, stage="the worker is starting")) == "The worker is starting …"
    assert wording.status(replace(running(9), paused=True)).endswith("others have their turn")
    small = replace(running(9), curve=((9, 0.0004),))
    assert ", relative distance below 0.001" in wording.status(small)
    assert wording.share(running(250)) == 0.5
    found = replace(running(9), look=FirstLook(0.01, 0.012), stage="measuring", step=0)
    assert wording.status(found) == "Verdicts and plots follow. Measuring …"
    assert wording.look(found) == "Relative distance 0.0100 (0.0120 after rounding to 8 bits)."
    assert (wording.share(found), wording.headline(found)) == (None, "Generated")
    assert wording.duration(720) == "12 min"


def test_a_long_curve_is_thinned_and_keeps_its_end():
    points = whole(running(5_000), 0)["points"]
    assert len(points) <= 302
    assert points[0][0] == 0
    assert points[-1][0] == 5_000
