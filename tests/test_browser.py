"""The whole way in a real browser: open, generate, watch, judge, cancel, upload, worker lost."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import signal
import time
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from safetensors.torch import save_file
from stranger import running_app, until

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
PATIENCE_MS = 180_000
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
DESKTOP = {"width": 1440, "height": 1000}
expect.set_options(timeout=PATIENCE_MS)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        if os.environ.get("IRI_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium, and IRI_REQUIRE_BROWSER is set")
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app, with a network that its operator publishes."""
    folder = tmp_path_factory.mktemp("browser")
    torch.manual_seed(0)
    net = timm.create_model("resnet10t", zero_init_last=False, num_classes=10)
    save_file(net.state_dict(), folder / "lab.safetensors")
    (folder / "models.toml").write_text(
        "[networks.lab]\nfile = 'lab.safetensors'\narchitecture = 'timm:resnet10t'\n"
        "title = 'Laboratory'\ninput_size = 64\n",
    )
    published = {"IRI_MODELS_TOML": str(folder / "models.toml")}
    with running_app(folder / "cache", published) as running:
        yield running


@contextmanager
def new_page(browser, **options):
    """A page in a context of its own; an error in its scripts fails the test."""
    context = browser.new_context(**options)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    problems, asked = [], []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.asked = asked
    try:
        yield opened
    finally:
        context.close()
    assert not problems


@pytest.fixture
def page(browser):
    with new_page(browser, viewport=DESKTOP) as opened:
        yield opened


@pytest.fixture(scope="module")
def example_page(browser, app):
    with new_page(browser, viewport=DESKTOP) as opened:
        visit(opened, app)
        complete(opened)
        yield opened


@pytest.fixture
def example(example_page):
    """The finished example that a newcomer sees, side by side; the tests here look at one page."""
    example_page.set_viewport_size(DESKTOP)
    example_page.keyboard.press("Escape")
    side_by_side = views(example_page).get_by_role("radio", name="Side by side")
    side_by_side.click()
    expect(side_by_side).to_be_checked()
    return example_page


def visit(page, app, query=""):
    page.goto(f"{app.url}/{query}")
    page.get_by_role("heading", name="Same to the network").wait_for()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).last.click()


def finished(page):
    page.get_by_text("To the network: the same?").wait_for()


def views(page):
    """The page without its sidebar, where a family of losses is called Difference, too."""
    return page.get_by_test_id("stMainBlockContainer")


def complete(page):
    """Finished, and drawn to the end: the plots come last, when the pictures are painted."""
    finished(page)
    page.locator(".js-plotly-plot").nth(2).wait_for()
    page.locator(".st-key-curve .js-plotly-plot").wait_for()


def settled(page, measure):
    """What `measure` finds once that is the same in two animation frames, with all fonts there."""
    page.wait_for_function("document.fonts.status === 'loaded'")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    before, now = None, measure()
    while before is None or now != before:
        assert time.monotonic() < deadline, f"it does not come to rest: {before}, {now}"
        page.evaluate("() => new Promise(requestAnimationFrame)")
        before, now = now, measure()
    return now


def decoded(images, count, rendering="pixelated"):
    """Wait until there are so many pictures (or more), small ones to be painted pixel by pixel."""
    for index in range(count):
        expect(images.nth(index)).to_have_js_property("complete", True)
        expect(images.nth(index)).to_have_css("image-rendering", rendering)


def test_a_newcomer_sees_a_finished_example_in_exact_pixels(example, app):
    images = example.locator(".frame img")
    decoded(images, 3)
    sources = images.evaluate_all("all => all.slice(0, 3).map(one => one.src)")
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    looks = settled(
        example,
        lambda: images.evaluate_all(
            "all => all.slice(0, 3).map("
            "one => [one.naturalWidth, Math.round(one.getBoundingClientRect().width)])"
        ),
    )
    assert looks == [[64, looks[0][1]]] * 3
    expect(example.locator(".frame img[alt='']")).to_have_count(0)
    elsewhere = [url for url in example.asked if not url.startswith((app.url, "data:", "blob:"))]
    assert not elsewhere, "a page must need nothing but its own server"


