"""How long a stranger's quick job takes while one visitor has twenty long ones in line.

    python -m explorer.research.fairness [--repeat N]

A real engine with its worker and an embedded network; the results go to a temporary cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from explorer.cli.arguments import whole_number
from explorer.jobs import job as states
from explorer.jobs.engine import Engine
from explorer.request import Request
from explorer.store import Store

QUICK = Request(model="embedded:residual-multi-standard", steps=300)
LONG = replace(
    QUICK, layer="grid", steps=50_000, goal=0.0, loss="regularizer-free+transforms"
)  # which does not end early
LONG_JOBS = 20
POLL_SECONDS = 0.01


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds until quick jobs start and are done, alone and behind the long ones."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.research.fairness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--repeat",
        type=whole_number(1, 100),
        default=5,
        help="quick jobs, one after the other; default: %(default)s",
    )
    repeat = parser.parse_args(arguments).repeat
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Store(Path(folder), starter_directory="/nowhere"))
        try:
            _timed(engine, QUICK, "warm-up")
            _print("alone", engine, range(100, 100 + repeat))
            started_at = time.monotonic()
            for rng_seed in range(LONG_JOBS):
                engine.submit(replace(LONG, rng_seed=rng_seed), party="one visitor")
            submitted = time.monotonic() - started_at
            print(f"{LONG_JOBS} long jobs of one visitor submitted in {submitted:.2f} s")
            while not engine.job(replace(LONG, rng_seed=0).key).step:  # type: ignore[union-attr]
                time.sleep(POLL_SECONDS)
            _print(f"behind {LONG_JOBS} long jobs", engine, range(200, 200 + repeat))
        finally:
            engine.close()


def _print(label: str, engine: Engine, seeds: range) -> None:
    times = [
        _timed(engine, replace(QUICK, rng_seed=rng_seed), f"stranger {rng_seed}")
        for rng_seed in seeds
    ]
    starts, ends = zip(*times, strict=True)
    print(
        f"{label}: a stranger's quick job starts after {median(starts):.2f} s (at most "
        f"{max(starts):.2f}) and is done after {median(ends):.2f} s (at most {max(ends):.2f})"
    )


def _timed(engine: Engine, request: Request, party: str) -> tuple[float, float]:
    """Seconds until a job starts and until it is done."""
    submitted_at, start = time.monotonic(), None
    engine.submit(request, party=party)
    while (job := engine.job(request.key)) is None or not job.finished:
        if start is None and job is not None and job.state == states.RUNNING:
            start = time.monotonic() - submitted_at
        time.sleep(POLL_SECONDS)
    if job.state != states.DONE:
        raise RuntimeError(job.error)
    end = time.monotonic() - submitted_at
    return end if start is None else start, end


if __name__ == "__main__":
    main()
