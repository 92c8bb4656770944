"""A sweep in a real browser: a mistake, the plan, progress, the table, downloads, and its link."""

from __future__ import annotations

import csv

import pytest
from playwright.sync_api import expect
from stranger import running_app
from test_browser import PATIENCE_MS, browser, page

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SWEEP = """steps = 4
goal = 0.0
[[sweep]]
model = "embedded:residual-multi-standard"
layer = { from = "stage1", to = "stage2" }
target = ["cat", "coffee"]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("sweep") / "cache") as running:
        yield running


def test_a_sweep_is_planned_run_downloaded_and_shared_by_its_link(page, app, browser, tmp_path):
    page.goto(f"{app.url}/sweep")
    expect(page.get_by_role("button", name="Generate 6")).to_be_visible()
    page.get_by_role("radio", name="TOML").click()
    area = page.get_by_role("textbox", name="Sweep (TOML)")
    area.fill(SWEEP.replace("stage2", "stagge2"))
    area.press("Control+Enter")
    expect(page.get_by_text("Sweep, line 5: layer: 'stagge2' is not a layer")).to_be_visible()
    area.fill(SWEEP)
    area.press("Control+Enter")
    run = page.get_by_role("button", name="Generate 4")
    run.wait_for()
    link = page.url
    run.click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_role("button", name="Table (CSV)").wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Table (CSV)").click()
    caught.value.save_as(tmp_path / "sweep.csv")
    with (tmp_path / "sweep.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["layer"], row["target"]) for row in rows] == [
        *(("stage1", "cat"), ("stage1", "coffee"), ("stage2", "cat"), ("stage2", "coffee")),
    ]
    assert {row["passes"] for row in rows} == {"4"}
    assert not any(row["error"] for row in rows)

    context = browser.new_context(viewport={"width": 390, "height": 844})
    other = context.new_page()
    other.set_default_timeout(PATIENCE_MS)
    other.goto(link)
    other.get_by_role("button", name="Table (CSV)").wait_for()
    expect(other.get_by_role("textbox", name="Sweep (TOML)")).to_have_value(SWEEP)
    assert not other.get_by_role("button", name="Generate").count(), "it is all in the cache"
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
