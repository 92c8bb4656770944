"""How long Compare takes when every image is in the cache; needs Chromium.

    python -m explorer.research.figures.comparing

Each of the five questions, and layers with the curve of what people recognised, in a new browser
context of a running app; then from question to question in an open page. What passes on the clock
depends on what else the machine does, so the processor's seconds are given, too. The results are
made first, with few steps; a folder in IRI_COMPARE_FOLDER keeps them for the next time.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psutil

from explorer.analysis.examples import EXAMPLES
from explorer.analysis.people import recognition_of
from explorer.analysis.variation import AXES, Cell, default_values, ladder, random_seeds, vary
from explorer.app.links import EFFORTS, link
from explorer.archive.titles import loss_title, network_title, picture_title
from explorer.jobs import work
from explorer.jobs.engine import Engine
from explorer.models import catalogue
from explorer.network_reference import NetworkReference
from explorer.research.figures.browser import app, chromium
from explorer.research.markdown import table
from explorer.result import Result
from explorer.store import Store, starter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

RUNS = 5
PAUSE = 2.0  # seconds, for what the visit before has left to be done
PEOPLE = "torchvision:resnet50/IMAGENET1K_V1"
"""Its images are those of an example: reading and drawing them costs as much, making them more."""

FIRST = EXAMPLES[0][1]
SETTINGS = {"effort": "quick", "nearest": "no"}
BASE = {
    **{name: value for name, value in FIRST.to_dict().items() if name != "parametrisation"},
    "steps": EFFORTS["quick"],
    "nearest": False,
}

_Title = Callable[[str], str]
_TITLES: dict[str, _Title] = {"loss": loss_title, "model": network_title, "layer": str}

# In the browser: when images and table are painted, and when the plots are, too.
_WATCH = """
const watch = ({ column, images, plots, tick }) => {
  const all = (selector) => [...document.querySelectorAll("[data-testid^=stBidi]")]
    .flatMap(({ shadowRoot }) => shadowRoot ? [...shadowRoot.querySelectorAll(selector)] : []);
  const shown = () => column === null
    ? [...document.querySelectorAll("p")].some((node) => node.textContent === "hello")
    : all("th button").some((node) => node.textContent === column)
      && all("tbody tr").length === images && all("a.tile").length === images
      && all("a.tile > .frame img").filter((one) => one.complete && one.naturalWidth).length
         === images;
  const drawn = () => column === null
    || document.querySelectorAll(".cartesianlayer > .subplot").length === plots
      && [...document.querySelectorAll("[class*=tick] text, .annotation-text")]
        .some((text) => text.textContent.startsWith(tick));
  // Looking at every frame would cost the page more than it costs to draw it.
  const step = () => {
    const [isShown, isDrawn] = [shown(), drawn()];
    if (isShown) window.shownAt = window.shownAt || performance.now();
    if (isShown && isDrawn) window.drawnAt = window.drawnAt || performance.now();
    else setTimeout(step, 50);
  };
  step();
};
"""
_WATCH_CLICK = """
window.shownAt = window.drawnAt = 0;
addEventListener("pointerup", () => {
  window.clickedAt = performance.now();
  setTimeout(() => watch(EXPECTED), 20);
}, { once: true, capture: true });
"""


@dataclass(frozen=True)
class Question:
    """A page of Compare whose images are all in the cache.

    column: a title in its table; tick: how a label in its plots begins; both no other one has.
    """

    title: str
    column: str
    tick: str
    cells: tuple[Cell, ...]
    parameters: Mapping[str, str]
    plots: int = 1

    @property
    def expected(self) -> dict[str, object]:
        """What `watch` waits for."""
        counts = {"images": len(self.cells), "plots": self.plots}
        return {"column": self.column, "tick": self.tick, **counts}


def questions() -> list[Question]:
    """The five with their default values, and the layers of a network that people were shown."""
    known = catalogue.entry(FIRST.model)
    rungs = ladder(known.layers) if known is not None else ()
    asked = []
    for axis in AXES.values():
        values = default_values(axis, BASE, rungs)
        again = random_seeds(FIRST.rng_seed, 2) if axis.name == "seeds" else ()
        cells = vary(BASE, axis, values, again)
        parameters = link(FIRST) | SETTINGS | {"vary": axis.name}
        column = "Network" if axis.field == "model" else axis.field.capitalize()
        first = _TITLES.get(axis.field, picture_title)(values[0]).split(" ")[0]
        plots = 2 if axis.name == "layers" else 1
        asked.append(Question(axis.title, column, first, cells, parameters, plots))
    curve = recognition_of(PEOPLE)
    layers = list(curve.layers) if curve is not None else []
    parameters = link(FIRST) | SETTINGS | {"model": PEOPLE, "vary": "layers"}
    cells = vary({**BASE, "model": PEOPLE}, AXES["layers"], layers)
    title = "Layers, with people's curve"
    return [*asked, Question(title, "Layer", layers[0], cells, parameters, plots=3)]


def fill(cache: Path, asked: list[Question]) -> None:
    """Have the images of all questions in a cache; those of PEOPLE are an example's."""
    store = Store(cache)
    *made, people = asked
    requests = [cell.request for each in made for cell in each.cells if cell.request is not None]
    missing = [request for request in requests if request.key not in store]
    if missing:
        engine = Engine(store)
        engine.submit(missing)
        while any(request.key not in store for request in missing):
            for request in missing:
                if (job := engine.job(request.key)) and job.error:
                    raise RuntimeError(f"{request.model}: {job.error}")
            time.sleep(0.2)
        engine.close()
    data = next(starter.load(entry.key) for entry in starter.entries())
    if data is None:
        raise RuntimeError("the starter pack has no example")
    example = Result.from_bytes(data)
    for cell in people.cells:
        if cell.request is not None:
            store.put(cell.request.key, replace(example, request=cell.request).to_bytes())
    layers = [(cell.value, "layer", (64,)) for cell in people.cells]
    store.put(work.layers_key(NetworkReference(PEOPLE)), json.dumps(layers).encode())
    store.close()


