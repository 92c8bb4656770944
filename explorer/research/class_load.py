"""A scripted class on loopback, while an IRI is made: latencies, rows, memory, the projector's lag.

    python -m explorer.research.class_load [--phones 200] [--trials 20] [--seconds 170]

Needs Chromium: one page is the projector, with the lecturer's link, another one keeps Generate
pressed. Everything, Chromium and the scripted phones included, shares this machine's cores. Two of
a hundred answers are sent twice at once, and of two more the acknowledgement is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from explorer.research.figures.browser import app, chromium
from explorer.research.markdown import table
from explorer.research.scripted_phones import Measured, take_class

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MEBIBYTE = 2**20
WARM_UP_SECONDS = 12
IRI = "model=embedded:imagenette-residual-adv1&target=astronaut&seed=noise&effort=long&goal=0"

# Each new count of answers on the page, with its time.
_WATCH_COUNT = """
window.counts = [];
const look = () => {
  const numbers = document.querySelectorAll(".counts dd");
  const shown = numbers.length ? Number(numbers[3].textContent.replaceAll(",", "")) : 0;
  const last = window.counts.at(-1);
  if (!last || last[1] !== shown) window.counts.push([Date.now() / 1000, shown]);
};
const every = { subtree: true, childList: true, characterData: true };
new MutationObserver(look).observe(document, every);
"""


class Watcher(threading.Thread):
    """The projector and the page that generates, in a Chromium of their own thread."""

    def __init__(self, address: str, projector: str) -> None:
        super().__init__()
        self._address, self._projector = address, projector
        self._over = threading.Event()
        self.ready = threading.Event()
        self.counts: list[tuple[float, int]] = []
        self.started = 0
        self.opened = False

    def run(self) -> None:
        """Until `finish`."""
        try:
            with chromium() as browser:
                self._watch(browser)
        finally:
            self.ready.set()

    def finish(self) -> None:
        """Close the pages; `counts` is complete afterwards."""
        self._over.set()
        self.join()

    def _watch(self, browser: Browser) -> None:
        from playwright.sync_api import TimeoutError as TooSlow

        projector = browser.new_page(viewport={"width": 1440, "height": 900})
        projector.add_init_script(_WATCH_COUNT)
        projector.goto(self._projector)
        projector.locator(".counts").wait_for(timeout=60_000)
        explore = browser.new_page(viewport={"width": 1440, "height": 900})
        explore.set_default_timeout(30_000)
        self._generate(explore)
        self.opened = True
        self.ready.set()
        while not self._over.wait(2):
            if not explore.get_by_role("button", name="Cancel").count():
                with suppress(TooSlow):  # tried again two seconds later
                    self._generate(explore)
        self.counts = projector.evaluate("window.counts")

    def _generate(self, page: Any) -> None:
        self.started += 1
        page.goto(f"{self._address}/?{IRI}&nearest=no&rng={1000 + self.started}")
        page.get_by_role("button", name="Generate", exact=True).last.click()
        page.get_by_role("button", name="Cancel").wait_for()


class Memory(threading.Thread):
    """The app's resident memory, from its start to `finish`, in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__()
        self._process = process
        self._over = threading.Event()
        self.before = self.most = process.memory_info().rss

    def run(self) -> None:
        """Look twice a second."""
        while not self._over.wait(0.5):
            self.most = max(self.most, self._process.memory_info().rss)

    def finish(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()


def app_process(port: int) -> psutil.Process:
    """The app's own process, not its workers."""
    for child in psutil.Process().children(recursive=True):
        if f"--server.port={port}" in child.cmdline():
            return child
    raise RuntimeError(f"no app of this process at port {port}")


def lags(acknowledged: Sequence[float], counts: Sequence[tuple[float, int]]) -> list[float]:
    """Per answer, how long after its acknowledgement the projector counted it, in seconds."""
    found, place = [], 0
    for number, time_acknowledged in enumerate(sorted(acknowledged), start=1):
        while place < len(counts) and counts[place][1] < number:
            place += 1
        if place == len(counts):
            raise RuntimeError(f"the projector never counted {number} answers")
        found.append(max(0.0, counts[place][0] - time_acknowledged))
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies, without interpolation."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Run the class, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=200)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=170.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        os.environ |= {"IRI_CACHE_DIR": str(cache), "IRI_OFFLINE": "1"}
        os.environ.pop("IRI_DATABASE_URL", None)
        _run(cache, options.phones, options.trials, options.seconds)


def _run(cache: Path, phones: int, trials: int, seconds: float) -> None:
    from explorer.study.records import Design
    from explorer.study.shared import study_of_this_process
    from explorer.study.stimulus_set import default_set

    catch = trials // 5
    with app(cache) as address:
        port = int(address.rpartition(":")[2])
        study = study_of_this_process()
        design = Design(main=trials - catch, practice=0, catch=catch)
        session = study.open_session("Class", default_set(), design)
        link = f"{address}/class?code={session.code}&secret={session.secret}"
        watcher = Watcher(address, link)
        watcher.start()
        watcher.ready.wait()
        if not watcher.opened:
            raise RuntimeError("the pages could not be opened")
        time.sleep(WARM_UP_SECONDS)
        process = app_process(port)
        memory = Memory(process)
        memory.start()
        before, started_at = process.cpu_times(), time.monotonic()
        measured = asyncio.run(take_class(port, session.code, phones, seconds))
        took, after = time.monotonic() - started_at, process.cpu_times()
        time.sleep(4)  # the projector's last look
        memory.finish()
        watcher.finish()
        rows = study.answers(session.code, 1)
        study.disconnect()
    processor = (after.user + after.system - before.user - before.system) / took
    each_once = len({(row.participant, row.trial) for row in rows})
    print(_latencies(measured))
    print()
    behind = lags(measured.acknowledged, watcher.counts)
    facts = [
        ("seconds of the class", f"{took:.0f}", "180"),
        ("answers in the database", f"{len(rows):,}", f"{phones * trials:,}"),
        ("of them different trials of a person", f"{each_once:,}", f"{phones * trials:,}"),
        ("answers acknowledged", f"{len(measured.acknowledged):,}", f"{phones * trials:,}"),
        ("of them sent before", f"{measured.statuses.get('duplicate', 0):,}", ""),
        ("answers refused", f"{measured.statuses.get('refused', 0):,}", "0"),
        ("projector behind: median, worst", f"{_pair(behind)} s", "2 s"),
        ("memory of the app before, MiB", f"{memory.before / MEBIBYTE:.0f}", ""),
        ("growth at most, MiB", f"{(memory.most - memory.before) / MEBIBYTE:.0f}", "95"),
        ("cores that the app used", f"{processor:.2f}", ""),
        ("IRIs begun meanwhile", f"{watcher.started}", ""),
    ]
    print(table(("", "measured", "goal"), facts))


def _pair(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f}, {max(seconds):.2f}"


def _latencies(measured: Measured) -> str:
    rows = [
        (
            kind,
            f"{len(seconds):,}",
            *(f"{1000 * quantile(seconds, share):.0f} ms" for share in (0.5, 0.95, 0.99)),
            f"{1000 * max(seconds):.0f} ms",
        )
        for kind, seconds in measured.latencies.items()
    ]
    return table(("request", "count", "median", "95 %", "99 %", "worst"), rows)


if __name__ == "__main__":
    main()
