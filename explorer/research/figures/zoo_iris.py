"""The contact sheet in docs/zoo and the figures next to it: photographs and their IRIs.

python -m explorer.research.figures.zoo_iris [STANDARD ROBUST]
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from explorer.analysis.nearest import tighten_traces
from explorer.images import gallery, seeds
from explorer.losses.variants import loss_named
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.threads import fitting_threads
from explorer.research.markdown import table
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic

PICTURE = "zoo/iris.png"
NETWORKS = ("imagenette-residual-standard", "imagenette-residual-adv1")
LAYER, SEED, STEPS, GOAL, LOSS = "penultimate", "noise", 500, 0.02, "regularizer-free"
PHOTOGRAPHS = (
    *("astronaut", "cat", "coffee", "rocket", "raccoon", "dandelions"),
    *("photographer", "goldfish", "sunflower", "balloon", "dog", "bridge"),
)
"""Of one clear subject each, and chosen before their IRIs were seen."""
GAP, ENLARGED = 4, 2
HEADER = (
    *("network", "median relative distance", "largest", f"at {GOAL}", "passes, median"),
    *("moved as searched", "moved, nearest"),
)


def write(documents: Path, networks: Sequence[str] = NETWORKS) -> None:
    """Print medians and save the sheet: targets, then as searched and nearest by network."""
    rows: list[Tensor] = []
    lines: list[tuple[str, ...]] = []
    for name in networks:
        targets, searched, nearest, line = iris(name)
        rows += [searched, nearest] if rows else [targets, searched, nearest]
        lines.append(line)
    print(table(HEADER, lines))
    sheet(rows).save(documents / PICTURE, optimize=True)


def iris(name: str) -> tuple[Tensor, Tensor, Tensor, tuple[str, ...]]:
    """(targets, IRIs as searched, nearest IRIs, each N×3×H×W in [0, 1]; the table's line).

    The targets are PHOTOGRAPHS; the k-th starts from the noise of random seed k.
    """
    network, count = load(f"embedded:{name}"), len(PHOTOGRAPHS)
    targets = as_batch([fit_to(gallery.load(each), network) for each in PHOTOGRAPHS], network)
    starts = [seeds.make_seed(SEED, network.input.size, number) for number in range(count)]
    losses = [loss_named(LOSS)] * count
    problem = Problem(network, LAYER, targets, as_batch(starts, network), losses, [GOAL] * count)
    with fitting_threads(network):
        traces = synthesise(problem, automatic(network, LAYER, losses[:1]), STEPS)
        phases = list(tighten_traces(problem, traces, range(count)).values())
    distances = [min(trace.relative_l2) for trace in traces]
    line = (
        f"`{name}`",
        f"{statistics.median(distances):.3f}",
        f"{max(distances):.3f}",
        f"{sum(distance <= GOAL for distance in distances)} of {count}",
        f"{statistics.median(trace.steps for trace in traces):.0f}",
        f"{statistics.median(phase.moved[0] for phase in phases):.1f}",
        f"{statistics.median(phase.moved[-1] for phase in phases):.1f}",
    )
    searched = torch.stack([trace.iri for trace in traces])
    return targets, searched, torch.stack([phase.image for phase in phases]), line


def sheet(rows: Sequence[Tensor]) -> Image.Image:
    """Rows of images, N×3×H×W in [0, 1] each, enlarged without smoothing."""
    side = ENLARGED * rows[0].shape[-1] + GAP
    page = Image.new("RGB", (len(rows[0]) * side - GAP, len(rows) * side - GAP), "white")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            pixels = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            large = Image.fromarray(pixels).resize((side - GAP,) * 2, Image.Resampling.NEAREST)
            page.paste(large, (column * side, row * side))
    return page


if __name__ == "__main__":
    write(Path("docs"), sys.argv[1:] or NETWORKS)
