"""The pictures of the app in README.md, mostly of results that ship with it; needs Chromium.

python -m explorer.research.figures.screenshots
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.research.figures.browser import VERDICT, app, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

EXPLORE, PLOTS, EXAMPLES = "screenshot.png", "screenshot-plots.png", "screenshot-examples.png"
COMPARE = "screenshot-compare.png"
FIRST_PLOT = "How near is near?"
PLOTS_TO_DRAW = 4
SETTLING = 2000  # ms that plots and pictures take to be painted once they are there


def write(documents: Path) -> None:
    """Save a finished result, the plots below its verdicts, the examples and a comparison."""
    with (
        tempfile.TemporaryDirectory() as folder,
        app(Path(folder)) as address,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_text(VERDICT).wait_for()
        page.get_by_role("button", name="Skip", exact=True).click()  # opens the second verdict
        page.locator(".js-plotly-plot").nth(PLOTS_TO_DRAW - 1).wait_for()
        _photograph(page, documents / EXPLORE)
        page.get_by_role("heading", name=FIRST_PLOT).evaluate("node => node.scrollIntoView()")
        _photograph(page, documents / PLOTS)
        page.get_by_role("link", name="Examples").click()
        page.get_by_role("heading", name="Examples").wait_for()
        _photograph(page, documents / EXAMPLES)
        page.get_by_role("link", name="Compare").click()
        page.get_by_role("button", name="Generate the missing").click()
        cancel = page.get_by_role("button", name="Cancel", exact=True)
        cancel.wait_for()
        cancel.wait_for(state="detached")
        page.get_by_role("heading", name="The numbers").wait_for()
        _photograph(page, documents / COMPARE)


def _photograph(page: Page, picture: Path) -> None:
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(SETTLING)
    page.screenshot(path=picture)


if __name__ == "__main__":
    write(Path("docs"))
