"""How near the tightening phase comes to the least distance that a tenfold longer search finds.

python -m explorer.research.figures.nearest [NETWORK …]
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.analysis.batch_images import load_images
from explorer.analysis.nearest import tighten_traces
from explorer.losses.variants import loss_named
from explorer.metrics.match import at_goal
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.research.markdown import table
from explorer.synthesis.evaluator import Evaluator
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.nearest import NearestSearch
from explorer.synthesis.optimizers.automatic import automatic

NETWORKS = (
    "residual-multi-standard",
    "residual-multi-adv2",
    "vgg-multi-standard",
    "vgg-multi-adv2",
    "vit-multi-adv2",
)
TARGETS = ("astronaut", "coffee", "rocket", "cat", "photographer", "raccoon")
LAYER, SEED, GOAL, STEPS, LOSS = "penultimate", "noise", 0.05, 500, "regularizer-free"
LONGER = 10
"""Times the passes of the phase that a long search may take."""
WINDOW, TOLERANCE = 200, 1e-3
"""It ends before that where so many passes bring no image nearer by more than this share."""


@dataclass(frozen=True)
class Distances:
    """‖IRI − seed‖ of each target, and what it took.

    searched, nearest: where the search and the phase ended. longer: what the long search found from
    the searched images. farther: how many searches did not reach GOAL; the distance that they
    reached then takes its place.
    """

    searched: tuple[float, ...]
    nearest: tuple[float, ...]
    longer: tuple[float, ...]
    search_passes: float
    phase_passes: float
    farther: int


def measure(name: str) -> Distances:
    """Those of one embedded network over TARGETS, the k-th from the seed of random seed k."""
    network = load(NetworkReference(f"embedded:{name}"), "cpu")
    with fitting_threads(network):
        problem = _problem(network, name)
        losses = list(problem.losses)
        traces = synthesise(problem, automatic(network, LAYER, losses), STEPS)
        phases = list(tighten_traces(problem, traces, range(len(traces))).values())
        passes = LONGER * max(phase.passes for phase in phases)
        searched = torch.stack([trace.iri for trace in traces])
        allowed = torch.tensor([phase.allowed for phase in phases])
        longer = long_search(problem, searched, allowed, passes)
    return Distances(
        searched=tuple(phase.moved[0] for phase in phases),
        nearest=tuple(phase.moved[-1] for phase in phases),
        longer=tuple(longer.tolist()),
        search_passes=statistics.median(trace.steps for trace in traces),
        phase_passes=statistics.median(phase.passes for phase in phases),
        farther=sum(not at_goal(phase.allowed, GOAL) for phase in phases),
    )


def long_search(problem: Problem, images: Tensor, allowed: Tensor, passes: int) -> Tensor:
    """The least ‖x − x₀‖ with a relative distance of at most `allowed`, (N,), within `passes`.

    As the phase does it, from N×3×H×W images, but for its stopping rule: see WINDOW.
    """
    evaluator = Evaluator(problem)
    start = evaluator.parametrisation.start
    origin, points = start(problem.seeds).flatten(1), start(images).flatten(1)
    search = NearestSearch(origin, allowed, evaluator.parametrisation.bounds)
    before = search.moved
    for number in range(passes):
        evaluation = evaluator(points.view_as(images), None)
        gradient = evaluation.gradient.flatten(1)
        points = search.next(points, evaluation.relative_l2, gradient)
        if number % WINDOW == 0:
            if bool((search.moved >= (1 - TOLERANCE) * before).all()) and number:
                break
            before = search.moved
    return search.moved


def row(name: str, found: Distances) -> list[str]:
    """The line of a network: means over targets, medians of passes."""
    ends = [statistics.mean(each) for each in (found.searched, found.nearest, found.longer)]
    ratios = [a / b for a, b in zip(found.nearest, found.longer, strict=True)]
    return [
        f"`{name}`",
        *(f"{end:.1f}" for end in ends),
        f"{ends[1] / ends[2]:.3f}",
        f"{max(ratios):.3f}",
        f"{found.search_passes:g}",
        f"{found.phase_passes:g}",
        f"{found.farther}",
    ]


def _problem(network: Network, name: str) -> Problem:
    requests = [
        Request(model=f"embedded:{name}", layer=LAYER, target=target, seed=SEED, rng_seed=number)
        for number, target in enumerate(TARGETS)
    ]
    images = load_images(requests, network, {})
    count = len(TARGETS)
    losses = [loss_named(LOSS)] * count
    return Problem(network, LAYER, images.targets, images.seeds, losses, [GOAL] * count)


def main(names: Sequence[str]) -> None:
    """Print the table of docs/benchmarks.md."""
    rows = []
    for name in names or NETWORKS:
        found = measure(name)
        print(name, found, file=sys.stderr, flush=True)
        rows.append(row(name, found))
    header = ["network", "as searched", "nearest", "ten times longer", "ratio", "worst ratio"]
    header += ["passes of the search", "of the phase", "not at 0.05"]
    print(table(header, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
