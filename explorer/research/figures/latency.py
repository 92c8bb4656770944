"""How long a person waits: the first tables of docs/benchmarks.md.

    python -m explorer.research.figures.latency [pages] [button] [worker]

All three where none is named. The pages and the button need Chromium.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.research.figures.browser import ROOT, VERDICT, app, chromium
from explorer.research.markdown import table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from explorer.jobs.engine import Engine

RUNS = 5
NEW_RNG_SEED = 100  # no example is made from this random seed or the next ones
CHANGED = ("embedded:imagenette-residual-standard", "embedded:imagenette-residual-adv1")
"""Two networks whose results with the other settings as they are ship with the app."""

# In the browser: the time of the first frame that shows the text, and as many pictures.
_WATCH = """
const shown = (text, pictures) => {
  const hosts = [...document.querySelectorAll("[data-testid^=stBidi]")];
  const all = (selector) => [document, ...hosts.map((host) => host.shadowRoot).filter(Boolean)]
    .flatMap((root) => [...root.querySelectorAll(selector)]);
  return all("p, figcaption").some((node) => node.textContent.includes(text))
    && all("img").filter((node) => node.complete && node.naturalWidth).length >= pictures;
};
const watch = (text, pictures) => {
  if (!shown(text, pictures)) return requestAnimationFrame(() => watch(text, pictures));
  setTimeout(() => { window.shownAt = performance.timeOrigin + performance.now(); });
};
"""
# From the moment of the next click on.
_WATCH_CLICK = """
window.shownAt = 0;
addEventListener("pointerup", () => {
  window.clickedAt = performance.timeOrigin + performance.now();
  requestAnimationFrame(() => watch(TEXT, 3));
}, { once: true, capture: true });
"""


def worker(scratch: Path) -> None:
    """Seconds from submitting a request to its stored result, in a worker that is warm."""
    import timm
    import torch

    from explorer.jobs.engine import Engine
    from explorer.store.store import Store

    torch.manual_seed(0)
    checkpoint = scratch / "resnet18.pt"
    torch.save(timm.create_model("resnet18").state_dict(), checkpoint)
    cases: Mapping[str, Mapping[str, str]] = {
        "`embedded:imagenette-residual-adv1`, penultimate": {
            "model": "embedded:imagenette-residual-adv1"
        },
        "`embedded:imagenette-residual-standard`, penultimate": {
            "model": "embedded:imagenette-residual-standard"
        },
        "timm's resnet18 from a file, random weights, layer2, 224×224": {
            "model": f"file:{checkpoint}",
            "architecture": "timm:resnet18",
            "layer": "layer2",
        },
    }
    engine = Engine(Store(scratch / "cache"))
    rows = []
    for title, settings in cases.items():
        # The first run warms the worker up.
        runs = [_submitted(engine, settings, run) for run in range(RUNS + 1)][1:]
        distances, seconds, optimising, steps = zip(*runs, strict=True)
        rows.append(
            (
                title,
                f"{statistics.median(distances):.4f} (worst {max(distances):.4f})",
                f"{statistics.median(seconds):.2f} (worst {max(seconds):.2f})",
                f"{statistics.median(optimising):.2f}",
                f"{statistics.median(steps):.0f}",
            )
        )
    engine.close()
    header = ("network and layer", "relative distance", "seconds to the result")
    print(table((*header, "of which optimisation", "steps"), rows))


def _submitted(engine: Engine, settings: Mapping[str, Any], run: int) -> tuple[float, ...]:
    """Relative distance, seconds to the result, seconds of optimising, steps; as searched."""
    from explorer import validation

    request, pictures = validation.parse_request(
        **settings, target="astronaut", seed="noise", rng_seed=NEW_RNG_SEED + run, nearest=False
    )
    started_at = time.monotonic()
    engine.submit(request, pictures)
    while (job := engine.job(request.key)) is None or not job.finished:
        time.sleep(0.02)
    result = engine.result(request.key)
    seconds = time.monotonic() - started_at
    if result is None:
        raise RuntimeError(f"{request.model}: {job.error}")
    facts = result.to_json()
    return facts["match"]["relative_l2"], seconds, facts["seconds_making"], facts["steps"]


def pages(scratch: Path) -> None:
    """Seconds from starting the app to a finished example, and from a choice to a cached result.

    Next to them the floor: an app of one line, started and watched in the same way.
    """
    one_line = scratch / "one_line"
    one_line.mkdir()
    (one_line / "app.py").write_text('import streamlit as st\n\nst.write("hello")\n')
    starts: list[float] = []
    floor: list[float] = []
    choices: list[float] = []
    with chromium() as browser:
        for run in range(RUNS + 1):  # the first one puts the imports on disk
            for folder, text, pictures, seconds in (
                (one_line, "hello", 0, floor),
                (ROOT, VERDICT, 3, starts),
            ):
                with _opened(browser, folder, scratch, text, pictures) as (page, taken):
                    if run:
                        seconds.append(taken)
                    if folder == ROOT and run == RUNS:
                        choices = _choices(page)
    rows = {
        "starting the app until a finished example is painted": starts,
        "the same for an app of one line: the floor": floor,
        "choosing another network until its cached result is painted": choices,
    }
    print(_seconds_table("from … until", rows))


def button(scratch: Path) -> None:
    """Seconds from pressing Generate until the result is painted, the worker being warm."""
    rows = {}
    with chromium() as browser, _opened(browser, ROOT, scratch, VERDICT, 3) as (page, _):
        address = page.url.partition("?")[0]
        for model in CHANGED:
            seconds = [_generated(page, address, model, run) for run in range(RUNS + 1)]
            rows[f"`{model}`"] = seconds[1:]
    print(_seconds_table("network", rows))


def _generated(page: Page, address: str, model: str, run: int) -> float:
    page.goto(
        f"{address}?model={model}&target=astronaut&seed=noise&rng={NEW_RNG_SEED + run}&nearest=no"
    )
    page.get_by_text("Not generated yet.").wait_for()
    time.sleep(2)
    page.evaluate(_WATCH + _WATCH_CLICK.replace("TEXT", json.dumps(VERDICT)))
    page.get_by_role("button", name="Generate", exact=True).last.click()
    return _seconds_since_click(page)


@contextmanager
def _opened(
    browser: Browser, folder: Path, scratch: Path, text: str, pictures: int
) -> Iterator[tuple[Page, float]]:
    """The app of a folder in a new browser context; seconds from its start until it is painted."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(f"{_WATCH} watch({json.dumps(text)}, {pictures})")
    started_at = time.time()
    try:
        with app(scratch / "app", folder) as address:
            page.goto(address, wait_until="commit")
            page.wait_for_function("window.shownAt > 0")
            yield page, page.evaluate("window.shownAt") / 1000 - started_at
    finally:
        context.close()


