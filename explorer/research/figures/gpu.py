"""ResNet-50 at 224×224 on a GPU: the tables of docs/benchmarks.md, "On a GPU".

    python -m explorer.research.figures.gpu [passes] [batches] [reach] [feather] [nearest]

What a pass costs, kernel by kernel and replayed, and what its kernels take alone; what a batch is
worth; how near `auto` comes in seconds, compared with the paper's procedure; where Feather et al.'s
24,000 steps end (minutes); and what the tightening phase takes. The last runs without a GPU, too.
"""

from __future__ import annotations

import statistics
import sys
import time
from itertools import product
from typing import TYPE_CHECKING

import torch

from explorer.research.markdown import table

if TYPE_CHECKING:
    from explorer.synthesis.optimizers.record import Optimiser
    from explorer.synthesis.problem import Problem

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYERS = ("layer2", "layer3", "layer4", "penultimate")
EMBEDDED = "embedded:imagenette-residual-adv1"
GOAL, SECONDS = 0.01, 5.0
PAPER_PASSES, FEATHER_PASSES = 3000, 24_000
TARGETS = ("astronaut", "coffee", "cat")


def passes() -> None:
    """Milliseconds of a pass and a step at batch 1: called kernel by kernel, and replayed."""
    from explorer.research.benchmark.cases import DEEP_LIVE
    from explorer.synthesis import cuda_graphs

    warm_up = cuda_graphs.WARM_UP_CALLS
    rows = []
    for name, layer in ((DEEP_LIVE, layer) for layer in LAYERS):
        work = _Work(name, layer, TARGETS[:1])
        cuda_graphs.WARM_UP_CALLS = 10**9
        called = statistics.median(work.ms_per_pass(60) for _ in range(3))
        cuda_graphs.WARM_UP_CALLS = warm_up
        replayed = statistics.median(work.ms_per_pass(200) for _ in range(3))
        kernels, count = work.kernels(100)
        rows.append(
            (
                f"{name}, {layer}",
                f"`{work.optimiser.name}`",
                f"{called:.2f} ms",
                f"{replayed:.2f} ms",
                f"{kernels:.2f} ms",
                f"{replayed / kernels:.2f}",
                f"{count:.0f}",
            )
        )
    header = ("network, layer", "optimiser", "kernel by kernel", "replayed", "kernels alone")
    print(table((*header, "replayed / kernels alone", "kernels"), rows))


def batches() -> None:
    """Milliseconds per pass and image by batch size."""
    from explorer.research.benchmark.cases import DEEP_LIVE, LIVE

    rows = []
    places = ((EMBEDDED, "penultimate", 64), (LIVE, "layer2", 64), (DEEP_LIVE, "layer2", 224))
    for name, layer, size in places:
        costs = []
        for batch in (1, 4, 16):
            work = _Work(name, layer, TARGETS[:1] * batch, size)
            costs.append(statistics.median(work.ms_per_pass(100) for _ in range(3)) / batch)
        cells = [f"{cost:.2f} ms" for cost in costs]
        rows.append((f"{name}, {layer}, {size}×{size}", *cells, f"{costs[-1] / costs[0]:.3f}"))
    print(table(("network, layer", "1", "4", "16", "16 / 1"), rows))


def reach() -> None:
    """How near `auto` comes in so many seconds, and how near the paper's procedure comes."""
    from explorer.research.benchmark.cases import DEEP_DEFAULT, DEEP_LIVE
    from explorer.research.benchmark.drive import run_reference
    from explorer.research.benchmark.references import Task, paper_fixed
    from explorer.synthesis.optimizers.registry import OPTIMISERS

    rows = []
    # One target of each first: those after it only say whether it is a typical one.
    for target in TARGETS:
        for name, layer in product((DEEP_LIVE, DEEP_DEFAULT), LAYERS):
            work = _Work(name, layer, (target,))
            fitting = int(0.95 * SECONDS / (work.ms_per_pass(60) / 1000))
            curve, seconds = work.made(fitting, GOAL)
            best, steps = min(curve), len(curve) - 1
            arrived = f"{seconds:.1f} s" if best <= GOAL else "–"
            paper = took = ""
            if target == TARGETS[0]:
                theirs, _ = work.made(PAPER_PASSES, 0.0, OPTIMISERS["paper"])
                task = Task(work.network, layer, work.targets, work.seeds, 20)
                run_reference(paper_fixed, task)
                lap = statistics.median(run_reference(paper_fixed, task).laps)
                paper, took = f"{min(theirs):.3f}", f"{lap * PAPER_PASSES:.0f} s"
            rows.append(
                (
                    f"{name}, {layer}, {target}",
                    f"`{work.optimiser.name}`",
                    steps,
                    f"{seconds:.1f}",
                    f"{best:.4f}",
                    arrived,
                    paper,
                    took,
                )
            )
    header = ("network, layer, target", "optimiser", "passes", "seconds", "distance", f"to {GOAL}")
    print(table((*header, f"the paper's after {PAPER_PASSES} passes", "which take"), rows))


