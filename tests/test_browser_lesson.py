"""The lesson in a real browser: from first to last step, in a slide, on a phone, printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from stranger import running_app
from test_browser import browser, new_page, page, press

from explorer.app.lesson.results import results_of
from explorer.app.lesson.steps import STEPS

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def app(browser, tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("lesson") / "cache") as running:
        with new_page(browser) as first:  # the server's first visitor, at its first page
            first.goto(running.url)
            first.get_by_role("link", name="Lesson").wait_for()
        yield running


@pytest.fixture
def slides(tmp_path) -> Iterator[tuple[str, Path]]:
    """A web server of somebody's slides: its address and its folder."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    )
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    server.server_close()


def at_step(page, number):
    step = STEPS[number - 1]
    expect(page.get_by_role("heading", name=f"{number}. {step.title}")).to_be_visible()
    expect(page.locator("figure img, .tile img").first).to_be_visible()


def test_from_the_first_step_to_the_last_each_question_can_be_checked(page, app):
    page.goto(f"{app.url}/lesson")
    for step in STEPS:
        at_step(page, step.number)
        page.wait_for_url(f"**step={step.number}*")  # all of it is drawn
        question = step.question
        right = question.right(results_of(question.about))
        page.get_by_role("radio", name=question.options[right], exact=True).last.press("Space")
        press(page, "Check")
        expect(page.get_by_test_id("stAlert").filter(has_text="Right.")).to_be_visible()
        if step is not STEPS[-1]:
            press(page, "Next")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    page.go_back()
    at_step(page, len(STEPS) - 1)


def test_a_control_changes_the_comparison_and_the_address(page, app):
    page.goto(f"{app.url}/lesson?step=2")
    at_step(page, 2)
    image = page.locator("figure[data-role=iri] img").first
    before = image.get_attribute("src")
    page.get_by_role("radio", name="A photograph of a cat").click()
    page.wait_for_url("**start=cat*")
    expect(image).not_to_have_attribute("src", before)
    page.get_by_role("radio", name="CIFAR-10").click()
    page.wait_for_url("**data=cifar10*")
    expect(page.get_by_text("Seed: Faint noise")).to_be_visible()
    page.get_by_role("link", name="Open in Explore").click()
    page.get_by_text("To the network: the same?").wait_for()
    assert parse_qs(urlsplit(page.url).query)["model"] == ["embedded:cifar10-resnet-standard"]


def test_a_comparison_stands_in_a_slide_with_one_control_left(page, app, slides):
    page.goto(f"{app.url}/lesson?step=3&data=photographs&start=cat")
    at_step(page, 3)
    press(page, "Link and slides")
    code = page.get_by_test_id("stCode").filter(has_text="<iframe").inner_text().strip()
    assert "fixed=data&amp;embed=true" in code
    assert escape(STEPS[2].claim, quote=True) in code
    address, folder = slides
    (folder / "slide.html").write_text(f"<!doctype html><h1>My slide</h1>{code}")
    page.goto(f"{address}/slide.html")
    slide = page.frame_locator("iframe")
    expect(slide.get_by_text(STEPS[2].claim)).to_be_visible()
    image = slide.locator("figure img").nth(1)
    expect(image).to_be_visible()
    expect(slide.get_by_text("The networks learned from: Photographs")).to_be_visible()
    expect(slide.get_by_role("radio")).to_have_count(2)  # of the seed, the control that is left
    for absent in ("Next", "Check", "Link and slides"):
        expect(slide.get_by_role("button", name=absent)).to_have_count(0)
    expect(slide.get_by_role("link", name="Gallery")).to_have_count(0)
    before = image.get_attribute("src")
    slide.get_by_role("radio", name="Faint noise").click()
    expect(image).not_to_have_attribute("src", before)


def test_the_lesson_fits_a_phone(browser, app):
    with new_page(browser, viewport=PHONE) as phone:
        for number in (1, 7):
            phone.goto(f"{app.url}/lesson?step={number}")
            at_step(phone, number)
            assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("button", ["Hand-out", "Speaker's notes"])
def test_what_is_printed_fits_two_pages(page, app, tmp_path, button):
    page.goto(f"{app.url}/lesson?step=7")
    at_step(page, 7)
    with page.expect_download() as caught:
        press(page, button)
    saved = tmp_path / "printed.html"
    caught.value.save_as(saved)
    page.goto(saved.as_uri())
    page.wait_for_function("[...document.images].every(image => image.naturalWidth > 0)")
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
