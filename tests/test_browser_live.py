"""A running job in a real browser, below a base path and behind a proxy that may cut or hold it."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from itertools import pairwise

import pytest
import timm
import torch
from playwright.sync_api import expect
from safetensors.torch import save_file
from stranger import ROOT, running_app, until
from test_browser import (
    DESKTOP,
    browser,  # noqa: F401
    complete,
    new_page,
    press,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BASE = "/demo"
LONG = "?model=own:lab&target=rocket&effort=long&goal=0&optimiser=adam"
STREAM = re.compile(rb"GET \S*/live/[^/ ]+ ")


class Proxy:
    """Passes connections on. What becomes of streams of events: `pass`, `cut`, or `hold` back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.streams = "pass"
        self.opened = 0
        self._of_streams: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, streams: str) -> None:
        """From now on; open streams end."""
        self.streams = streams
        for each in self._of_streams:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._of_streams.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                state = {"hold": False}
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(*pair, state), daemon=True).start()

    def _pump(self, source, target, is_request: bool, state: dict[str, bool]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_request and STREAM.search(data):
                    self.opened += 1
                    self._of_streams += [source, target]
                    if self.streams == "cut":
                        break
                    state["hold"] = self.streams == "hold"
                if is_request or not state["hold"]:
                    target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app, with a network that is slow enough for a job to last as long as its tests."""
    folder = tmp_path_factory.mktemp("live")
    torch.manual_seed(0)
    net = timm.create_model("resnet10t", zero_init_last=False, num_classes=10)
    save_file(net.state_dict(), folder / "lab.safetensors")
    (folder / "models.toml").write_text(
        "[networks.lab]\nfile = 'lab.safetensors'\narchitecture = 'timm:resnet10t'\n"
        "title = 'Laboratory'\ninput_size = 128\n",
    )
    published = {"IRI_MODELS_TOML": str(folder / "models.toml")}
    with running_app(folder / "cache", published, base=BASE) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(app):
    proxy = Proxy(app.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def watched(browser, app, proxy):  # noqa: F811
    """A page that shows a long job, with all that it has sent to the app by its websocket."""
    with new_page(browser, viewport=DESKTOP) as page:
        page.sent = []
        page.on("websocket", lambda ws: ws.on("framesent", lambda frame: page.sent.append(frame)))
        page.goto(f"http://127.0.0.1:{proxy.port}{BASE}/{LONG}")
        page.get_by_text("Not generated yet.").wait_for()
        press(page, "Generate")
        step(page)
        yield page


def step(page) -> int:
    """The step that the page shows, once it shows one."""
    shown = page.get_by_text(re.compile(r"Generating the image: step [\d,]+ of")).first
    shown.wait_for()
    return int(re.search(r"step ([\d,]+)", shown.inner_text())[1].replace(",", ""))


def goes_on(page, seconds=30) -> None:
    before = step(page)
    until(lambda: step(page) > before, seconds)


def test_a_curve_always_has_ticks_to_read_it_by(browser):  # noqa: F811
    source = (ROOT / "explorer/app/components/front/curve.js").read_text()
    draw = """async ([source, curves]) => {
        const code = new Blob([source], {type: "text/javascript"});
        const module = await import(URL.createObjectURL(code));
        return curves.map((points) => {
            document.body.innerHTML = '<div><div class="curve" style="width: 600px"></div></div>';
            const plot = {key: "k", before: [], steps_before: 0, goal: 0, budget: 100, points};
            module.default({data: {json: JSON.stringify(plot)}, parentElement: document.body});
            const ticks = [...document.querySelectorAll("text[text-anchor=end]")];
            return [document.querySelector("svg").getAttribute("aria-label"),
                ticks.map((each) => [Number(each.textContent), Number(each.getAttribute("y"))])];
        });
    }"""
    ranges = [(1, 0.99), (0.31, 0.3), (0.5, 0.01), (4e-4, 3.9e-4), (1e-5, 1e-6), (3, 1e-9)]
    with new_page(browser, viewport=DESKTOP) as page:
        page.goto("about:blank")
        curves = [[[0, most], [9, least]] for most, least in ranges]
        drawn = page.evaluate(draw, [source, curves])
    for (most, least), (label, ticks) in zip(ranges, drawn, strict=True):
        values = [value for value, _ in ticks]
        assert 2 <= len(values) <= 12, (most, least, values)
        assert values == sorted(set(values)), "each label is a value of its own"
        assert least / 1.5 < values[0], (most, least, values)
        assert values[-1] < 1.5 * most
        assert all(f"{value:.0e}"[0] in "12345678" for value in values)
        heights = sorted(height for _, height in ticks)
        assert min(b - a for a, b in pairwise(heights)) >= 12, "none covers another"
        told = "below 0.001" if least < 0.001 else f"{least:.3f}"
        assert label == f"Relative distance so far: {told} at step 9"


def test_the_browser_draws_a_running_job_and_the_page_does_not_run(watched):
    iri = watched.locator("figure[data-role=iri] img")
    iri.wait_for()
    expect(iri).to_have_css("image-rendering", "pixelated")
    expect(watched.get_by_role("img", name="Relative distance so far")).to_be_visible()
    frames = len(watched.sent)
    pictures, curves = set(), set()

    def has_changed() -> bool:
        pictures.add(iri.get_attribute("src"))
        curve = watched.get_by_role("img", name="Relative distance so far")
        curves.add(curve.get_attribute("aria-label"))
        return len(pictures) > 2 and len(curves) > 1

    until(has_changed, 30)
    assert all(each.startswith("data:image/png;base64,") for each in pictures)
    goes_on(watched)
    bar = watched.get_by_role("progressbar", name="How far the search is")
    assert 0 <= int(bar.get_attribute("aria-valuenow")) <= 100
    spoken = watched.locator("[aria-live=polite]").filter(has_text="step")
    expect(spoken).to_contain_text("relative distance")
    assert len(watched.sent) == frames, "no look costs a message to the app"


def test_a_lost_connection_is_said_and_comes_back_by_itself(watched, proxy):
    goes_on(watched)
    watched.route("**/now", lambda route: route.abort())
    proxy.set("cut")
    lost = watched.get_by_text("The connection to the app was lost. Trying again")
    lost.wait_for()
    watched.unroute("**/now")
    proxy.set("pass")
    expect(lost).to_have_count(0)
    opened = proxy.opened
    goes_on(watched)
    until(lambda: proxy.opened >= opened, 30)


def test_behind_a_proxy_that_holds_streams_back_the_page_asks_for_news(watched, proxy):
    asked = []
    watched.on("request", lambda request: asked.append(request.url))
    proxy.set("hold")
    until(lambda: any(url.endswith("/now") for url in asked) or watched.wait_for_timeout(200), 30)
    goes_on(watched)
    assert all(f"{BASE}/live/" in url for url in asked if "/live/" in url)
    proxy.set("pass")


def test_cancel_is_done_at_once_and_the_job_that_follows_ends_with_one_run(watched, proxy):
    press(watched, "Cancel")
    watched.get_by_text("Cancelled.").wait_for()
    watched.goto(f"http://127.0.0.1:{proxy.port}{BASE}/?target=rocket&effort=quick&nearest=no")
    watched.get_by_text("Not generated yet.").wait_for()
    watched.sent.clear()
    press(watched, "Generate")
    complete(watched)
    ends = [frame for frame in watched.sent if b'"ended"' in frame]
    assert len(ends) == 1
    sources = watched.locator(".frame img").evaluate_all("all => all.map(one => one.src)")
    assert all(each.startswith("data:image/png") for each in sources[:3])


def test_a_comparison_fills_in_and_ends_without_a_click(watched, proxy):
    address = "compare?model=embedded:residual-multi-adv2&vary=losses&seed=white&target=rocket"
    some = "values=regularizer-free,freq-tv&effort=quick&nearest=no"
    watched.goto(f"http://127.0.0.1:{proxy.port}{BASE}/{address}&{some}")
    press(watched, "Generate all 2")
    watched.get_by_role("button", name="Cancel").wait_for()
    watched.get_by_role("heading", name="The numbers").wait_for()
    expect(watched.locator("a.tile .badge")).to_have_count(4)


def test_the_app_ends_at_once_although_browsers_watch(watched, app, proxy):
    watched.goto(f"http://127.0.0.1:{proxy.port}{BASE}/{LONG}&rng=7")
    watched.get_by_text("Not generated yet.").wait_for()
    press(watched, "Generate")
    step(watched)
    began = time.monotonic()
    app.process.terminate()
    app.process.wait(30)
    assert time.monotonic() - began < 10