@pytest.mark.parametrize("picker", ["Network", "Layer"])
def test_no_choice_is_cut_off(example, picker):
    example.get_by_role("combobox", name=picker, exact=True).click()
    options = example.get_by_role("option")
    options.nth(5).wait_for()
    cut = """
      all => all.filter(one => [one, ...one.querySelectorAll("*")].some(
        part => part.scrollWidth > part.clientWidth)).map(one => one.textContent)"""
    assert settled(example, lambda: options.evaluate_all(cut)) == []


def test_generate_is_in_sight_however_long_the_panel(example):
    example.set_viewport_size({"width": 1440, "height": 700})
    panel = example.get_by_test_id("stSidebar")
    more = panel.get_by_test_id("stExpander").filter(has_text="More settings")
    more.get_by_text("More settings").click()
    expect(more.locator("details")).to_have_attribute("open", "")
    expect(more.get_by_text("Input resolution (px)")).to_be_visible()  # the last one in there
    button = panel.get_by_role("button", name="Generate", exact=True)
    _, place = settled(example, lambda: (more.bounding_box(), button.bounding_box()))
    content = panel.get_by_test_id("stSidebarContent")
    assert content.evaluate("one => one.scrollHeight > one.clientHeight"), "it is a long panel"
    assert place["y"] >= 0
    assert place["y"] + place["height"] <= 700


def test_the_difference_shown_is_the_difference_of_the_pixels(example):
    decoded(example.locator(".frame img"), 3)
    sources = example.locator(".frame img").evaluate_all(
        "all => all.slice(1, 3).map(one => one.src.split(',')[1])"
    )
    iri, target = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB"), dtype=int)
        for one in sources
    )
    views(example).get_by_role("radio", name="Difference").click()
    frame = example.locator(".frame.blended")
    decoded(frame.locator("img"), 2)
    frame.evaluate("one => Object.assign(one.style, {width: '640px', height: '640px', border: 0})")
    taken = settled(example, frame.screenshot)
    shown = np.asarray(Image.open(io.BytesIO(taken)).convert("RGB"), dtype=int)
    middles = slice(5, 640, 10)  # of the 64 pixels a side, each drawn 10 wide
    assert np.abs(shown[middles, middles] - np.abs(iri - target)).max() <= 1


def test_views_are_reached_by_keyboard(example):
    example.get_by_role("radio", name="Side by side").press("ArrowRight")
    expect(example.get_by_role("radio", name="Slider")).to_be_checked()
    expect(example.get_by_role("slider", name="How much of the target")).to_be_visible()
    for view, seen in (("Blink", ".frame"), ("Difference", "img"), ("Spectrum", "img")):
        views(example).get_by_role("radio", name=view).click()
        expect(views(example).get_by_role("radio", name=view)).to_be_checked()
        expect(example.locator(f".stage {seen}").first).to_be_visible()


def test_a_published_network_looks_at_the_images_of_others(example):
    example.get_by_role("combobox", name="Ask another network").click()
    example.keyboard.type("Labor")
    example.get_by_role("option", name="Laboratory", exact=True).click()
    example.get_by_text("To Laboratory, at penultimate, the same?").wait_for()


def test_generate_watch_judge_download_and_come_back_by_link_and_no_picture_moves(
    page, app, tmp_path
):
    def place():
        page.locator("figure[data-role=target] img").first.wait_for()
        frame = page.locator("figure[data-role=target] .frame").first
        box = settled(page, frame.bounding_box)
        return [round(box[side]) for side in ("x", "y", "width", "height")]

    # All of the steps, however near it comes, so that it is seen under way.
    visit(page, app, "?target=cat&seed=uniform&goal=0&optimiser=adam")
    page.get_by_text("Not generated yet.").wait_for()
    before = place()
    press(page, "Generate")
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text("step ").first.wait_for()
    assert place() == before
    page.locator("figure[data-role=iri] img").wait_for()
    complete(page)
    assert place() == before
    with page.expect_download() as caught:
        press(page, "Everything (zip)")
    saved = tmp_path / "result.zip"
    caught.value.save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        iri = np.load(io.BytesIO(archive.read("iri.npy")), allow_pickle=False)
        png = base64.b64encode(archive.read("iri.png")).decode()
    shown = page.locator("figure[data-role=iri] img").first
    expect(shown).to_have_attribute("src", f"data:image/png;base64,{png}")
    assert iri.shape == (3, 64, 64)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    finished(page)
    assert "target=cat" in link


