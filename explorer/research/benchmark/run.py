"""Run a plan of the benchmark, continuing where an earlier run stopped."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.research.benchmark import machine
from explorer.research.benchmark.cases import SEED, images_of, network_of
from explorer.research.benchmark.clock import peak_memory
from explorer.research.benchmark.drive import Run
from explorer.research.benchmark.plan import BatchCase, Plan, Work, fingerprint
from explorer.research.benchmark.procedures import Procedure, procedure_named
from explorer.research.benchmark.references import Task
from explorer.research.benchmark.scaling import batch_costs
from explorer.research.resumable import Parts
from explorer.synthesis.optimizers.automatic import automatic

Report = Callable[[str], None]
WARM_UP_PASSES = 3


def run(plan: Plan, out: Path, device: str, report: Report = print) -> list[dict[str, Any]]:
    """The parts that are finished after at most `plan.limit_seconds`, plain JSON values.

    Every part is stored in `out/parts` under a name that changes with the code it depends on, the
    plan, torch and the device; finished parts are not measured again.
    """
    started_at = time.monotonic()
    finished = Parts(out / "parts")
    facts = (machine.describe(device), plan.batch_rounds, plan.batch_passes)
    parts = []
    for number, piece in enumerate(plan.pieces, start=1):
        name = f"{_file_name(piece)}+{fingerprint(facts, piece)}.json"
        part = finished.load(name)
        if part is None:
            if time.monotonic() > started_at + plan.limit_seconds:
                continue
            part = _measure(plan, piece, device)
            finished.save(name, part)
            report(f"[{number}/{len(plan.pieces)}] {_title(piece)}: {part['seconds']:.0f} s")
        parts.append(part)
    missing = plan.missing(parts)
    if missing:
        report(
            f"the time limit was reached: {missing} of {len(plan.pieces)} parts are missing; "
            "the same command continues"
        )
    return parts


def _measure(plan: Plan, piece: Work | BatchCase, device: str) -> dict[str, Any]:
    started_at, cpu_started_at = time.perf_counter(), time.process_time()
    network = network_of(piece.case.network, piece.case.size, device)
    with fitting_threads(network):
        if isinstance(piece, BatchCase):
            measured = _batches(plan, piece, network)
        else:
            measured = _work(piece, network)
        threads = torch.get_num_threads()
    seconds = time.perf_counter() - started_at
    return {
        "case": asdict(piece.case),
        "threads": threads,
        "seconds": round(seconds, 2),
        "cpu_share": round((time.process_time() - cpu_started_at) / seconds, 3),
        **measured,
    }


def _batches(plan: Plan, piece: BatchCase, network: Network) -> dict[str, Any]:
    costs = batch_costs(
        network, piece.case.layer, piece.batches, plan.batch_rounds, plan.batch_passes
    )
    return {"kind": "batches", "costs": {str(k): asdict(cost) for k, cost in costs.items()}}


def _work(work: Work, network: Network) -> dict[str, Any]:
    """The procedure, warmed up, once per budget where its step size depends on the budget."""
    targets, seeds = images_of(network, (work.target,), work.case.seed)
    kind, procedure = network.device.type, procedure_named(work.procedure)
    task = Task(network, work.case.layer, targets, seeds, WARM_UP_PASSES)
    procedure.run(task)
    probes, runs = [], {}
    for passes in work.budgets if procedure.scheduled(task) else (work.passes,):
        probes.append(machine.probe(kind))
        runs[str(passes)] = _run_once(procedure, replace(task, passes=passes))
    return {
        "kind": "work",
        "target": work.target,
        "procedure": work.procedure,
        "passes": work.passes,
        "auto": automatic(network, work.case.layer).name,
        "peak": asdict(machine.peak(kind)),
        "work": asdict(machine.work_of(network, work.case.layer)),
        "probes": probes,
        "runs": runs,
    }


def _run_once(procedure: Procedure, task: Task) -> dict[str, Any]:
    runs: list[Run] = []
    memory = peak_memory(lambda: runs.append(procedure.run(task)), task.seeds.device)
    run = runs[0]
    unclamped = None if run.unclamped is None else _short(run.unclamped[0])
    return {
        "relative_l2": _short(run.relative_l2[0]),
        "unclamped": unclamped,
        "seconds": _short(run.seconds),
        "seconds_per_pass": statistics.median(run.laps),
        "cpu_seconds_per_pass": None if run.cpu_laps is None else statistics.median(run.cpu_laps),
        "memory": memory,
        "moved": _short(run.moved)[0],
    }


def _short(values: list[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _file_name(piece: Work | BatchCase) -> str:
    words = [piece.case.network, piece.case.layer, str(piece.case.size)]
    if piece.case.seed != SEED:
        words.append(piece.case.seed)
    words += ["batches"] if isinstance(piece, BatchCase) else [piece.target, piece.procedure]
    return re.sub(r"[^\w.+-]", "-", "+".join(words))


def _title(piece: Work | BatchCase) -> str:
    what = "batches" if isinstance(piece, BatchCase) else f"{piece.target}, {piece.procedure}"
    return f"{piece.case.title}, {what}"
