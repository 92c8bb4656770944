"""docs/reproduction from what `iri reproduce` wrote, and its chart as a picture; needs Chromium.

python -m explorer.research.figures.reproduction_chart [FOLDER]

FOLDER is the one that was given as --out (default: reproduction), or docs/reproduction to draw its
tables again. Its contact sheet stays where it is: it may show photographs that must not be passed
on.
"""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from explorer.plots.alignment import alignment
from explorer.research.reproduction.tables import alignment_points, deciding_rows, panels

TABLE, PICTURE = "reproduction/alignment.csv", "reproduction/figure.png"
NUMBERS = ("aligned %", "low", "high", "wrong target %", "matched", "of")
WIDTH = 1000


def write(documents: Path, out: Path = Path("reproduction")) -> None:
    """Copy report and tables from `out`; draw alignment per network and loss family.

    Drawn again from the tables that are there where `out` is their folder.
    """
    for name in ("report.md", "alignment.csv", "factors.csv"):
        if out.resolve() != (documents / "reproduction").resolve():
            shutil.copy(out / name, documents / "reproduction" / name)
    rows = read(documents / TABLE)
    chart = alignment(alignment_points(rows), panels(rows))
    chart.update_layout(width=WIDTH)
    photograph(chart.to_html(include_plotlyjs=True), documents / PICTURE)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that decide."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows: list[dict[str, Any]] = [dict(row) for row in deciding_rows(csv.DictReader(lines))]
    for row in rows:
        row.update({name: float(row[name]) if row[name] else None for name in NUMBERS})
    return rows


def photograph(page_source: str, picture: Path) -> None:
    """Save what Chromium paints of the first plotly chart of a page."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        source = Path(folder, "chart.html")
        source.write_text(page_source, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH + 40, "height": 1400})
        page.goto(source.as_uri())
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        page.locator(".js-plotly-plot").screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    write(Path("docs"), *map(Path, sys.argv[1:2]))