def _choices(page: Page) -> list[float]:
    """Seconds from choosing another network to its result, which ships with the app."""
    from explorer.models import catalogue

    time.sleep(12)  # the worker starts; it must not be in the figure
    entries = [catalogue.entry(reference) for reference in CHANGED]
    titles = [entry.title for entry in entries if entry is not None]
    seconds = []
    for run in range(2 * RUNS):
        title = titles[run % 2]
        page.locator(".js-plotly-plot").nth(2).wait_for()
        page.get_by_role("combobox", name="Network", exact=True).click()
        option = page.get_by_role("option", name=title, exact=True)
        option.wait_for()
        page.evaluate(_WATCH + _WATCH_CLICK.replace("TEXT", json.dumps(f"{title}, penultimate")))
        option.click()
        seconds.append(_seconds_since_click(page))
        time.sleep(2)
    return seconds


def _seconds_since_click(page: Page) -> float:
    page.wait_for_function("window.shownAt > 0")
    return float(page.evaluate("window.shownAt - window.clickedAt")) / 1000


def _seconds_table(first: str, rows: Mapping[str, list[float]]) -> str:
    cells = [
        (title, f"{statistics.median(seconds):.2f} s", f"{max(seconds):.2f} s")
        for title, seconds in rows.items()
    ]
    return table((first, "median", "worst"), cells)


PARTS = {part.__name__: part for part in (pages, button, worker)}

if __name__ == "__main__":
    os.environ["IRI_OFFLINE"] = "1"
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder))
        print()
