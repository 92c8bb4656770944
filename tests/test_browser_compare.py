"""A comparison in a real browser: made in one go, sorted, linked, and opened in Explore."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from stranger import running_app
from test_browser import browser, finished, page, press

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESS = (
    "compare?model=embedded:residual-multi-adv2&vary=losses&values=regularizer-free,freq-tv"
    "&seed=white&effort=quick&nearest=no"
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("compare") / "cache") as running:
        yield running


def shown(page):
    """The sources of the images that are compared, once they have their verdicts."""
    tiles = page.locator("a.tile")
    expect(tiles.locator(".badge")).to_have_count(4)
    return tiles.locator(".frame img").evaluate_all("all => all.map(one => one.src)")


def settings(page):
    """The settings that the page's address names, without what varies and its values."""
    named = parse_qs(urlsplit(page.url).query)
    return {name: value for name, value in named.items() if name not in ("vary", "values")}


def test_compare_generate_sort_link_and_open_in_explore(page, app, browser):
    page.goto(f"{app.url}/{ADDRESS}")
    expect(page.locator("a.tile")).to_have_count(2)
    press(page, "Generate all 2")
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_role("heading", name="The numbers").wait_for()
    images = shown(page)

    table = page.get_by_role("region", name="The numbers of every image")
    head = table.get_by_role("button", name="Relative distance")
    order = table.locator("tbody tr td:first-child")
    head.press("Enter")
    first = order.first.inner_text()
    head.press("Enter")
    expect(order.last).to_have_text(first)
    with page.expect_download() as caught:
        press(page, "Table as CSV")
    rows = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert [row["loss"] for row in rows] == ["regularizer-free", "freq-tv"]

    page.get_by_role("radio", name="Python").click()
    expect(page.get_by_test_id("stCode")).to_contain_text("generate(Request(**shared, **fields))")
    page.get_by_role("radio", name="Link").click()
    expect(page.get_by_test_id("stCode")).to_contain_text(app.url.split("//")[1])
    link = page.get_by_test_id("stCode").inner_text().strip()
    elsewhere = browser.new_context(viewport={"width": 390, "height": 844})
    other = elsewhere.new_page()
    other.goto(link)
    assert shown(other) == images
    expect(other.get_by_role("button", name="Generate")).to_have_count(0)
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    elsewhere.close()

    page.locator("a.tile").nth(1).press("Enter")
    finished(page)
    assert "loss=freq-tv" in page.url
    assert "vary" not in page.url
    iri = page.locator("figure[data-role=iri] img").first
    expect(iri).to_have_attribute("src", images[1])
    page.get_by_role("link", name="Compare").click()
    assert shown(page) == images
    assert "values=" in page.url
    before = settings(page)
    assert {"seed": ["white"], "effort": ["quick"]}.items() <= before.items()
    for question in ("Seeds", "Targets", "Losses"):
        page.get_by_role("radio", name=question, exact=True).click()
        page.wait_for_url(f"**vary={question.lower()}*")
        expect(page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        assert settings(page) == before, "what does not vary stays from question to question"
    assert shown(page) == images
    assert settings(page) == before


def test_networks_are_asked_what_they_make_of_each_others_images(page, app):
    values = "embedded:imagenette-residual-adv1,embedded:imagenette-residual-standard"
    page.goto(
        f"{app.url}/compare?model={values.split(',')[0]}&target=sunflower&seed=light-noise"
        f"&vary=networks&values={values}"
    )
    press(page, "Ask each network")
    page.get_by_text("by its own null").wait_for()
    cells = page.locator(".js-plotly-plot").last.locator("text")
    expect(cells.filter(has_text="1/1").first).to_be_visible()
    expect(page.get_by_text("STIR needs 3 targets or more")).to_be_visible()
    expect(page.get_by_role("button", name="Ask each network")).to_have_count(0)
