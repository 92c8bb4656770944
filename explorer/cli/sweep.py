"""`iri sweep`: every request of a TOML file, in batches, into one table and one pack."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.cli import interrupts
from explorer.cli.arguments import file_path, some_text
from explorer.cli.command import Command, CommandFailed
from explorer.cli.outputs import check_folder
from explorer.cli.plan import FILE_HELP, plan_facts, print_plan
from explorer.cli.running import (
    SUBSCRIBER,
    EngineRunner,
    ProgressLine,
    sweep_progress,
)
from explorer.errors import RequestError

if TYPE_CHECKING:
    from explorer.jobs.engine import Engine
    from explorer.store import Store
    from explorer.sweep.estimate import Estimate
    from explorer.sweep.plan import Plan
    from explorer.sweep.run import Run
    from explorer.sweep.unkept import WithUnkept

POLL_SECONDS = 0.1
LINE_SECONDS = 60.0
"""Where there is no terminal, such as in the log of a batch system, a line as often as this."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=file_path, help=FILE_HELP)
    parser.add_argument(
        "--out",
        type=file_path,
        required=True,
        help="folder for results.parquet, results.csv, pack.zip and a copy of the sweep",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        type=some_text,
        help="run on the cluster of this scheduler, such as tls://HOST:8786 (docs/clusters.md; "
        "default: DASK_SCHEDULER_ADDRESS, else a worker here)",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="run though there are more than 10,000 requests, or more than the cache may hold",
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.jobs import work
    from explorer.sweep.estimate import estimate
    from explorer.sweep.layers import KnownLayers
    from explorer.sweep.pack import lacking
    from explorer.sweep.plan import plan
    from explorer.sweep.run import Run
    from explorer.sweep.source import read_file
    from explorer.sweep.unkept import WithUnkept

    source = read_file(options.file)
    check_folder("out", options.out)
    with _scheduler(options.scheduler), EngineRunner.started() as runner:
        store = runner.engine.store
        known = KnownLayers(store, lambda network: runner.ask(work.layers, network))
        planned = plan(source, layers_of=known)
        expected = estimate(planned.requests, store, _workers(runner.engine))
        if not options.json:
            print_plan(planned, expected)
            sys.stdout.flush()
        _check_amount(expected, store, options.out, options.yes)
        if expected.missing and (why := store.why_not_kept()):
            there = f"The table and the pack in {options.out} will hold them all the same."
            print(f"{why} {there}", file=sys.stderr)
        with closing(WithUnkept(store, options.out)) as results:
            # At random, so that two sweeps at once on one cache do not make the same batches.
            run = Run(runner.engine, planned, SUBSCRIBER, order=random.shuffle, keep=results.keep)
            _finish(run, planned, results)
            packed = _write(run, results, options.out, source.text)
        lack = lacking(run.rows(), store, packed)
    _report(options, run, planned, expected, packed)
    if lack:
        print(f"{lack} Mend that and run the same again to have all.", file=sys.stderr)
    _check_failures(run)


@contextmanager
def _scheduler(address: str | None) -> Iterator[None]:
    """DASK_SCHEDULER_ADDRESS is this address while the command runs, where one was given."""
    from explorer.jobs.encryption import check_address
    from explorer.jobs.settings import SCHEDULER

    if address is None:
        yield
        return
    try:
        check_address(address, "client")
    except RequestError as error:
        raise RequestError("scheduler", error.message) from error
    before = os.environ.get(SCHEDULER)
    os.environ[SCHEDULER] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[SCHEDULER]
        else:
            os.environ[SCHEDULER] = before


def _workers(engine: Engine) -> int:
    """By how many workers the time is to be divided, as far as that is known before they start."""
    from explorer.jobs.worker_processes import visible_gpus

    return max(engine.worker_count(), len(visible_gpus()))


def _check_amount(expected: Estimate, store: Store, out: Path, confirmed: bool) -> None:
    """RequestError for a sweep that has to be confirmed, and for one that does not fit the disk."""
    from explorer.sweep.estimate import size
    from explorer.sweep.plan import MOST_UNCONFIRMED

    existing = next(each for each in (out, *out.absolute().parents) if each.is_dir())
    for field, folder, needed in (
        ("IRI_CACHE_DIR", store.directory, expected.bytes),
        ("out", existing, expected.pack_bytes),
    ):
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise RequestError(
                field,
                f"about {math.ceil(needed / 1e6):,} MB are needed in {folder}, where "
                f"{free / 1e6:,.1f} MB are free",
            )
    if confirmed:
        return
    if expected.requests > MOST_UNCONFIRMED:
        raise RequestError(
            "yes",
            f"{expected.requests:,} requests are more than {MOST_UNCONFIRMED:,}; look at the plan, "
            "then add --yes",
        )
    if expected.pack_bytes > store.limit:
        raise RequestError(
            "IRI_CACHE_LIMIT",
            f"the results take about {size(expected.pack_bytes)}, and the cache may hold "
            f"{size(store.limit)}, so that the first would be gone before the last is there; raise "
            "IRI_CACHE_LIMIT, or add --yes to have the table all the same",
        )


def _finish(run: Run, plan: Plan, results: WithUnkept) -> None:
    """Run it to its end; an interruption leaves all that is finished in the cache."""
    from explorer.sweep.dispatch import EngineLost

    line, printed_at = ProgressLine(), time.monotonic()
    try:
        while not run.finished:
            interrupts.check()
            run.step()
            progress = run.progress()
            line.show(sweep_progress(progress, plan))
            if not line.visible and time.monotonic() - printed_at > LINE_SECONDS:
                print(sweep_progress(progress, plan), file=sys.stderr, flush=True)
                printed_at = time.monotonic()
            time.sleep(POLL_SECONDS)
        line.end()
    except KeyboardInterrupt:
        interrupts.seen()
        run.cancel()
        line.end()
        print(_how_to_go_on(run, plan, results), file=sys.stderr)
        raise
    except EngineLost as error:
        line.end()
        raise CommandFailed(f"{error}. {_how_to_go_on(run, plan, results)}") from error


def _how_to_go_on(run: Run, plan: Plan, results: WithUnkept) -> str:
    done = run.cached + run.made - results.unkept
    lost = f", {results.unkept:,} more could not be kept there" if results.unkept else ""
    return (
        f"{done:,} of {len(plan.requests):,} results are in the cache{lost}; the same command goes "
        "on from there"
    )


def _write(run: Run, results: WithUnkept, out: Path, text: str) -> int:
    """The table, the pack and the sweep itself, each whole or not at all.

    Returns how many results are in the pack.
    """
    from explorer.files import write_atomically
    from explorer.store.errors import CacheError
    from explorer.sweep.pack import write_pack
    from explorer.sweep.table import csv, parquet

    out.mkdir(parents=True, exist_ok=True)
    rows = run.rows()
    write_atomically(out / "results.parquet", parquet(rows))
    write_atomically(out / "results.csv", csv(rows))
    write_atomically(out / "sweep.toml", text.encode())
    line = ProgressLine()
    try:
        return write_pack(
            rows,
            results,
            out / "pack.zip",
            lambda done, total: line.show(f"writing the pack: {done:,} of {total:,}"),
        )
    except CacheError as error:
        raise CommandFailed(error.for_operator) from error
    finally:
        line.end()


def _report(
    options: argparse.Namespace, run: Run, plan: Plan, expected: Estimate, packed: int
) -> None:
    """What came of it. packed: how many results are in the pack."""
    rows = run.rows()
    failed = [row for row in rows if row.get("error")]
    matched = sum(row.get("matched") is True for row in rows)
    converged = sum(row.get("converged") is True for row in rows)
    if options.json:
        facts = plan_facts(plan, expected) | {
            "generated": run.made,
            "generated_elsewhere": run.found,
            "matched": matched,
            "converged": converged,
            "failed": len(failed),
            "packed": packed,
            "out": str(options.out),
        }
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print(
            f"{run.made:,} generated, {run.cached:,} {_were(run)}; {matched:,} match, "
            f"{converged:,} of these converged"
        )
        print(f"Written to {options.out}: results.parquet, results.csv, pack.zip, sweep.toml")


def _were(run: Run) -> str:
    """Where the results came from that this run did not generate."""
    elsewhere = f", {run.found:,} of them put there meanwhile by others" if run.found else ""
    return f"were in the cache{elsewhere}"


def _check_failures(run: Run) -> None:
    """CommandFailed where a request failed."""
    rows = run.rows()
    failed = [row for row in rows if row.get("error")]
    if failed:
        raise CommandFailed(
            f"{len(failed):,} of {len(rows):,} failed, with the reason in results.csv; the first: "
            f"{failed[0]['error']}"
        )


COMMAND = Command(
    "sweep",
    "generate every request of a TOML file, into one table",
    _run,
    _add_options,
    prints_json=True,
)
