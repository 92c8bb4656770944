"""Run a plan on all cores, continuing where an earlier run stopped."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from explorer.research.reproduction.facts import Facts
from explorer.research.reproduction.plan import Plan, Work
from explorer.research.reproduction.targets import Targets
from explorer.research.resumable import Parts

Report = Callable[[str], None]


def run(
    plan: Plan,
    out: Path,
    facts: Mapping[str, Facts],
    targets: Mapping[str, Targets],
    report: Report = print,
    processes: int | None = None,
) -> list[dict[str, Any]]:
    """All parts of the plan, in its order; finished parts are stored in `out/parts`.

    facts: of its networks, by name; targets: by data set. processes: how many at once, each with
    one thread; as many as there are CPUs by default.
    """
    works = plan.works(facts.values())
    parts = Parts(out / "parts")
    of_work = {work: targets[facts[work.network].dataset] for work in works}
    files = {work: work.file_name(plan, of_work[work].digest) for work in works}
    stored = {work: parts.load(files[work]) for work in works}
    done = {work: part for work, part in stored.items() if part is not None}
    missing = [work for work in works if work not in done]
    if done:
        report(f"{len(done)} of {len(works)} parts are finished already")
    if missing:
        started_at = time.monotonic()
        for finished, (work, part) in enumerate(
            _trials(plan, {work: of_work[work] for work in missing}, processes), start=1
        ):
            parts.save(files[work], part)
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
    plan: Plan, works: Mapping[Work, Targets], processes: int | None
) -> Iterator[tuple[Work, dict[str, Any]]]:
    """(work, its part) as each is finished."""
    count = min(processes or os.cpu_count() or 1, len(works))
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread)
    try:
        jobs = {pool.submit(_trial, plan, work, targets): work for work, targets in works.items()}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _trial(plan: Plan, work: Work, targets: Targets) -> dict[str, Any]:
    from explorer.research.reproduction.trial import run

    return run(plan, work, targets)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
