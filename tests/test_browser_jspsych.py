"""An exported experiment in a real browser, from a plain web server and as on JATOS."""

from __future__ import annotations

import functools
import json
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby

import pytest
from playwright.sync_api import expect
from test_browser import PHONE, browser

from explorer.study.jspsych import write_experiment
from explorer.study.jspsych_answers import read_answers
from explorer.study.records import Design, Kind, Timing
from explorer.study.stimulus_set import default_set
from explorer.study.summary import summarize

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESIGN = Design(main=3, practice=1, catch=1)
TRIALS = 5
JATOS = """
window.jatos = {
  urlQueryParameters: Object.fromEntries(new URLSearchParams(location.search)),
  studyResultId: new URLSearchParams(location.search).get("run"),
  send: async (where, data) => {
    const response = await fetch(where, { method: "POST", body: data });
    if (!response.ok) throw new Error(response.status);
  },
  onLoad: (start) => setTimeout(start, 50),
  appendResultData: (data) => jatos.send("append", data),
  submitResultData: (data) => jatos.send("submit", data),
  endStudy: (successful) => jatos.send("end", String(successful)),
};
"""
"""What a page sees of JATOS (https://www.jatos.org/jatos.js-Reference.html), by this server."""


class Server(ThreadingHTTPServer):
    """Files, jatos.js, and what was sent: (path, text). failing: so many are refused first."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.received = []
        self.failing = 0


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.partition("?")[0] != "/jatos.js":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.end_headers()
        self.wfile.write(JATOS.encode())

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if refused := self.server.failing > 0:
            self.server.failing -= 1
        else:
            self.server.received.append((self.path, text))
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def serve():
    running = []

    def start(folder):
        server = Server(folder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(browser):
    context = browser.new_context(**PHONE, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    problems = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console", lambda message: problems.append(message.text) if message.type == "error" else 0
    )
    requested = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.problems, opened.requested = problems, requested
    yield opened
    context.close()


def shown_pictures(page) -> tuple[str, list[str]]:
    """SHA-256 of the image and of the options, as they are on the page."""
    image = page.locator(".iri-place img").get_attribute("src")
    options = [each.get_attribute("src") for each in page.locator(".iri-option img").all()]
    return tuple(
        [address.removeprefix("pictures/").removesuffix(".png") for address in each]
        for each in ([image], options)
    )


def answer(page, choose, by_key: bool) -> bool:
    """Answer one trial or pass one screen; False at the end."""
    ready = page.locator(".iri-option:enabled, .jspsych-btn:enabled, h1:text('Thank you')").first
    ready.wait_for()
    if page.get_by_role("button", name="Go on").count():
        page.get_by_role("button", name="Go on").click()
        return True
    if not page.locator(".iri-option:enabled").count():
        return False
    progress = page.locator(".iri-progress").text_content()
    position = choose(page)
    if by_key:
        page.keyboard.press(str(position + 1))
    else:
        page.locator(".iri-option").nth(position).tap()
    if page.get_by_role("button", name="Continue").count():
        page.keyboard.press("Enter")
    page.wait_for_function(
        "before => document.querySelector('.iri-progress')?.textContent !== before", arg=progress
    )
    return True


def by_catch_picture(value: str):
    """A person who looks: what is one of the options itself is that option; an IRI is `value`."""
    stimuli = {each.iri: each for each in default_set().stimuli}

    def choose(page):
        (image,), options = shown_pictures(page)
        shown = image if image in options else getattr(stimuli[image], value)
        return options.index(shown)

    return choose


def take_part(page, choose, by_key=False):
    page.get_by_role("button", name="I agree, begin").click()
    while answer(page, choose, by_key):
        pass


def test_two_people_take_part_from_a_web_server_and_their_answers_come_back(
    browser, page, serve, tmp_path
):
    written = write_experiment(tmp_path / "e", default_set(), DESIGN, title="Which?", lists=20)
    server = serve(tmp_path / "e" / "web")
    files = []
    for value in ("target", "seed"):
        page.goto(f"{server.url}/index.html")
        take_part(page, by_catch_picture(value), by_key=value == "seed")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        with page.expect_download() as caught:
            page.get_by_role("button", name="Download my answers").click()
        files.append(tmp_path / caught.value.suggested_filename)
        caught.value.save_as(files[-1])
        page.get_by_role("button", name="Next participant").click()
        expect(page.get_by_role("button", name="I agree, begin")).to_be_visible()
    assert page.problems == []
    own = (server.url, "data:", "blob:")
    elsewhere = [url for url in page.requested if not url.startswith(own)]
    assert elsewhere == []

    read = read_answers(tmp_path / "e", files)
    assert read.refused == ()
    assert len(read.rng_seeds) == 2
    assert len(read.answers) == 2 * len(written.list_of(0))
    assert all(each.correct for each in read.answers if each.kind is not Kind.MAIN)
    summary = summarize(default_set(), read.answers)
    assert summary.excluded == frozenset()
    assert (summary.people.k, summary.people.n) == (DESIGN.main, 2 * DESIGN.main)
    assert all(0 < each.response_ms < 20_000 for each in read.answers)


def test_a_reload_goes_on_where_the_participant_was(page, serve, tmp_path):
    write_experiment(tmp_path / "e", default_set(), DESIGN, title="Which?", lists=20)
    server = serve(tmp_path / "e" / "web")
    page.goto(f"{server.url}/index.html?participant=P7")
    page.get_by_role("button", name="I agree, begin").click()
    choose = by_catch_picture("target")
    for _ in range(3):
        answer(page, choose, by_key=False)
    page.get_by_text(f"3 of {TRIALS}").wait_for()
    page.locator(".iri-option:enabled").first.wait_for()
    page.wait_for_timeout(1000)
    page.reload()
    page.get_by_text(f"3 of {TRIALS}").wait_for()
    while answer(page, choose, by_key=False):
        pass
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download my answers").click()
    caught.value.save_as(tmp_path / "answers.jsonl")
    read = read_answers(tmp_path / "e", [tmp_path / "answers.jsonl"])
    assert (len(read.answers), read.duplicates) == (TRIALS, 0)
    assert {each.participant for each in read.answers} == {"P7"}
    again = read.answers[2].shown_ms - read.answers[2].response_ms
    assert 1000 <= again < 20_000, "how long the image was seen before the reload"
    assert read.answers[3].shown_ms == read.answers[3].response_ms


def test_answers_are_sent_again_until_the_server_takes_them(page, serve, tmp_path):
    server = serve(tmp_path / "e" / "web")
    server.failing = 2
    write_experiment(
        tmp_path / "e",
        default_set(),
        DESIGN,
        title="Which?",
        lists=2,
        send_to=f"{server.url}/answers",
    )
    page.goto(f"{server.url}/index.html?list=1")
    take_part(page, by_catch_picture("target"))
    expect(page.get_by_text("Your answers have been sent")).to_be_visible()
    ((path, text),) = server.received
    assert path == "/answers"
    (tmp_path / "answers.txt").write_text(text)
    read = read_answers(tmp_path / "e", [tmp_path / "answers.txt"])
    assert len(read.answers) == TRIALS
    assert set(read.rng_seeds.values()) == {1}
    page.reload()
    expect(page.get_by_text("Your answers have been sent")).to_be_visible()
    assert len(server.received) == 1


def test_jatos_is_given_every_answer_at_once_and_the_study_ends(page, serve, tmp_path):
    write_experiment(tmp_path / "e", default_set(), DESIGN, title="Which?", lists=2)
    server = serve(tmp_path / "e" / "web")
    page.goto(f"{server.url}/jatos.html?run=1&participant=W42")
    page.get_by_role("button", name="I agree, begin").click()
    choose = by_catch_picture("target")
    answer(page, choose, by_key=False)
    deadline = time.monotonic() + 10
    while not server.received and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [path for path, _ in server.received] == ["/append"]
    with page.expect_request("**/end"):
        while answer_if_there(page, choose):
            pass
    appended = "".join(text for path, text in server.received if path == "/append")
    (submitted,) = (text for path, text in server.received if path == "/submit")
    assert appended == submitted
    (tmp_path / "results.txt").write_text(submitted)
    read = read_answers(tmp_path / "e", [tmp_path / "results.txt"])
    assert len(read.answers) == TRIALS
    assert {each.participant for each in read.answers} == {"W42"}

    page.goto(f"{server.url}/jatos.html?run=2")
    expect(page.get_by_role("button", name="I agree, begin")).to_be_visible()


def answer_if_there(page, choose) -> bool:
    """As `answer`; False where the last trial was answered, after which JATOS takes over."""
    last = page.get_by_text(f"{TRIALS} of {TRIALS}").count()
    return answer(page, choose, by_key=False) and not last


def test_a_timed_image_is_on_screen_as_long_as_it_should(page, serve, tmp_path):
    timing = Timing(fixation_ms=50, image_ms=200, mask_ms=50)
    design = Design(main=3, practice=0, catch=1, timing=timing)
    write_experiment(tmp_path / "e", default_set(), design, title="Which?", lists=2)
    server = serve(tmp_path / "e" / "web")
    page.goto(f"{server.url}/index.html")
    page.evaluate(
        """() => { window.frames_seen = [];
        const look = (now) => {
          const image = document.querySelector(".iri-place img");
          window.frames_seen.push([now, image && image.src]);
          requestAnimationFrame(look);
        };
        requestAnimationFrame(look); }"""
    )
    take_part(page, lambda page: 0)
    frames = with_neighbours(page.evaluate("window.frames_seen"))
    seen = [
        on_screen(list(of_image))
        for address, of_image in groupby(frames, key=lambda frame: frame[0])
        if address
    ]
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download my answers").click()
    caught.value.save_as(tmp_path / "answers.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == len(seen) == 4
    for row, (watched_first, watched_last) in zip(rows, seen, strict=True):
        assert row["shown_ms"] >= 200 - 8
        # Within a frame, the browser may call this test's watcher before or after the experiment.
        assert min(abs(row["shown_ms"] - each) for each in (watched_first, watched_last)) < 1
        assert row["rt"] >= row["shown_ms"] + 50 - 8


def with_neighbours(frames):
    """Per frame: which image is there, and the times of the frames before, at and after it."""
    times = [now for now, _ in frames]
    return [
        (frames[place][1], times[place - 1], times[place], times[place + 1])
        for place in range(1, len(frames) - 1)
    ]


def on_screen(frames) -> tuple[float, float]:
    """How long an image was on screen, if the watcher ran first in a frame, and if it ran last."""
    return frames[-1][2] - frames[0][1], frames[-1][3] - frames[0][2]
