"""Running a plan on all cores, going on where an earlier run stopped."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from explorer.models.sources import embedded
from explorer.research.reproduction.plan import Plan, Work

Report = Callable[[str], None]


def run(plan: Plan, out: Path, report: Report = print, processes: int | None = None) -> list[dict]:
    """Everything the plan asks for, in its order; finished parts lie in `out/parts`.

    processes: how many at once, each with one thread; as many as there are CPUs by default.
    """
    works = plan.works(embedded.names())
    folder = out / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    done = {work: found for work in works if (found := _kept(folder, plan, work)) is not None}
    missing = [work for work in works if work not in done]
    if done:
        report(f"{len(done)} of {len(works)} are there already")
    if missing:
        begun = time.monotonic()
        for finished, (work, found) in enumerate(_made(plan, missing, processes), start=1):
            _keep(folder, plan, work, found)
            done[work] = found
            spent = time.monotonic() - begun
            left = spent / finished * (len(missing) - finished)
            matched = sum(row["matched"] for row in found["rows"])
            report(
                f"[{len(done)}/{len(works)}] {work.network}, {work.loss}, from {work.seed}: "
                f"{matched} of {len(found['rows'])} match; {_clock(left)} to go"
            )
    return [done[work] for work in works]


def _made(plan: Plan, works: list[Work], processes: int | None):
    count = min(processes or os.cpu_count() or 1, len(works))
    # Started afresh, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread)
    try:
        jobs = {pool.submit(_trial, plan, work): work for work in works}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _trial(plan: Plan, work: Work) -> dict[str, Any]:
    from explorer.research.reproduction.trial import run

    return run(plan, work)


def _kept(folder: Path, plan: Plan, work: Work) -> dict | None:
    path = folder / work.file_name(plan)
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _keep(folder: Path, plan: Plan, work: Work, found: dict) -> None:
    path = folder / work.file_name(plan)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.replace(path)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
