"""The whole way in a real browser: open, generate, watch, judge, cancel, upload, worker lost."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 90_000

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        if os.environ.get("IRI_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium, and IRI_REQUIRE_BROWSER is set")
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cache = tmp_path_factory.mktemp("browser") / "cache"
    app = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
        cwd=ROOT,
        env=os.environ | {"IRI_CACHE_DIR": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).read() == b"ok":
                break
        except OSError:
            time.sleep(0.2)
    yield url, app.pid
    app.terminate()
    app.wait(timeout=20)


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    yield opened
    assert not opened.problems
    context.close()


def visit(page, address, query=""):
    page.goto(f"{address[0]}/{query}")
    page.get_by_role("heading", name="Same to the network").wait_for()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).last.click()


def finished(page):
    page.get_by_text("To the network: the same?").wait_for()


def workers(app_pid: int) -> list[int]:
    """Children of the app that are `explorer worker`."""
    import psutil

    children = psutil.Process(app_pid).children(recursive=True)
    return [child.pid for child in children if "worker" in child.cmdline()]


def test_a_newcomer_sees_a_finished_example_in_exact_pixels(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit(page, address)
    finished(page)
    images = page.locator(".frame img")
    images.first.wait_for()
    sources = images.evaluate_all("all => all.slice(0, 3).map(one => one.src)")
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    looks = images.evaluate_all(
        "all => all.slice(0, 3).map(one => [one.naturalWidth, "
        "getComputedStyle(one).imageRendering, one.getBoundingClientRect().width])"
    )
    assert [look[:2] for look in looks] == [[64, "pixelated"]] * 3
    assert len({round(look[2]) for look in looks}) == 1
    assert page.locator(".frame img[alt='']").count() == 0
    page.locator(".js-plotly-plot").nth(3).wait_for()
    elsewhere = [url for url in asked if not url.startswith((address[0], "data:", "blob:"))]
    assert not elsewhere, "a page must need nothing but its own server"


def test_generate_watch_judge_download_and_come_back_by_link(page, address, tmp_path):
    visit(page, address, "?target=cat&seed=uniform&effort=thorough&goal=0&optimiser=adam")
    page.get_by_text("Not made yet.").wait_for()
    press(page, "Generate")
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text("step ").first.wait_for()
    page.locator("figure[data-role=iri] img").wait_for()
    finished(page)
    with page.expect_download() as caught:
        press(page, "Everything (zip)")
    saved = tmp_path / "result.zip"
    caught.value.save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        iri = np.load(io.BytesIO(archive.read("iri.npy")), allow_pickle=False)
        shown = page.locator("figure[data-role=iri] img").first.get_attribute("src")
        assert base64.b64decode(shown.split(",")[1]) == archive.read("iri.png")
    assert iri.shape == (3, 64, 64)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    finished(page)
    assert "target=cat" in link


def test_views_are_reached_by_keyboard(page, address):
    visit(page, address)
    finished(page)
    page.get_by_role("radio", name="Side by side").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="Slider").get_attribute("aria-checked") == "true"
    assert page.get_by_role("slider", name="How much of the target").is_visible()
    for view, seen in (("Blink", ".frame"), ("Difference", "img"), ("Spectrum", "img")):
        page.get_by_role("radio", name=view).click()
        assert page.locator(f".stage {seen}").first.is_visible()


def test_the_difference_shown_is_the_difference_of_the_pixels(page, address):
    visit(page, address)
    finished(page)
    page.locator(".frame img").nth(2).wait_for()
    sources = page.locator(".frame img").evaluate_all(
        "all => all.slice(1, 3).map(one => one.src.split(',')[1])"
    )
    iri, target = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB"), dtype=int)
        for one in sources
    )
    page.get_by_role("radio", name="Difference").click()
    frame = page.locator(".frame.blended")
    page.wait_for_function("[...document.images].every(one => one.complete)")
    frame.evaluate("one => Object.assign(one.style, {width: '640px', height: '640px', border: 0})")
    shown = np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("RGB"), dtype=int)
    middles = slice(5, 640, 10)  # of the 64 pixels a side, each drawn 10 wide
    assert np.abs(shown[middles, middles] - np.abs(iri - target)).max() <= 1


def test_no_picture_moves_when_the_image_is_there(page, address):
    def place():
        page.locator("figure[data-role=target] img").wait_for()
        box = page.locator("figure[data-role=target] .frame").first.bounding_box()
        return [round(box[side]) for side in ("x", "y", "width", "height")]

    visit(page, address, "?target=retina&effort=quick")
    page.get_by_text("Not made yet.").wait_for()
    before = place()
    press(page, "Generate")
    page.get_by_role("button", name="Cancel").wait_for()
    assert place() == before
    finished(page)
    assert place() == before


def test_cancel_is_answered_and_frees_the_worker(page, address):
    visit(page, address, "?target=rocket&effort=long&goal=0&optimiser=adam")
    press(page, "Generate")
    page.get_by_text("Making the image: step").first.wait_for()
    press(page, "Cancel")
    page.get_by_text("Cancelled.").wait_for(timeout=10_000)  # test_jobs holds it to a second
    visit(page, address, "?target=rocket&effort=quick")
    press(page, "Generate")
    finished(page)


def test_a_killed_worker_is_said_and_replaced(page, address):
    visit(page, address, "?target=raccoon&effort=long&goal=0&optimiser=adam")
    press(page, "Generate")
    page.get_by_text("Making the image: step").first.wait_for()
    (worker,) = workers(address[1])
    os.kill(worker, signal.SIGKILL)
    page.get_by_text("The worker stopped while it made this").wait_for()
    visit(page, address, "?target=raccoon&effort=quick")
    press(page, "Generate")
    finished(page)


def test_an_upload_becomes_the_target_and_a_bad_one_is_refused(page, address, tmp_path):
    good, bad = tmp_path / "mine.png", tmp_path / "broken.png"
    ramp = np.linspace(0, 255, 96 * 80, dtype=np.uint8).reshape(80, 96)
    Image.fromarray(ramp).save(good)
    bad.write_bytes(good.read_bytes()[:60])
    visit(page, address, "?effort=quick")
    page.get_by_text("Use a picture of your own").click()
    page.locator("input[type=file]").set_input_files(bad)
    page.get_by_text("broken.png:").wait_for()
    page.locator("input[type=file]").set_input_files(good)
    page.get_by_text("to your picture").wait_for()
    press(page, "Generate")
    finished(page)


def test_generate_is_in_sight_however_long_the_panel(page, address):
    page.set_viewport_size({"width": 1440, "height": 700})
    visit(page, address)
    page.get_by_text("More settings").click()
    page.get_by_text("Random number").wait_for()
    button = page.get_by_role("button", name="Generate", exact=True).bounding_box()
    assert button["y"] + button["height"] <= 700


def test_on_a_phone_the_panel_opens_by_a_button_and_makes_way_for_the_image(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit(page, address, "?target=galaxies&effort=quick")
    page.get_by_role("button", name="Choose what to make").click()
    panel = page.get_by_test_id("stSidebar")
    panel.get_by_role("combobox", name="Seed").wait_for()
    panel.get_by_role("button", name="Generate", exact=True).click()
    finished(page)
    page.wait_for_function(
        "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 0"
    )
    context.close()


@pytest.mark.parametrize("picker", ["Network", "Layer"])
def test_no_choice_is_cut_off(page, address, picker):
    visit(page, address)
    page.get_by_role("combobox", name=picker, exact=True).click()
    options = page.get_by_role("option")
    options.first.wait_for()
    assert options.count() > 5
    cut = """
      all => all.filter(one => [one, ...one.querySelectorAll("*")].some(
        part => part.scrollWidth > part.clientWidth)).map(one => one.textContent)"""
    assert options.evaluate_all(cut) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(browser, address, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit(page, address)
    finished(page)
    page.locator(".frame img").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.locator(".frame").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0
    context.close()
