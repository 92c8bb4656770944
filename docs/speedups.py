"""Each speed-up alone, on one machine in one run: `python docs/speedups.py`.

Prints Markdown rows: what, on which network, seconds without it, with it, and their ratio: medians
of RUNS rounds in which both take turns.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RUNS = 7


def main() -> None:
    """Measure all of them."""
    from explorer.losses.variants import loss_called
    from explorer.models.layers import representation
    from explorer.models.threads import fitting_threads
    from explorer.research.benchmark.cases import LIVE, TARGETS, images_of, network_of
    from explorer.synthesis import loop
    from explorer.synthesis.folding import folded
    from explorer.synthesis.loop import synthesise
    from explorer.synthesis.optimisers import OPTIMISERS
    from explorer.synthesis.stem import with_quick_stem

    free = loss_called("regularizer-free")
    print("| speed-up | on | without | with | sooner by |\n|---|---|---|---|---|")
    for name, layer, size in (
        ("embedded:residual-multi-adv2", "penultimate", 64),
        (LIVE, "layer2", 224),
    ):
        network = network_of(name, size, "cpu")
        targets, seeds = images_of(network, TARGETS)

        def one_pass(network=network, layer=layer, seeds=seeds) -> None:
            images = seeds[:1].clone().requires_grad_(True)
            representation(network, layer, images).square().sum().backward()

        def whole_pass(network=network, layer=layer, seeds=seeds) -> None:
            images = seeds[:1].clone().requires_grad_(True)
            network.module(network.normalise(images)).square().sum().backward()

        light = folded(network, layer)
        quick = with_quick_stem(light)
        with fitting_threads(network):
            for parameter in network.module.parameters():
                parameter.requires_grad_(True)
            parameters = _median(one_pass)
            for parameter in network.module.parameters():
                parameter.requires_grad_(False)
            _say("parameters without gradients", name, parameters, _median(one_pass))
            _turns("only up to the layer", f"{name}, {layer}", whole_pass, one_pass)
            _turns(
                "batch-norm folded, channels last",
                name,
                one_pass,
                lambda network=light, one_pass=one_pass: one_pass(network),
            )
            _turns(
                "gradient by the image as one convolution",
                name,
                lambda network=light, one_pass=one_pass: one_pass(network),
                lambda network=quick, one_pass=one_pass: one_pass(network),
            )

    network = network_of("embedded:residual-multi-adv2", 64, "cpu")
    targets, seeds = images_of(network, TARGETS)
    several = targets.repeat(4, 1, 1, 1), seeds.repeat(4, 1, 1, 1)
    goals = [0.2, 0.1, 0.05] * 4

    def made(crowded: float, soft: bool = True) -> None:
        loop.CROWDED = crowded
        optimiser = replace(OPTIMISERS["paced-secant"], soft=soft)
        synthesise(network, "penultimate", *several, [free] * 12, goals, optimiser, 200)

    before = loop.CROWDED
    with fitting_threads(network):
        _turns(
            "samples that are done leave the batch",
            "12 IRIs to 0.2, 0.1 and 0.05",
            lambda: made(0.0),
            lambda: made(before),
            runs=3,
        )
        _turns(
            "soft corners",
            "the same, at most 200 passes",
            lambda: made(before, soft=False),
            lambda: made(before),
            runs=3,
        )


def _turns(
    what: str, on: str, without: Callable[[], None], with_it: Callable[[], None], runs: int = RUNS
) -> None:
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(runs + 1):
        for place, run in enumerate((without, with_it)):
            begun = time.perf_counter()
            run()
            if turn:  # the first round warms up
                seconds[place].append(time.perf_counter() - begun)
    _say(what, on, statistics.median(seconds[0]), statistics.median(seconds[1]))


def _median(run: Callable[[], None]) -> float:
    run()
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _say(what: str, on: str, without: float, with_it: float) -> None:
    print(
        f"| {what} | {on} | {1e3 * without:,.1f} ms | {1e3 * with_it:,.1f} ms | "
        f"{without / with_it:.2f} × |",
        flush=True,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
