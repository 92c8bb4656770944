"""How long the gallery takes with many results: a table of docs/benchmarks.md; needs Chromium.

    python -m explorer.research.figures.gallery [COUNT]

Fills a store with 10,000 results unless another count is given: examples that ship, as if they had
been made from other random seeds, targets and layers; 1.5 GB on disk while it runs.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.archive.listing import Filter, Listing
from explorer.archive.summary import Summary, thumbnail
from explorer.images import gallery
from explorer.research.figures.browser import app, chromium
from explorer.research.markdown import table
from explorer.result import Result
from explorer.store import Store, starter
from explorer.store.settings import SUMMARY, THUMBNAIL

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 10_000
RUNS = 5
SIDE = 64  # px; larger examples are left out
LAYERS = ("penultimate", "logits", "stage1.0", "stage2.0")
_CARDS = """
text => {
  const hosts = [...document.querySelectorAll("[data-testid^=stBidi]")];
  const images = hosts.flatMap((host) =>
    host.shadowRoot ? [...host.shadowRoot.querySelectorAll(".card img")] : []);
  const said = [...document.querySelectorAll("[data-testid=stCaptionContainer]")];
  return images.length > 0 && images.every((each) => each.complete && each.naturalWidth)
    && said.some((each) => each.textContent.includes(text));
}
"""


def fill(store: Store, count: int) -> None:
    """Put so many results into a store: bytes and thumbnails of examples, summaries of their own.

    Listing reads nothing but the summaries, so that the bytes may be those of another request.
    """
    shipped = [starter.load(entry.key) for entry in starter.entries()]
    examples = [(data, Result.from_bytes(data)) for data in shipped if data is not None]
    small = [(data, made, thumbnail(made)) for data, made in examples if made.iri.shape[1] <= SIDE]
    settings = product(range(10**6), LAYERS, gallery.names(), small)
    known = {key for key in store.stored_at() if key.startswith(SUMMARY)}
    for rng_seed, layer, target, (data, example, picture) in settings:
        request = replace(example.request, rng_seed=rng_seed + 1, layer=layer, target=target)
        made = replace(example, request=request)
        if SUMMARY + request.key in known:  # of a run that was stopped, or of another example
            continue
        if len(known) >= count:
            return
        known.add(SUMMARY + request.key)
        store.put(request.key, data)
        store.put(THUMBNAIL + request.key, picture)
        store.put(SUMMARY + request.key, Summary.of(made, request.key, data).to_bytes())


def listing(store: Store) -> list[tuple[str, float, float]]:
    """(what, median, worst) seconds of one core for listing and filtering, without a page."""
    cold = [_seconds(lambda: Listing(store).contents()) for _ in range(RUNS)]
    warm = Listing(store)
    warm.summarise(60)
    again = [_seconds(warm.contents) for _ in range(RUNS)]
    entries = warm.contents().entries
    chosen = Filter(layer="logits", match="converged", text="residual sunflower")
    filtered = [_seconds(lambda: chosen.matching(entries)) for _ in range(RUNS)]
    rows = {
        "CPU: reading the summaries, in a new process": cold,
        "CPU: looking for changes": again,
        "CPU: filtering in memory": filtered,
    }
    return [(what, statistics.median(each), max(each)) for what, each in rows.items()]


def pages(cache: Path, count: int) -> list[tuple[str, float, float]]:
    """(what, median, worst) seconds in Chromium; the app is running and was opened before."""
    visiting: list[float] = []
    opening: list[float] = []
    filtering: list[float] = []
    turning: list[float] = []
    with app(cache) as address, chromium() as browser:
        for run in range(RUNS + 1):  # the first one warms the app up
            context = browser.new_context(viewport={"width": 1440, "height": 1000})
            page = context.new_page()
            page.set_default_timeout(120_000)
            visited = _until(page, "newest first", partial(page.goto, f"{address}/gallery"))
            page.get_by_role("link", name="How to read it").click()
            page.get_by_role("heading", name="How to read it").wait_for()
            link = page.get_by_role("link", name="Gallery")
            opened = _until(page, "newest first", link.click)
            button = page.get_by_role("radio", name="Converged", exact=True)
            filtered = _until(page, f" of {count:,} results", button.click)
            following = page.get_by_role("button", name="Next page")
            before = page.url
            started_at = time.monotonic()
            following.click()
            page.wait_for_function(f"location.href !== {before!r}")
            page.wait_for_function(_CARDS, arg="newest first")
            turned = time.monotonic() - started_at
            if run:
                visiting.append(visited)
                opening.append(opened)
                filtering.append(filtered)
                turning.append(turned)
            context.close()
    rows = {
        "the gallery in a new browser context, until its cards are painted": visiting,
        "the same from another page of the app": opening,
        "choosing a filter, until the cards that pass are painted": filtering,
        "turning the page": turning,
    }
    return [(what, statistics.median(each), max(each)) for what, each in rows.items()]


def _until(page: Page, text: str, act: Callable[[], object]) -> float:
    """Seconds from an action until cards and a caption with this text are painted."""
    started_at = time.monotonic()
    act()
    page.wait_for_function(_CARDS, arg=text)
    return time.monotonic() - started_at


def _seconds(act: Callable[[], object]) -> float:
    """Seconds of this process on a core, which others' work does not change much."""
    started_at = time.process_time()
    act()
    return time.process_time() - started_at


def main(count: int, folder: Path) -> None:
    """Fill a store in a folder, unless it is full already, and print the table."""
    store = Store(folder / "cache", limit=10**10)
    fill(store, count)
    facts = store.stats()
    print(f"{facts.entries:,} results, {facts.bytes / 1e6:.0f} MB\n")
    rows = listing(store)
    store.close()
    os.environ["IRI_CACHE_LIMIT"] = "10GB"
    rows += pages(folder / "cache", count + len(starter.entries()))
    cells = [(what, f"{median:.3f} s", f"{worst:.3f} s") for what, median, worst in rows]
    print(table(("", "median", "worst"), cells))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    kept = os.environ.get("IRI_GALLERY_FOLDER")
    if kept:
        main(count, Path(kept))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(count, Path(scratch))
