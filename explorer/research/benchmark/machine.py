"""The machine: description, current timing noise, and peak throughput."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from explorer.models.layers import list_layers, representation
from explorer.models.network import Network
from explorer.models.precision import full_precision

REPEATS = 15
PROBE_SIDE = 384


@dataclass(frozen=True)
class Peak:
    """Measured peak throughput: floating-point operations and bytes moved, per second."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class PassWork:
    """What one pass (forward and backward to the layer) of one image needs at least.

    flops: of convolutions and matrix products, a multiplication and an addition as two.
    bytes: every leaf module's output written and read once, its gradient too, weights read twice.
    """

    flops: float
    bytes: float

    def floor(self, peak: Peak) -> tuple[float, float]:
        """Least seconds by arithmetic and by memory; the larger bounds a pass (roofline)."""
        return self.flops / peak.flops, self.bytes / peak.bytes


def describe(device: str) -> dict[str, object]:
    """Device, processor, cores and versions, plain JSON values."""
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return {
        "device": name,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def peak(device: str) -> Peak:
    """The best of several products, convolutions and copies with the threads torch has now.

    Measured at the first call and cached for the process.
    """
    return _peak(device, torch.get_num_threads())


@cache
def _peak(device: str, _threads: int) -> Peak:
    with full_precision():  # as our engine's passes are
        return _best_of_several(device, large=device == "cuda")


def _best_of_several(device: str, large: bool) -> Peak:
    side = 8192 if large else 1024
    square = torch.rand(side, side, device=device)
    images = torch.rand(256 if large else 4, 64, 56, 56, device=device)
    weights = torch.rand(64, 64, 3, 3, device=device)
    memory = torch.rand(2**28 if large else 2**24, device=device)
    copy = torch.empty_like(memory)
    product = 2 * side**3 / _best(lambda: square @ square, device)
    convolution = (
        2
        * images[:, 0].numel()
        * weights.numel()
        / _best(lambda: F.conv2d(images, weights, padding=1), device)
    )
    moved = 2 * memory.numel() * 4 / _best(lambda: copy.copy_(memory), device)
    return Peak(max(product, convolution), moved)


def probe(device: str) -> float:
    """Seconds that one fixed small product takes now: how much other processes interfere."""
    square = torch.ones(PROBE_SIDE, PROBE_SIDE, device=device)
    square @ square
    return _seconds(lambda: [square @ square for _ in range(4)], device)


def work_of(network: Network, layer: str) -> PassWork:
    """Count one pass at one image."""
    images = torch.full((1, 3, *network.input.size), 0.5, device=network.device)
    images.requires_grad_(True)
    with FlopCounterMode(display=False) as counter:
        output = representation(network, layer, images)
        torch.autograd.grad(output.sum(), images)
    return PassWork(float(counter.get_total_flops()), float(_bytes(network, layer, images)))


def _bytes(network: Network, layer: str, images: Tensor) -> int:
    modules = dict(network.module.named_modules())
    moved, weights = images.numel(), 0
    for one in list_layers(network):
        module = modules.get(one.name.split("#")[0])
        if module is not None and not any(module.children()):
            moved += one.elements
            weights += sum(parameter.numel() for parameter in module.parameters())
        if one.name == layer:
            break
    return 4 * (4 * moved + 2 * weights)


def _best(work: Callable[[], object], device: str) -> float:
    return min(_seconds(work, device) for _ in range(REPEATS))


def _seconds(work: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    started_at = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started_at
