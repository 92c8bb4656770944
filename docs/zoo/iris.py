"""The picture iris.png and the table beside it: `python docs/zoo/iris.py`."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))
TARGETS, STEPS, GOAL, GAP = 16, 500, 0.05, 4


def main() -> None:
    """Make sixteen IRIs of two networks from two kinds of seed, print medians, save the sheet."""
    from explorer.analysis.targets import FIRST_DRAWN
    from explorer.images import seeds
    from explorer.losses.variants import loss_called
    from explorer.models.loading import load
    from explorer.models.threads import fitting_threads
    from explorer.synthesis.loop import synthesise
    from explorer.synthesis.optimisers import automatic
    from explorer.zoo.pictures import picture

    numbers = range(FIRST_DRAWN, FIRST_DRAWN + TARGETS)
    drawn = np.stack([picture(number, "test")[0] for number in numbers])
    targets = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
    rows = [targets]
    loss = loss_called("regularizer-free")
    for name in ("residual-multi-standard", "residual-multi-adv2"):
        network = load(f"embedded:{name}")
        for kind in ("grey-noise", "noise"):
            starts = [seeds.make_seed(kind, network.input.size, k) for k in range(TARGETS)]
            with fitting_threads(network):
                traces = synthesise(
                    network,
                    "penultimate",
                    targets,
                    torch.from_numpy(np.stack(starts)),
                    [loss] * TARGETS,
                    [GOAL] * TARGETS,
                    automatic(network, "penultimate", [loss]),
                    STEPS,
                )
            distances = [min(trace.relative_l2) for trace in traces]
            passes = statistics.median(trace.steps for trace in traces)
            near = sum(distance <= GOAL for distance in distances)
            print(
                f"| `{name}` | `{kind}` | {statistics.median(distances):.3f} | "
                f"{max(distances):.3f} | {near} of {TARGETS} | {passes:.0f} |"
            )
            rows.append(torch.stack([trace.iri for trace in traces]))
    side = 64 + GAP
    sheet = Image.new("RGB", (TARGETS * side - GAP, len(rows) * side - GAP), "white")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            pixels = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            sheet.paste(Image.fromarray(pixels), (column * side, row * side))
    sheet.save(ROOT / "docs" / "zoo" / "iris.png", optimize=True)


if __name__ == "__main__":
    main()