def feather() -> None:
    """Where Feather et al.'s schedule ends after its 24,000 steps as published, one target."""
    from explorer.research.benchmark.cases import DEEP_LIVE
    from explorer.synthesis.optimizers.registry import OPTIMISERS

    rows = []
    for layer in LAYERS:
        work = _Work(DEEP_LIVE, layer, TARGETS[:1])
        # The vector at the end is a mean over ReLUs, whose gradients this cannot replace.
        curve, seconds = work.made(
            FEATHER_PASSES, 0.0, OPTIMISERS["feather"], straight_through=layer != "penultimate"
        )
        rows.append((f"{DEEP_LIVE}, {layer}", f"{curve[-1]:.4f}", f"{seconds:.0f}"))
    print(table(("network, layer", f"after {FEATHER_PASSES} passes", "seconds"), rows))


def nearest() -> None:
    """What the tightening phase after a search takes, and how far towards the seed it brings."""
    from explorer.research.benchmark.cases import DEEP_LIVE
    from explorer.synthesis.loop import synthesise
    from explorer.synthesis.tightening import budget_after, tighten

    rows = []
    for name, layer in ((EMBEDDED, "penultimate"), *((DEEP_LIVE, each) for each in LAYERS)):
        work = _Work(name, layer, TARGETS[:1], 64 if name == EMBEDDED else 224)
        problem = work.problem(0.05)
        _synchronise()
        times = [time.perf_counter()]
        (trace,) = synthesise(problem, work.optimiser, 500)
        _synchronise()
        times.append(time.perf_counter())
        reached = max(0.05, 1.0001 * trace.relative_l2[trace.best_step])
        image = trace.iri[None].to(problem.targets.device)
        (phase,) = tighten(problem, image, [reached], budget_after(trace.steps))
        _synchronise()
        times.append(time.perf_counter())
        rows.append(
            (
                f"{name}, {layer}",
                trace.steps,
                f"{times[1] - times[0]:.2f} s",
                phase.passes,
                f"{times[2] - times[1]:.2f} s",
                f"{phase.allowed:.3f}",
                f"{phase.moved[0]:.1f}",
                f"{phase.moved[-1]:.1f}",
            )
        )
    header = ("network, layer", "passes", "seconds", "passes after", "seconds", "within", "moved")
    print(table((*header, "then"), rows))


class _Work:
    """Targets at a layer of a network, from N(0, 1) noise, by what `auto` is there.

    On the GPU, where there is one.
    """

    def __init__(self, name: str, layer: str, targets: tuple[str, ...], size: int = 224) -> None:
        from explorer.losses.variants import loss_named
        from explorer.research.benchmark.cases import images_of, network_of
        from explorer.synthesis.optimizers.automatic import automatic

        self.network, self.layer = network_of(name, size, DEVICE), layer
        self.targets, self.seeds = images_of(self.network, targets)
        self._loss = loss_named("regularizer-free")
        self.optimiser = automatic(self.network, layer, [self._loss])

    def problem(self, goal: float, straight_through: bool = False) -> Problem:
        """Its targets, to be matched to this relative distance."""
        from explorer.synthesis.problem import Problem

        count = len(self.targets)
        return Problem(
            self.network,
            self.layer,
            self.targets,
            self.seeds,
            [self._loss] * count,
            [goal] * count,
            straight_through=straight_through,
        )

    def made(
        self,
        passes: int,
        goal: float,
        optimiser: Optimiser | None = None,
        straight_through: bool = False,
    ) -> tuple[list[float], float]:
        """Relative distances of the first sample, pass by pass, and seconds of everything."""
        from explorer.synthesis.loop import synthesise

        problem = self.problem(goal, straight_through)
        _synchronise()
        started_at = time.perf_counter()
        traces = synthesise(problem, optimiser or self.optimiser, passes)
        _synchronise()
        return traces[0].relative_l2, time.perf_counter() - started_at

    def ms_per_pass(self, passes: int) -> float:
        """Warm: the difference of two runs, so that what is done once is not counted."""
        self.made(20, 0.0)
        short, long = (self.made(count, 0.0) for count in (20, 20 + passes))
        return 1000 * (long[1] - short[1]) / (len(long[0]) - len(short[0]))

    def kernels(self, passes: int) -> tuple[float, float]:
        """Milliseconds that the kernels of a pass and a step take on the device, and how many."""
        from torch.profiler import ProfilerActivity, profile

        counts = []
        for count in (20, 20 + passes):
            with profile(activities=[ProfilerActivity.CUDA]) as profiled:
                curve, _ = self.made(count, 0.0)
            on_device = torch.autograd.DeviceType.CUDA  # type: ignore[attr-defined]  # not listed
            events = [event for event in profiled.events() if event.device_type == on_device]
            busy = sum(event.time_range.elapsed_us() for event in events)
            counts.append((busy / 1000, len(events), len(curve)))
        (short, few, start), (long, many, end) = counts
        return (long - short) / (end - start), (many - few) / (end - start)


def _synchronise() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


PARTS = {part.__name__: part for part in (passes, batches, reach, feather, nearest)}

if __name__ == "__main__":
    if DEVICE != "cuda" and sys.argv[1:] != ["nearest"]:
        raise SystemExit("this measures a GPU, and torch sees none here; only `nearest` runs so")
    for wanted in sys.argv[1:] or PARTS:
        PARTS[wanted]()
        print()
