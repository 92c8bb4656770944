"""Where Feather et al.'s 24,000 steps end on a ResNet-50 with dead branches.

`python docs/plateau.py [LAYER …] [TARGET …]` prints a table, of these or of all.

The last batch-norm of each block is drawn as 0, so that its branch adds 0 and hands back no
gradient: the network is its shortcuts, the same numbers with a small part of the work, and can be
matched on a CPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LAYERS = ("layer4", "layer3", "layer2", "penultimate")
PASSES = 24_000


class _Shortcut(nn.Module):
    """A bottleneck block whose branch adds nothing."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.downsample, self.relu = block.downsample, nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x if self.downsample is None else self.downsample(x))


def main(wanted: Sequence[str]) -> None:
    """Make them, layer by layer; wanted: layers and targets, all where none is named."""
    from explorer.losses.variants import loss_called
    from explorer.research.benchmark.cases import DEEP_DEFAULT, TARGETS, images_of, network_of
    from explorer.synthesis.loop import synthesise
    from explorer.synthesis.optimisers import OPTIMISERS

    unknown = set(wanted) - {*LAYERS, *TARGETS}
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: not among {', '.join((*LAYERS, *TARGETS))}")
    network = network_of(DEEP_DEFAULT, 224, "cpu")
    layers = [layer for layer in LAYERS if layer in wanted] or LAYERS
    names = tuple(name for name in TARGETS if name in wanted) or TARGETS
    targets, seeds = images_of(network, names)
    before = {layer: _seen(network, layer, seeds[:1]) for layer in layers}
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        blocks = network.module.get_submodule(stage)
        for place, block in enumerate(blocks):
            blocks[place] = _Shortcut(block)
    for layer, (value, gradient) in before.items():
        same = _seen(network, layer, seeds[:1])
        torch.testing.assert_close(same, (value, gradient), rtol=1e-4, atol=1e-9)

    free = loss_called("regularizer-free")
    print(f"| layer | {' | '.join(names)} | seconds |\n|{'---|' * (len(names) + 2)}")
    for layer in layers:
        begun = time.perf_counter()
        traces = synthesise(
            network,
            layer,
            targets,
            seeds,
            [free] * len(targets),
            [0.0] * len(targets),
            OPTIMISERS["feather"],
            PASSES,
            # The vector at the end is a mean over ReLUs, whose gradients this cannot replace.
            relu_passes=layer != "penultimate",
        )
        ends = " | ".join(f"{trace.relative_l2[-1]:.4f}" for trace in traces)
        print(f"| {layer} | {ends} | {time.perf_counter() - begun:.0f} |", flush=True)


def _seen(network, layer: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """The representation, and the gradient of its length by the image."""
    from explorer.models.layers import representation

    images = images.clone().requires_grad_(True)
    value = representation(network, layer, images)
    (gradient,) = torch.autograd.grad(torch.linalg.vector_norm(value), images)
    return value.detach(), gradient


if __name__ == "__main__":
    main(sys.argv[1:])
