"""The figures of docs/benchmarks.md: `python docs/measure.py`. Needs Chromium; five runs each."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RUNS = 5

# In the browser: when a choice is clicked, and when a frame with the given words is painted.
_WATCH = """
(words) => {
  window.chosen = window.shown = 0;
  const has = (node) => (node.shadowRoot && has(node.shadowRoot)) || (node.children.length
    ? [...node.children].some(has) : node.textContent.includes(words));
  const look = (now) => {
    const hosts = [...document.querySelectorAll("[data-testid^=stBidi]")];
    if (hosts.some(has)) setTimeout(() => { window.shown = performance.now(); });
    else requestAnimationFrame(look);
  };
  addEventListener("pointerup", () => {
    window.chosen = performance.now();
    requestAnimationFrame(look);
  }, { once: true, capture: true });
}
"""


def warm_worker(scratch: Path) -> None:
    """Seconds and distances of the issue's two commands, in a worker that is warm."""
    import timm
    import torch

    from cache.store import Store
    from explorer import door
    from explorer.jobs.engine import Engine

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
        for rng_seed in range(RUNS + 1):
            request, pictures = door.from_words(
                **words, target="astronaut", seed="noise", rng_seed=rng_seed
            )
            begun = time.monotonic()
            engine.submit(request, pictures)
            while not engine.job(request.key).finished:
                time.sleep(0.02)
            if rng_seed == 0:
                continue  # the run that warms the worker up
            result = engine.result(request.key)
            seconds.append(time.monotonic() - begun)
            distances.append(result.match["relative_l2"])
            making.append(result.provenance["seconds_making"])
            steps.append(result.provenance["steps"])
        print(
            f"| {title} | {statistics.median(distances):.4f} (worst {max(distances):.4f}) | "
            f"{statistics.median(seconds):.1f} (worst {max(seconds):.1f}) | "
            f"{statistics.median(making):.1f} | {statistics.median(steps):.0f} |"
        )
    engine.close()


def first_paint(scratch: Path) -> None:
    """Seconds from starting the app to a finished example, and to a cached result by link."""
    from playwright.sync_api import sync_playwright

    cold, cached = [], []
    # What is measured is a start with imports warm on disk, so they must be kept there.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for run in range(RUNS + 1):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            page = browser.new_page()
            begun = time.monotonic()
            app = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
                cwd=ROOT,
                env=environment | {"IRI_CACHE_DIR": str(scratch / "app")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                except OSError:
                    time.sleep(0.02)
            page.goto(f"http://127.0.0.1:{port}")
            page.get_by_text("To a person: the same?").wait_for()
            if run:
                cold.append(time.monotonic() - begun)
            time.sleep(12)  # the worker starts; it must not be in the next figure
            page.get_by_role("combobox", name="Network").first.click()
            option = page.get_by_role("option", name="Residual, trained as usual")
            option.wait_for()
            page.evaluate(_WATCH, "Residual, trained as usual, penultimate")
            option.click()
            page.wait_for_function("window.shown > 0")
            if run:
                cached.append(page.evaluate("window.shown - window.chosen") / 1000)
            page.close()
            app.terminate()
            app.wait()
        browser.close()
    print(f"cold start to first paint with a finished example: {_said(cold)}")
    print(f"from choosing to a cached result on the page: {_said(cached)}")


def _said(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s"


if __name__ == "__main__":
    os.environ["IRI_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        first_paint(Path(folder))
        warm_worker(Path(folder))
