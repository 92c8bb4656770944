"""Published procedures, re-implemented on this project's networks.

Each is a generator that makes one pass (forward and backward, up to the layer) between two of its
yields and yields (images, relative distance) of that pass: N×3×H×W, and (N,) at the layer, of the
same images (unclamped where the procedure does not clamp). It never ends; the caller stops it. All
start from the task's seeds, run no further than the layer, and compute only what their authors'
loop computes; docstrings name the differences from the published code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.models.layers import list_layers, representation
from explorer.models.network import Network

Passes = Generator[tuple[Tensor, Tensor], None, None]


@dataclass(frozen=True)
class Task:
    """IRIs to make: targets and seeds N×3×H×W in [0, 1], and the number of passes."""

    network: Network
    layer: str
    targets: Tensor
    seeds: Tensor
    passes: int

    def represent(self, images: Tensor) -> Tensor:
        """The representation at the task's layer, N×D."""
        return representation(self.network, self.layer, images).flatten(1)

    def goal(self) -> Tensor:
        """The targets' representation, N×D, without gradient."""
        with torch.no_grad():
            return self.represent(self.targets)


# The paper


def paper_published(task: Task) -> Passes:
    """Nanda et al. (2023) as their loop behaves from torch 2.14 on.

    torch.clamp is part of the differentiated function and has no gradient at 0 and 1, so that
    pixels that start there never move; written out here, so that it does not depend on torch.
    """

    def through_clamp(images: Tensor, gradient: Tensor) -> Tensor:
        return torch.where((images > 0) & (images < 1), gradient, 0.0)

    return _paper(task, through_clamp)


def paper_fixed(task: Task) -> Passes:
    """The same with the gradient that torch.clamp had at 0 and 1 when the paper was written."""
    return _paper(task, lambda images, gradient: gradient)


def _paper(task: Task, through_clamp: Callable[[Tensor, Tensor], Tensor]) -> Passes:
    """Gradient of unit norm, step 1; every loss is copied to the host, the best image is kept."""
    goal, images = task.goal(), task.seeds.clone()
    best, best_loss = images, [math.inf] * len(images)
    while True:
        loss, gradient = _loss_and_gradient(task, images, goal)
        now = loss.tolist()
        better = [a < b for a, b in zip(now, best_loss, strict=True)]
        best_loss = [min(a, b) for a, b in zip(now, best_loss, strict=True)]
        keep = torch.tensor(better, device=images.device).view(-1, 1, 1, 1)
        best = torch.where(keep, images, best)
        yield images, loss
        images = (images - _unit(through_clamp(images, gradient))).clamp(0, 1)


# Normalised steps with a straight-through ReLU


def robustness(task: Task) -> Passes:
    """MadryLab's robustness library, its documented inversion (Engstrom et al. 2019).

    ℓ₂ steps of length 1 within 1000 of the seed, best iterate kept, loss shown at every step. The
    library runs the whole network twice a step; here it is run once, to the layer.
    """
    goal, images = task.goal(), task.seeds.clone()
    best, best_loss = images, torch.full((len(images),), math.inf, device=images.device)
    with _straight_relu(task):
        while True:
            loss, gradient = _loss_and_gradient(task, images, goal)
            best = torch.where((loss < best_loss).view(-1, 1, 1, 1), images, best)
            best_loss = torch.minimum(loss, best_loss)
            _ = f"Current loss: {float(loss.mean())}"
            yield images, loss
            moved = (images - _unit(gradient) - task.seeds).renorm(2, 0, 1000.0)
            images = (task.seeds + moved).clamp(0, 1)


FEATHER_STAGES = 8
FEATHER_STAGE_STEPS = 3000


def feather_shortened(task: Task) -> Passes:
    """Feather et al. (2023) with their 8 stages shortened in proportion to the task's passes.

    Steps of length 1, halved after each stage. Published are 3000 steps a stage: within as many
    passes that is steps of length 1 throughout, so the schedule is only seen when shortened.
    """
    goal, images = task.goal(), task.seeds.clone()
    stage = max(1, task.passes // FEATHER_STAGES)
    made = 0
    with _straight_relu(task):
        while True:
            loss, gradient = _loss_and_gradient(task, images, goal)
            yield images, loss
            step = 0.5 ** min(made // stage, FEATHER_STAGES - 1)
            images = (images - step * _unit(gradient)).clamp(0, 1)
            made += 1


# Adam


def plenoptic(task: Task) -> Passes:
    """plenoptic's Metamer as documented: Adam 0.01 with amsgrad on mean squared error.

    Images are not clamped; 0.1 · Σ (distance to [0, 1])² is added. In float32, which is faster
    than the float64 of its ResNet page.
    """
    goal = task.goal()
    images = task.seeds.clone().requires_grad_(True)
    adam = torch.optim.Adam([images], lr=0.01, amsgrad=True)
    while True:
        current = task.represent(images)
        outside = images.clamp_max(0).square() + (images - 1).clamp_min(0).square()
        loss = (current - goal).square().mean(1) + 0.1 * outside.sum((1, 2, 3))
        (images.grad,) = torch.autograd.grad(loss.sum(), images)
        loss.tolist()
        yield images.detach(), relative_distance(current.detach(), goal)
        adam.step()


ADAM_STEP = 0.05


def adam(task: Task) -> Passes:
    """Adam with a cosine to 0 over the task's passes, on pixels clamped after each step."""
    goal, images = task.goal(), task.seeds.clone()
    optimiser = torch.optim.Adam([images], lr=ADAM_STEP)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, task.passes))
    while True:
        loss, images.grad = _loss_and_gradient(task, images, goal)
        yield images.clone(), loss
        optimiser.step()
        images.clamp_(0, 1)
        cosine.step()


COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Lucid's square root of the colour covariance of ImageNet."""


def fourier_adam(task: Task) -> Passes:
    """Lucid and Lucent: Adam 0.05 on a spectrum scaled by 1/frequency, colours decorrelated.

    Starts from its own seed, 0.01 · N(0, 1) in the spectrum: it ends in a sigmoid, which has no
    gradient where noise is black or white. Without random transforms, since with them every pass
    measures the match of a different image. The loss is the relative distance.
    """
    return _fourier_adam(task, _lucid_spectrum(task))


def fourier_adam_from_seed(task: Task) -> Passes:
    """The same from the task's seeds, within 0.02 … 0.98 of the sigmoid's range."""
    return _fourier_adam(task, _to_spectrum(task.seeds.clamp(0.02, 0.98)))


def _fourier_adam(task: Task, spectrum: Tensor) -> Passes:
    goal, spectrum = task.goal(), spectrum.requires_grad_(True)
    adam = torch.optim.Adam([spectrum], lr=0.05)
    while True:
        images = _from_spectrum(spectrum, *task.seeds.shape[2:])
        loss = relative_distance(task.represent(images), goal)
        (spectrum.grad,) = torch.autograd.grad(loss.sum(), spectrum)
        yield images.detach(), loss.detach()
        adam.step()


def lucid_seed(task: Task) -> Tensor:
    """The seed images of `fourier_adam`, N×3×H×W in [0, 1], nearly grey."""
    return _from_spectrum(_lucid_spectrum(task), *task.seeds.shape[2:])


def _lucid_spectrum(task: Task) -> Tensor:
    """One spectrum for all samples, N×3×H×(W/2+1)×2."""
    count, channels, height, width = task.seeds.shape
    shape = (1, channels, height, width // 2 + 1, 2)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return 0.01 * drawn.expand(count, *shape[1:]).contiguous().to(task.seeds.device)


def _frequency_and_colours(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of each coefficient, H×(W/2+1), at least the lowest; and the 3×3 matrix of colours."""
    rows = torch.fft.fftfreq(height, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, device=device)[None, :]
    frequency = (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
    colours = torch.tensor(COLOURS, device=device)
    return frequency, colours / torch.linalg.vector_norm(colours, dim=0).max()


def _to_spectrum(images: Tensor) -> Tensor:
    """The inverse of `_from_spectrum`, for images within (0, 1)."""
    frequency, colours = _frequency_and_colours(images.shape[2], images.shape[3], images.device)
    plain = 4 * torch.einsum("ij,njhw->nihw", torch.linalg.inv(colours), images.logit())
    return torch.view_as_real(torch.fft.rfft2(plain, norm="ortho") * frequency).contiguous()


def _from_spectrum(spectrum: Tensor, height: int, width: int) -> Tensor:
    frequency, colours = _frequency_and_colours(height, width, spectrum.device)
    plain = torch.fft.irfft2(
        torch.view_as_complex(spectrum) / frequency, s=(height, width), norm="ortho"
    )
    return torch.einsum("ij,njhw->nihw", colours, plain / 4).sigmoid()


# Shared parts


def relative_distance(current: Tensor, goal: Tensor) -> Tensor:
    """‖current − goal‖ / ‖goal‖ of representations N×D, (N,)."""
    size = torch.linalg.vector_norm(goal, dim=1).clamp_min(1e-12)
    return torch.linalg.vector_norm(current - goal, dim=1) / size


def _loss_and_gradient(task: Task, images: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    images = images.detach().requires_grad_(True)
    loss = relative_distance(task.represent(images), goal)
    (gradient,) = torch.autograd.grad(loss.sum(), images)
    return loss.detach(), gradient


def _unit(gradient: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return gradient / (norm.view(-1, 1, 1, 1) + 1e-10)


class _StraightReLU(torch.autograd.Function):
    """A ReLU forward, the identity backward."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        return x.clamp_min(0)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return gradient


@contextmanager
def _straight_relu(task: Task) -> Iterator[None]:
    """In this context the last ReLU before the layer is straight-through (identity backward).

    robustness's and Feather's `fake_relu`; a network without ReLU modules does not change.
    """
    before: list[str] = []
    for layer in list_layers(task.network):
        if layer.kind == "ReLU":
            before.append(layer.name.split("#")[0])
        if layer.name == task.layer:
            break
    if not before:
        yield
        return
    relu = task.network.module.get_submodule(before[-1])
    relu.forward = _StraightReLU.apply
    try:
        yield
    finally:
        del relu.forward
