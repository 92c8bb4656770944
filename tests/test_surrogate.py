"""Surrogate ReLU gradients: outputs stay exact, gradients are recomputed by hand."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from explorer.losses.variants import loss_named
from explorer.models.layers import representation
from explorer.models.network import InputSpec, Network
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.surrogate import (
    POOL_TEMPERATURE,
    SurrogateGradients,
    with_surrogate_gradients,
)

PLAIN = InputSpec((6, 6), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(128, 10)
    )
    return Network("file:relus", module, PLAIN)


def images(count: int, rng_seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(rng_seed))


def surrogate_of(network: Network, layer: str, first: torch.Tensor) -> tuple:
    """(network with surrogate gradients, its ReLUs), calibrated with `first`."""
    surrogate, relus = with_surrogate_gradients(network)
    with torch.no_grad():
        seen = relus.calibrate(lambda: representation(surrogate, layer, first))
        assert torch.equal(seen, representation(network, layer, first))
    return surrogate, relus


def gradient(network: Network, layer: str, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_(True)
    (found,) = torch.autograd.grad(representation(network, layer, x).sum(), x)
    return found


@pytest.mark.parametrize("widths", [None, [0.0, 0.0], [0.5, 2.0]])
def test_outputs_are_exact_and_weights_are_shared(network, widths):
    surrogate, relus = surrogate_of(network, "logits", images(2, 7))
    relus.set_width(None if widths is None else torch.tensor(widths))
    x = images(2, 1).requires_grad_(True)
    assert torch.equal(representation(surrogate, "logits", x), representation(network, "logits", x))
    assert surrogate.module[0].weight is network.module[0].weight
    assert type(network.module[1]) is nn.ReLU


def test_a_gradient_rises_smoothly_around_each_kink(network):
    first, x = images(2, 1), images(2, 2)
    surrogate, relus = surrogate_of(network, "logits", first)
    relus.set_width(torch.tensor([0.0, 0.7]))
    found = gradient(surrogate, "logits", x)

    convolution, head = network.module[0], network.module[3]
    with torch.no_grad():
        scale = float(convolution(first)[1].square().mean().sqrt())
        before = convolution(x).numpy()
        slope = head.weight.sum(0).view(8, 4, 4).numpy()
    u = before[1].astype(np.float64) / (0.7 * scale)
    passed = np.stack([before[0] > 0, 0.5 + 0.5 * u / (1 + np.abs(u))])
    back = torch.from_numpy(slope * passed).float()
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
        surrogate, relus = surrogate_of(network, layer, images(2, 3))
        relus.set_width(None if width is None else torch.tensor(width))
        assert torch.equal(gradient(surrogate, layer, x), gradient(network, layer, x))


def test_the_relu_that_the_layer_ends_in_lets_every_gradient_through(network):
    x = images(2, 2)
    surrogate, relus = surrogate_of(network, "1", images(2, 1))
    relus.set_width(torch.tensor([1.0, 1.0]))
    every = gradient(network, "0", x)  # as if there were no ReLU
    assert torch.equal(gradient(surrogate, "1", x), every)


def test_what_is_added_in_place_to_what_a_relu_lets_out_is_not_the_relu_s():
    class AddsInPlace(nn.Module):
        def forward(self, x):
            x += 1
            return x

    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), AddsInPlace(), nn.Flatten())
    network = Network("file:adds", module, PLAIN)
    for layer, opens in (("1", True), ("2", False)):
        surrogate, relus = surrogate_of(network, layer, images(2, 1))
        relus.set_width(torch.tensor([1.0, 1.0]))
        every = gradient(network, "0", images(2, 2))
        assert torch.equal(gradient(surrogate, layer, images(2, 2)), every) == opens


def test_a_relu_before_the_end_has_the_smooth_gradient(network):
    """The representation is what a ReLU lets out, and something done to it."""
    network.module[2] = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())
    network.module[3] = nn.Linear(8, 10)
    surrogate, relus = surrogate_of(network, "2", images(2, 1))
    relus.set_width(torch.tensor([1.0, 1.0]))
    pooled = gradient(surrogate, "2", images(2, 2))
    assert not torch.equal(pooled, gradient(network, "2", images(2, 2)))
    relus.set_width(torch.tensor([1e6, 1e6]))
    half = gradient(surrogate, "2", images(2, 2))  # infinitely wide: half of it everywhere
    network.module[1] = nn.Identity()
    torch.testing.assert_close(2 * half, gradient(network, "2", images(2, 2)), rtol=1e-3, atol=1e-6)


def test_a_relu_that_is_called_again_goes_by_what_it_is_sent_each_time():
    relus = SurrogateGradients()
    scales = (2.0, 30.0, 5.0)
    relus.calibrate(lambda: [relus.relu(torch.full((2, 4), one)) for one in scales][-1] + 1)
    for _ in range(2):  # a pass after the other
        relus.set_width(torch.tensor([0.5, 0.0]))
        for scale in scales:
            x = torch.tensor([[-1.0], [-1.0]]).requires_grad_(True)
            (found,) = torch.autograd.grad(relus.relu(x).sum(), x)
            assert float(found[0]) == pytest.approx(0.5 - 0.5 / (0.5 * scale + 1), rel=1e-5)
            assert float(found[1]) == 0.0


def test_samples_keep_their_own_scale_when_others_leave(network):
    targets, x = images(3, 1), images(3, 2)
    targets[1] *= 0.1
    surrogate, relus = surrogate_of(network, "logits", targets)

    def of(rows: list[int]) -> torch.Tensor:
        relus.set_width(torch.full((len(rows),), 0.5))
        return gradient(surrogate, "logits", x[rows])

    before = of([0, 1, 2])
    relus.select(torch.tensor([1, 2]))
    torch.testing.assert_close(of([1, 2]), before[1:])


def test_surrogate_gradients_get_further_where_there_are_many_kinks(network):
    """A deeper network with three times as many units as pixels: exact gradients crawl."""
    torch.manual_seed(3)
    layers = [nn.Flatten(), nn.Linear(108, 300)]
    for _ in range(3):
        layers += [nn.ReLU(), nn.Linear(300, 300)]
    deep = Network("file:deep", nn.Sequential(*layers), PLAIN)
    targets, seeds = images(4, 1), images(4, 2)
    loss = loss_named("regularizer-free")

    def reached(name: str, surrogate: bool) -> float:
        optimiser = replace(OPTIMISERS[name], surrogate_gradient=surrogate)
        problem = Problem(deep, "logits", targets, seeds, [loss] * 4, [0.0] * 4)
        traces = synthesise(problem, optimiser, 100)
        return float(np.median([min(trace.relative_l2) for trace in traces]))

    for name in ("momentum-anderson", "surrogate-lbfgs"):
        assert reached(name, True) < 0.8 * reached(name, False)


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),
        nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0), dilation=(1, 2)),
    ],
    ids=["plain", "overlapping over the edge", "padded and dilated"],
)
def test_a_pooling_window_shares_its_gradient_by_a_softmax(pool):
    module = nn.Sequential(nn.Conv2d(3, 2, 1), pool, nn.Flatten())
    network = Network("file:pools", module, PLAIN)
    first, x = images(2, 1), images(2, 2)
    surrogate, gradients = surrogate_of(network, "2", first)
    widths = torch.tensor([0.5, 2.0])
    gradients.set_width(widths)
    representation_there = representation(surrogate, "2", x.clone().requires_grad_(True))
    assert torch.equal(representation_there, representation(network, "2", x))

    with torch.no_grad():
        before, calibrated = module[0](x), module[0](first)
        scales = calibrated.flatten(1).square().mean(1).sqrt()
    expected = torch.zeros_like(before)
    # Which input is where in a window: pooling never sees them, unfolding their indices does.
    indices = torch.arange(36.0).view(1, 1, 6, 6) + 1
    size, stride, padding, dilation = (
        (each, each) if isinstance(each, int) else each
        for each in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    )
    over = nn.functional.pad(indices, (0, 1, 0, 1)) if pool.ceil_mode else indices
    windows = nn.functional.unfold(over, size, dilation, padding, stride)[0].T.long()
    assert len(windows) == module[1](before)[0, 0].numel()
    for sample in range(2):
        for channel in range(2):
            values = before[sample, channel].flatten()
            for window in windows:
                inside = window[window > 0] - 1
                temperature = POOL_TEMPERATURE * widths[sample] * scales[sample]
                shares = ((values[inside] - values[inside].max()) / temperature).softmax(0)
                expected[sample, channel].view(-1)[inside] += shares
    back = nn.functional.conv_transpose2d(expected, module[0].weight)
    torch.testing.assert_close(gradient(surrogate, "2", x), back.detach(), rtol=1e-4, atol=1e-5)

    gradients.set_width(torch.zeros(2))
    assert torch.equal(gradient(surrogate, "2", x), gradient(network, "2", x))


def test_every_relu_that_a_fire_module_ends_in_passes_every_gradient():
    """As if there were none of them, while the ReLUs before them are smoothed."""
    torch.manual_seed(0)
    module = torchvision.models.squeezenet1_0(weights=None).eval()
    open_ended = copy.deepcopy(module)
    open_ended.features[4].expand1x1_activation = nn.Identity()
    open_ended.features[4].expand3x3_activation = nn.Identity()
    spec = InputSpec((48, 48), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    first, x = (nn.functional.interpolate(images(2, number), (48, 48)) for number in (1, 2))
    found = []
    for each in (module, open_ended):
        surrogate, gradients = surrogate_of(Network("file:fire", each, spec), "features.4", first)
        gradients.set_width(torch.tensor([0.5, 2.0]))
        found.append(gradient(surrogate, "features.4", x))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)
    exact = gradient(Network("file:open", open_ended, spec), "features.4", x)
    assert not torch.allclose(found[1], exact, rtol=1e-2)
