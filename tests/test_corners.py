"""Soft corners: what is computed stays, what flows back is redone by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer.losses.variants import loss_named
from explorer.models.layers import representation
from explorer.models.network import InputSpec, Network
from explorer.synthesis.corners import Corners, with_soft_corners
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


def softened(network: Network, layer: str, first: torch.Tensor) -> tuple:
    """(network, corners) that have seen `first`."""
    soft, corners = with_soft_corners(network)
    with torch.no_grad():
        seen = corners.learn(lambda: representation(soft, layer, first))
        assert torch.equal(seen, representation(network, layer, first))
    return soft, corners


def gradient(network: Network, layer: str, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(representation(network, layer, x).sum(), x)
    return found


@pytest.mark.parametrize("widths", [None, [0.0, 0.0], [0.5, 2.0]])
def test_the_numbers_stay_and_the_weights_are_the_same_ones(network, widths):
    soft, corners = softened(network, "logits", images(2, 7))
    corners.soften(None if widths is None else torch.tensor(widths))
    x = images(2, 1).requires_grad_(True)
    assert torch.equal(representation(soft, "logits", x), representation(network, "logits", x))
    assert soft.module[0].weight is network.module[0].weight
    assert type(network.module[1]) is nn.ReLU


def test_a_gradient_rises_as_the_curve_says_around_each_corner(network):
    first, x = images(2, 1), images(2, 2)
    soft, corners = softened(network, "logits", first)
    corners.soften(torch.tensor([0.0, 0.7]))
    found = gradient(soft, "logits", x)

    convolution, head = network.module[0], network.module[3]
    with torch.no_grad():
        scale = float(convolution(first)[1].square().mean().sqrt())
        before = convolution(x).numpy()
        slope = head.weight.sum(0).view(8, 4, 4).numpy()
    u = before[1].astype(np.float64) / (0.7 * scale)
    let_through = np.stack([before[0] > 0, 0.5 + 0.5 * u / (1 + np.abs(u))])
    back = torch.from_numpy(slope * let_through).float()
    expected = nn.functional.conv_transpose2d(back, convolution.weight)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [None, [0.0, 0.0]])
def test_without_width_the_gradient_is_the_exact_one_also_where_nothing_arrives(network, width):
    """Weights of 0 send an exact 0 into some ReLUs, whose gradient there is 0."""
    with torch.no_grad():
        network.module[0].weight[:3] = 0
        network.module[0].bias[:3] = 0
    x = images(2, 1)
    for layer in ("logits", "1"):  # the second one ends in the ReLU
        soft, corners = softened(network, layer, images(2, 3))
        corners.soften(None if width is None else torch.tensor(width))
        assert torch.equal(gradient(soft, layer, x), gradient(network, layer, x))


def test_the_relu_that_the_layer_ends_in_lets_every_gradient_through(network):
    x = images(2, 2)
    soft, corners = softened(network, "1", images(2, 1))
    corners.soften(torch.tensor([1.0, 1.0]))
    every = gradient(network, "0", x)  # as if there were no ReLU
    assert torch.equal(gradient(soft, "1", x), every)


def test_what_is_added_in_place_to_what_a_relu_lets_out_is_not_the_relu_s():
    class AddsInPlace(nn.Module):
        def forward(self, x):
            x += 1
            return x

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), AddsInPlace(), nn.Flatten())
    network = Network("file:adds", module, PLAIN)
    for layer, opens in (("1", True), ("2", False)):
        soft, corners = softened(network, layer, images(2, 1))
        corners.soften(torch.tensor([1.0, 1.0]))
        every = gradient(network, "0", images(2, 2))
        assert torch.equal(gradient(soft, layer, images(2, 2)), every) == opens


def test_a_relu_before_the_end_lets_through_what_the_curve_says(network):
    """The representation is what a ReLU lets out, and something done to it."""
    network.module[2] = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())
    network.module[3] = nn.Linear(8, 10)
    soft, corners = softened(network, "2", images(2, 1))
    corners.soften(torch.tensor([1.0, 1.0]))
    pooled = gradient(soft, "2", images(2, 2))
    assert not torch.equal(pooled, gradient(network, "2", images(2, 2)))
    corners.soften(torch.tensor([1e6, 1e6]))
    half = gradient(soft, "2", images(2, 2))  # infinitely wide: half of it everywhere
    network.module[1] = nn.Identity()
    torch.testing.assert_close(2 * half, gradient(network, "2", images(2, 2)), rtol=1e-3, atol=1e-6)


def test_a_relu_that_is_called_again_goes_by_what_it_is_sent_each_time():
    corners = Corners()
    scales = (2.0, 30.0, 5.0)
    corners.learn(lambda: [corners.relu(torch.full((2, 4), one)) for one in scales][-1] + 1)
    for _ in range(2):  # a pass after the other
        corners.soften(torch.tensor([0.5, 0.0]))
        for scale in scales:
            x = torch.tensor([[-1.0], [-1.0]]).requires_grad_(True)
            (found,) = torch.autograd.grad(corners.relu(x).sum(), x)
            assert float(found[0]) == pytest.approx(0.5 - 0.5 / (0.5 * scale + 1), rel=1e-5)
            assert float(found[1]) == 0.0


def test_samples_keep_their_own_scale_when_others_leave(network):
    targets, x = images(3, 1), images(3, 2)
    targets[1] *= 0.1
    soft, corners = softened(network, "logits", targets)

    def of(rows: list[int]) -> torch.Tensor:
        corners.soften(torch.full((len(rows),), 0.5))
        return gradient(soft, "logits", x[rows])

    before = of([0, 1, 2])
    corners.keep(torch.tensor([1, 2]))
    torch.testing.assert_close(of([1, 2]), before[1:])


def test_soft_corners_get_further_where_there_are_many(network):
    """A deeper network with three times as many units as pixels: exact gradients crawl."""
    torch.manual_seed(3)
    layers = [nn.Flatten(), nn.Linear(108, 300)]
    for _ in range(3):
        layers += [nn.ReLU(), nn.Linear(300, 300)]
    deep = Network("file:deep", nn.Sequential(*layers), PLAIN)
    targets, seeds = images(4, 1), images(4, 2)
    loss = loss_named("regularizer-free")

    def reached(name: str, soft: bool) -> float:
        optimiser = replace(OPTIMISERS[name], soft=soft)
        traces = synthesise(deep, "logits", targets, seeds, [loss] * 4, [0.0] * 4, optimiser, 100)
        return float(np.median([min(trace.relative_l2) for trace in traces]))

    for name in ("paced-secant", "soft-lbfgs"):
        assert reached(name, True) < 0.8 * reached(name, False)