def test_cancel_frees_the_worker_and_a_killed_one_is_said_and_replaced(page, app):
    long = "effort=long&goal=0&optimiser=adam"
    visit(page, app, f"?target=rocket&{long}")
    press(page, "Generate")
    page.get_by_text("Generating the image: step").first.wait_for()
    press(page, "Cancel")
    page.get_by_text("Cancelled.").wait_for()  # how soon is test_jobs' business
    visit(page, app, f"?target=raccoon&{long}")
    press(page, "Generate")
    page.get_by_text("Generating the image: step").first.wait_for()
    os.kill(until(app.workers)[0].pid, signal.SIGKILL)
    page.get_by_text("The worker stopped while it made this").wait_for()
    visit(page, app, "?target=raccoon&effort=quick&nearest=no")
    press(page, "Generate")
    finished(page)


def test_a_published_network_goes_from_its_file_to_a_finished_page(page, app):
    visit(page, app, "?model=own:lab&target=coffee&seed=white&effort=quick&nearest=no")
    page.get_by_text("Not generated yet.").wait_for()
    press(page, "Generate")
    complete(page)
    with page.expect_download() as caught:
        press(page, "Everything (zip)")
    with zipfile.ZipFile(caught.value.path()) as archive:
        made = json.loads(archive.read("result.json"))
    assert made["request"]["model"] == "own:lab"
    expect(page.get_by_test_id("stCode")).to_contain_text("--model own:lab --layer penultimate")
    page.get_by_text("How it was made").click()
    expect(page.get_by_text("Versions: torch")).to_be_visible()
    expect(page.get_by_test_id("stJson")).to_be_visible()


def test_an_upload_becomes_the_target_and_a_bad_one_is_refused(page, app, tmp_path):
    good, bad = tmp_path / "mine.png", tmp_path / "broken.png"
    ramp = np.linspace(0, 255, 96 * 80, dtype=np.uint8).reshape(80, 96)
    Image.fromarray(ramp).save(good)
    bad.write_bytes(good.read_bytes()[:60])
    visit(page, app, "?effort=quick&nearest=no")
    page.get_by_text("Upload a picture").click()
    page.locator("input[type=file]").set_input_files(bad)
    page.get_by_text("broken.png:").wait_for()
    page.locator("input[type=file]").set_input_files(good)
    page.get_by_text("to uploaded picture").wait_for()
    press(page, "Generate")
    finished(page)


def test_a_phone_shows_all_without_scrolling_sideways_and_opens_the_panel_by_a_button(browser, app):
    with new_page(browser, **PHONE, color_scheme="light") as page:
        visit(page, app)
        complete(page)
        page.locator(".frame img").first.wait_for()
        wide = "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
        colours = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            drawn = page.get_by_test_id("stApp")
            expect(drawn).to_have_css("color-scheme", scheme)
            colours.add(drawn.evaluate("one => getComputedStyle(one).backgroundColor"))
            width = settled(page, lambda: page.evaluate("document.documentElement.scrollWidth"))
            assert width <= 390
            assert settled(page, lambda: page.locator(".frame").evaluate_all(wide)) == 0
        assert len(colours) == 2

        visit(page, app, "?target=galaxies&effort=quick&nearest=no")
        page.get_by_test_id("stExpandSidebarButton").wait_for()  # what the next one presses
        page.get_by_role("button", name="Open settings").click()
        panel = page.get_by_test_id("stSidebar")
        panel.get_by_role("combobox", name="Seed").wait_for()
        panel.get_by_role("button", name="Generate", exact=True).click()
        finished(page)
        page.wait_for_function(
            "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().right <= 0"
        )


def test_a_search_that_ended_by_its_budget_is_continued(page, app):
    visit(
        page,
        app,
        "?model=embedded:residual-multi-adv2&target=coffee&seed=white&rng=5&effort=quick&optimiser=paper&goal=0",
    )
    press(page, "Generate")
    page.get_by_text("It used all its steps.").first.wait_for()
    press(page, "Continue")
    page.get_by_text("an earlier search had come to in 100 steps").wait_for()
    assert "continues=" in page.url
    complete(page)
    expect(page.get_by_text("100 steps in")).to_contain_text("after 100 before")
    press(page, "Earlier result")
    page.wait_for_function("!location.href.includes('continues=')")
    expect(page.get_by_text("an earlier search had come to")).to_have_count(0)
    finished(page)
    assert "target=coffee" in page.url
