"""Run a plan on all cores, continuing where an earlier run stopped."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from explorer.models.sources import embedded
from explorer.research.reproduction.plan import Plan, Work
from explorer.research.resumable import Parts

Report = Callable[[str], None]


def run(
    plan: Plan, out: Path, report: Report = print, processes: int | None = None
) -> list[dict[str, Any]]:
    """All parts of the plan, in its order; finished parts are stored in `out/parts`.

    processes: how many at once, each with one thread; as many as there are CPUs by default.
    """
    works = plan.works(embedded.names())
    parts = Parts(out / "parts")
    stored = {work: parts.load(work.file_name(plan)) for work in works}
    done = {work: part for work, part in stored.items() if part is not None}
    missing = [work for work in works if work not in done]
    if done:
        report(f"{len(done)} of {len(works)} parts are finished already")
    if missing:
        started_at = time.monotonic()
        for finished, (work, part) in enumerate(_trials(plan, missing, processes), start=1):
            parts.save(work.file_name(plan), part)
            done[work] = part
            spent = time.monotonic() - started_at
            left = spent / finished * (len(missing) - finished)
            ends = [row.get("nearest", row["searched"]) for row in part["rows"]]
            matched = sum(end["matched"] for end in ends)
            report(
                f"[{len(done)}/{len(works)}] {work.network}, {work.loss}, from {work.seed}: "
                f"{matched} of {len(part['rows'])} match; {_clock(left)} left"
            )
    return [done[work] for work in works]


def _trials(
    plan: Plan, works: list[Work], processes: int | None
) -> Iterator[tuple[Work, dict[str, Any]]]:
    """(work, its part) as each is finished."""
    count = min(processes or os.cpu_count() or 1, len(works))
    # Spawned, not forked: torch's threads do not survive a fork.
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


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
