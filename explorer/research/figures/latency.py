"""The figures of docs/benchmarks.md: `python docs/measure.py [pages] [making] [worker]`; five runs
each.

The pages need Chromium.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RUNS = 5
NEW_RNG_SEED = 100  # no example is made with this one or the next

# In the browser: the time of the first frame that shows the words, and as many pictures.
_SHOWN = """
const shown = (words, pictures) => {
  const hosts = [...document.querySelectorAll("[data-testid^=stBidi]")];
  const all = (selector) => [document, ...hosts.map((one) => one.shadowRoot).filter(Boolean)]
    .flatMap((root) => [...root.querySelectorAll(selector)]);
  return all("p, figcaption").some((one) => one.textContent.includes(words))
    && all("img").filter((one) => one.complete && one.naturalWidth).length >= pictures;
};
const watch = (words, pictures) => {
  if (!shown(words, pictures)) return requestAnimationFrame(() => watch(words, pictures));
  setTimeout(() => { window.shownAt = performance.timeOrigin + performance.now(); });
};
"""
# When a choice is clicked, and what it brings is painted.
_CHOSEN = """
window.shownAt = 0;
addEventListener("pointerup", () => {
  window.chosenAt = performance.timeOrigin + performance.now();
  requestAnimationFrame(() => watch(WORDS, 3));
}, { once: true, capture: true });
"""
_NETWORKS = ("Residual, trained as usual", "Residual, attack-trained")


def warm_worker(scratch: Path) -> None:
    """Seconds and distances of the issue's two commands, in a worker that is warm."""
    import timm
    import torch

    from explorer import validation
    from explorer.jobs.engine import Engine
    from explorer.store.store import Store

    torch.manual_seed(0)
    checkpoint = scratch / "resnet18.pt"
    torch.save(timm.create_model("resnet18").state_dict(), checkpoint)
    engine = Engine(Store(scratch / "cache"))
    cases = {
        "embedded:residual-multi-adv2, penultimate": {"model": "embedded:residual-multi-adv2"},
        "embedded:residual-multi-standard, penultimate": {
            "model": "embedded:residual-multi-standard"
        },
        "file: timm resnet18 (random), layer2, 224×224": {
            "model": f"file:{checkpoint}",
            "architecture": "timm:resnet18",
            "layer": "layer2",
        },
    }
    for title, words in cases.items():
        seconds, distances, making, steps = [], [], [], []
        for run in range(RUNS + 1):
            request, pictures = validation.parse_request(
                **words, target="astronaut", seed="noise", rng_seed=NEW_RNG_SEED + run
            )
            begun = time.monotonic()
            engine.submit(request, pictures)
            while not engine.job(request.key).finished:
                time.sleep(0.02)
            if run == 0:
                continue  # the run that warms the worker up
            result = engine.result(request.key)
            seconds.append(time.monotonic() - begun)
            distances.append(result.match["relative_l2"])
            making.append(result.provenance["seconds_making"])
            steps.append(result.provenance["steps"])
        print(
            f"| {title} | {statistics.median(distances):.4f} (worst {max(distances):.4f}) | "
            f"{statistics.median(seconds):.2f} (worst {max(seconds):.2f}) | "
            f"{statistics.median(making):.2f} | {statistics.median(steps):.0f} |"
        )
    engine.close()


def pages(scratch: Path) -> None:
    """Seconds from starting the app to a finished example, and from choosing to a cached result.

    Beside them the floor: an app of one line, started and watched in the same way.
    """
    from playwright.sync_api import sync_playwright

    one_line = scratch / "one_line"
    one_line.mkdir()
    (one_line / "app.py").write_text('import streamlit as st\n\nst.write("hello")\n')
    ours, floor, cached = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for run in range(RUNS + 1):  # the first keeps the imports on disk
            for folder, words, pictures, seconds in (
                (one_line, "hello", 0, floor),
                (ROOT, "To a person: the same?", 3, ours),
            ):
                with _started(browser, folder, scratch, words, pictures) as (page, taken):
                    if run:
                        seconds.append(taken)
                    if folder == ROOT and run == RUNS:
                        cached = _choices(page)
        browser.close()
    print(f"cold start to first paint with a finished example: {_said(ours)}")
    print(f"the same of an app of one line, the floor: {_said(floor)}")
    print(f"from choosing to a cached result on the page: {_said(cached)}")


def making(scratch: Path) -> None:
    """Seconds from pressing Generate to the finished result, painted, once the worker is warm."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        with _started(browser, ROOT, scratch, "To a person: the same?", 3) as (page, _):
            base = page.url.partition("?")[0]
            for model in ("residual-multi-standard", "residual-multi-adv2"):
                seconds = [_made(page, base, model, run) for run in range(RUNS + 1)]
                print(f"making one with {model}, from the button to the page: {_said(seconds[1:])}")
        browser.close()


def _made(page, base: str, model: str, rng_seed: int) -> float:
    words = f"?model=embedded:{model}&target=astronaut&seed=noise&rng={100 + rng_seed}"
    page.goto(base + words)
    page.get_by_text("Not made yet.").wait_for()
    time.sleep(2)
    chosen = _CHOSEN.replace("WORDS", json.dumps("To a person: the same?"))
    page.evaluate(_SHOWN + chosen)
    page.get_by_role("button", name="Generate", exact=True).last.click()
    page.wait_for_function("window.shownAt > 0")
    return page.evaluate("window.shownAt - window.chosenAt") / 1000


@contextmanager
def _started(browser, folder: Path, scratch: Path, words: str, pictures: int):
    """The app in `folder`, opened in a new browser context; seconds until it is painted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What is measured is a start with imports warm on disk, so they must be kept there.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(f"{_SHOWN} watch({json.dumps(words)}, {pictures})")
    begun = time.time()
    command = ["streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    app = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment | {"IRI_CACHE_DIR": str(scratch / "app")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.02)
        page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
        page.wait_for_function("window.shownAt > 0")
        yield page, page.evaluate("window.shownAt") / 1000 - begun
    finally:
        context.close()
        app.terminate()
        app.wait()


def _choices(page) -> list[float]:
    """Seconds from choosing another network to its result, which is in the starter pack."""
    time.sleep(12)  # the worker starts; it must not be in the figure
    seconds = []
    for run in range(2 * RUNS):
        network = _NETWORKS[run % 2]
        page.locator(".js-plotly-plot").nth(3).wait_for()
        page.get_by_role("combobox", name="Network", exact=True).click()
        option = page.get_by_role("option", name=network, exact=True)
        option.wait_for()
        page.evaluate(_SHOWN + _CHOSEN.replace("WORDS", json.dumps(f"{network}, penultimate")))
        option.click()
        page.wait_for_function("window.shownAt > 0")
        seconds.append(page.evaluate("window.shownAt - window.chosenAt") / 1000)
        time.sleep(2)
    return seconds


def _said(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s"


if __name__ == "__main__":
    os.environ["IRI_OFFLINE"] = "1"
    wanted = sys.argv[1:] or ["pages", "making", "worker"]
    with tempfile.TemporaryDirectory() as folder:
        if "pages" in wanted:
            pages(Path(folder))
        if "making" in wanted:
            making(Path(folder))
        if "worker" in wanted:
            warm_worker(Path(folder))
