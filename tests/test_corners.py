"""Soft corners: what is computed stays, what flows back is redone by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer.models.layers import representation
from explorer.models.network import InputSpec, Network
from explorer.objectives.variants import loss_called
from explorer.synthesis.corners import with_soft_corners
from explorer.synthesis.loop import synthesise
from explorer.synthesis.optimisers import OPTIMISERS

PLAIN = InputSpec((6, 6), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(128, 10)
    )
    return Network("file:corners", module, PLAIN)


def images(count: int, rng_seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(rng_seed))


@pytest.mark.parametrize("widths", [None, [0.0, 0.0], [0.5, 2.0]])
def test_the_numbers_stay_and_the_weights_are_the_same_ones(network, widths):
    soft, corners = with_soft_corners(network)
    corners.width = None if widths is None else torch.tensor(widths)
    x = images(2, 1).requires_grad_(True)
    assert torch.equal(representation(soft, "logits", x), representation(network, "logits", x))
    assert soft.module[0].weight is network.module[0].weight
    assert type(network.module[1]) is nn.ReLU


def test_a_gradient_rises_as_a_logistic_curve_around_each_corner(network):
    soft, corners = with_soft_corners(network)
    first = images(2, 1)
    with torch.no_grad():
        representation(soft, "logits", first)  # the pass that the widths are relative to
    corners.width = torch.tensor([0.0, 0.7])
    x = images(2, 2).requires_grad_(True)
    (found,) = torch.autograd.grad(representation(soft, "logits", x).sum(), x)

    convolution, head = network.module[0], network.module[3]
    with torch.no_grad():
        scale = float(convolution(first)[1].square().mean().sqrt())
        before = convolution(x).numpy()
        slope = head.weight.sum(0).view(8, 4, 4).numpy()
    let_through = np.stack(
        [before[0] > 0, 1 / (1 + np.exp(-before[1].astype(np.float64) / (0.7 * scale)))]
    )
    back = torch.from_numpy(slope * let_through).float()
    expected = nn.functional.conv_transpose2d(back, convolution.weight)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


def test_without_width_the_gradient_is_the_exact_one(network):
    soft, corners = with_soft_corners(network)
    representation(soft, "logits", images(2, 3))
    x = images(2, 1).requires_grad_(True)
    gradients = []
    for width in (None, torch.zeros(2)):
        corners.width = width
        (found,) = torch.autograd.grad(representation(soft, "logits", x).sum(), x)
        gradients.append(found)
    (exact,) = torch.autograd.grad(representation(network, "logits", x).sum(), x)
    assert torch.equal(gradients[0], exact)
    assert torch.equal(gradients[1], exact)


def test_samples_keep_their_own_scale_when_others_leave(network):
    soft, corners = with_soft_corners(network)
    targets, x = images(3, 1), images(3, 2)

    def gradient(rows: list[int]) -> torch.Tensor:
        corners.width = torch.full((len(rows),), 0.5)
        some = x[rows].requires_grad_(True)
        return torch.autograd.grad(representation(soft, "logits", some).sum(), some)[0]

    targets[1] *= 0.1
    with torch.no_grad():
        representation(soft, "logits", targets)
    before = gradient([0, 1, 2])
    corners.keep(torch.tensor([1, 2]))
    torch.testing.assert_close(gradient([1, 2]), before[1:])


def test_soft_corners_get_further_where_there_are_many(network):
    """A deeper network with three times as many units as pixels: exact gradients crawl."""
    torch.manual_seed(3)
    layers = [nn.Flatten(), nn.Linear(108, 300)]
    for _ in range(3):
        layers += [nn.ReLU(), nn.Linear(300, 300)]
    deep = Network("file:deep", nn.Sequential(*layers), PLAIN)
    targets, seeds = images(4, 1), images(4, 2)
    loss = loss_called("regularizer-free")

    def reached(name: str, soft: bool) -> float:
        optimiser = OPTIMISERS[name]
        optimiser = replace(optimiser, soft=soft)
        traces = synthesise(deep, "logits", targets, seeds, [loss] * 4, [0.0] * 4, optimiser, 100)
        return float(np.median([min(trace.relative_l2) for trace in traces]))

    assert reached("paced-secant", soft=True) < 0.8 * reached("paced-secant", soft=False)