@dataclass(frozen=True)
class Visit:
    """Seconds until images and table, and until the plots, too; the processor's of both sides."""

    shown: float
    drawn: float
    browser: float
    server: float


def visit(context: BrowserContext, address: str, expected: Mapping[str, object]) -> Visit:
    """Open an address in a new page and wait until it is painted."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(f"{_WATCH} watch({json.dumps(expected)})")
    with _processor_seconds() as spent:
        page.goto(address, wait_until="commit")
        page.wait_for_function("window.drawnAt > 0")
    shown, drawn = page.evaluate("[window.shownAt / 1000, window.drawnAt / 1000]")
    return Visit(shown, drawn, *spent())


def switch(page: Page, question: Question) -> Visit:
    """Choose another question in an open page and wait until its answer is painted."""
    expected = json.dumps(question.expected)
    page.evaluate(_WATCH + _WATCH_CLICK.replace("EXPECTED", expected))
    with _processor_seconds() as spent:
        page.get_by_role("radio", name=question.title, exact=True).click()
        page.wait_for_function("window.drawnAt > 0")
    script = "[window.shownAt, window.drawnAt].map((at) => (at - window.clickedAt) / 1000)"
    shown, drawn = page.evaluate(script)
    return Visit(shown, drawn, *spent())


def measure(browser: Browser, floor: str, address: str, asked: list[Question]) -> None:
    """Print both tables."""
    pages: dict[str, list[Visit]] = {}
    switches: dict[str, list[Visit]] = {}
    nothing: dict[str, object] = {"column": None, "images": 0, "plots": 0, "tick": ""}
    for run in range(RUNS + 1):  # the first one warms the app up
        for title, path, expected in (
            ("an app of one line: the floor", floor, nothing),
            *(
                (each.title, f"{address}/compare?{urlencode(each.parameters)}", each.expected)
                for each in asked
            ),
        ):
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            measured = visit(context, path, expected)
            context.close()
            time.sleep(PAUSE)
            if run:
                pages.setdefault(title, []).append(measured)
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    first, *others = asked[:-1]
    visit(context, f"{address}/compare?{urlencode(first.parameters)}", first.expected)
    page = context.pages[0]
    for run in range(RUNS + 1):
        for question in (*others, first):
            page.wait_for_timeout(1000 * PAUSE)
            measured = switch(page, question)
            if run:
                switches.setdefault(question.title, []).append(measured)
    context.close()
    print(_table("in a new browser context", pages), "\n")
    print(_table("chosen in the open page", switches))


def _table(title: str, rows: Mapping[str, list[Visit]]) -> str:
    header = (title, "images and table (worst)", "plots, too (worst)", "browser's CPU", "server's")
    return table(
        header,
        [
            (
                name,
                *(_seconds([getattr(one, part) for one in each]) for part in ("shown", "drawn")),
                *(
                    f"{statistics.median(getattr(one, part) for one in each):.2f} s"
                    for part in ("browser", "server")
                ),
            )
            for name, each in rows.items()
        ],
    )


def _seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s ({max(values):.2f})"


@contextmanager
def _processor_seconds() -> Iterator[Callable[[], tuple[float, float]]]:
    """What the browsers and the apps that this process started take in the meantime."""
    before = _spent()
    after: list[dict[bool, float]] = []

    def difference() -> tuple[float, float]:
        return after[0][True] - before[True], after[0][False] - before[False]

    yield difference
    after.append(_spent())


def _spent() -> dict[bool, float]:
    """Seconds of the processor so far: of browsers (True) and of all else that is a child."""
    seconds = {True: 0.0, False: 0.0}
    for child in psutil.Process().children(recursive=True):
        try:
            times, name = child.cpu_times(), child.name()
        except psutil.Error:
            continue
        seconds["chrom" in name] += times.user + times.system
    return seconds


def main(folder: Path) -> None:
    """Fill a cache in a folder, unless it is full already, and print the tables."""
    asked = questions()
    fill(folder / "cache", asked)
    one_line = folder / "one_line"
    one_line.mkdir(exist_ok=True)
    (one_line / "app.py").write_text('import streamlit as st\n\nst.write("hello")\n')
    with (
        app(folder / "floor", one_line) as floor,
        app(folder / "cache") as address,
        chromium() as browser,
    ):
        measure(browser, floor, address, asked)


if __name__ == "__main__":
    os.environ["IRI_OFFLINE"] = "1"
    if kept := os.environ.get("IRI_COMPARE_FOLDER"):
        main(Path(kept))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
