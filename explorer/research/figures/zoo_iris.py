"""The picture of IRIs in docs/zoo and the figures next to it: sixteen targets, two networks.

python -m explorer.research.figures.zoo_iris
"""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from explorer.research.markdown import table

PICTURE = "zoo/iris.png"
TARGETS, STEPS, GOAL, GAP = 16, 500, 0.05, 4
HEADER = ("network", "seed", "median relative distance", "largest", f"at {GOAL}", "passes, median")


def write(documents: Path) -> None:
    """Generate IRIs from two kinds of seed, print medians, save the contact sheet."""
    from explorer.analysis.targets import FIRST_DRAWN
    from explorer.images import seeds
    from explorer.losses.variants import loss_named
    from explorer.models.loading import load
    from explorer.models.threads import fitting_threads
    from explorer.synthesis.loop import Problem, synthesise
    from explorer.synthesis.optimizers.automatic import automatic
    from explorer.zoo.pictures import picture

    numbers = range(FIRST_DRAWN, FIRST_DRAWN + TARGETS)
    drawn = np.stack([picture(number, "test")[0] for number in numbers])
    targets = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
    sheet_rows, table_rows = [targets], []
    loss = loss_named("regularizer-free")
    for name in ("residual-multi-standard", "residual-multi-adv2"):
        network = load(f"embedded:{name}")
        for kind in ("grey-noise", "noise"):
            starts = [seeds.make_seed(kind, network.input.size, k) for k in range(TARGETS)]
            with fitting_threads(network):
                problem = Problem(
                    network,
                    "penultimate",
                    targets,
                    torch.from_numpy(np.stack(starts)),
                    [loss] * TARGETS,
                    [GOAL] * TARGETS,
                )
                optimiser = automatic(network, "penultimate", [loss])
                traces = synthesise(problem, optimiser, STEPS)
            distances = [min(trace.relative_l2) for trace in traces]
            near = sum(distance <= GOAL for distance in distances)
            table_rows.append(
                (
                    f"`{name}`",
                    f"`{kind}`",
                    f"{statistics.median(distances):.3f}",
                    f"{max(distances):.3f}",
                    f"{near} of {TARGETS}",
                    f"{statistics.median(trace.steps for trace in traces):.0f}",
                )
            )
            sheet_rows.append(torch.stack([trace.iri for trace in traces]))
    print(table(HEADER, table_rows))
    _sheet(sheet_rows).save(documents / PICTURE, optimize=True)


def _sheet(rows: list[torch.Tensor]) -> Image.Image:
    side = rows[0].shape[-1] + GAP
    sheet = Image.new("RGB", (TARGETS * side - GAP, len(rows) * side - GAP), "white")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            pixels = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            sheet.paste(Image.fromarray(pixels), (column * side, row * side))
    return sheet


if __name__ == "__main__":
    write(Path("docs"))
