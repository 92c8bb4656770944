"""Folding batch-norm away changes no number beyond rounding, or is not done."""

import copy

import pytest
import timm
import torch
from torch import nn

from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.network import InputSpec, Network
from explorer.synthesis.folding import folded

SIZE = 32


def lively(module: nn.Module) -> nn.Module:
    """Batch-norms with statistics, weights and biases that do something."""
    generator = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.2)
    return module


def network(module: nn.Module) -> Network:
    return Network("file:net", lively(module), InputSpec((SIZE, SIZE)))


def norms(one: Network) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in one.module.modules())


def difference(one: Network, other: Network, layer: str) -> float:
    images = torch.rand(2, 3, *one.input.size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        a, b = (representation(each, layer, images).double() for each in (one, other))
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("layer", ["stage1.0", "stage2.1.bn2", "grid", "penultimate", "logits"])
def test_an_embedded_network_says_the_same_without_its_batch_norms(layer):
    whole = load("embedded:residual-multi-adv2")
    light = folded(whole, layer)
    assert norms(whole) > norms(light) == 0
    # Rounding comes to less than 1e-6 here; batch-norm without its ε would come to 6e-6.
    assert difference(light, whole, layer) < 2e-6


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenetv2_100"])
def test_networks_of_timm_say_the_same(name):
    torch.manual_seed(0)
    whole = network(timm.create_model(name))
    assert difference(folded(whole, "logits"), whole, "logits") < 1e-5
    assert norms(whole) > 0, "the network itself is left as it was"


def test_gradients_are_the_same_too():
    whole = load("embedded:residual-multi-standard")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    gradients = []
    for each in (whole, folded(whole, "penultimate")):
        at = images.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(
            representation(each, "penultimate", at).square().sum(), at
        )
        gradients.append(gradient)
    assert float((gradients[1] - gradients[0]).norm()) < 1e-4 * float(gradients[0].norm())


def test_a_convolution_that_is_to_be_matched_keeps_its_own_output():
    whole = load("embedded:residual-multi-adv2")
    assert folded(whole, "stage1.0.conv1") is whole


class Shared(nn.Module):
    """The convolution's output goes to the batch-norm and around it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        y = self.conv(x)
        return (self.norm(y) + y).flatten(1)


class Twice(nn.Module):
    """One convolution before two batch-norms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm2(self.conv(self.norm1(self.conv(x)))).flatten(1)


@pytest.mark.parametrize("design", [Shared, Twice])
def test_designs_that_folding_would_change_are_left_as_they_are(design):
    torch.manual_seed(0)
    whole = network(design())
    state = copy.deepcopy(whole.module.state_dict())
    assert folded(whole, "logits") is whole
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, state[name])


def test_a_folded_network_is_made_once():
    whole = load("embedded:residual-multi-adv2")
    assert folded(whole, "grid") is folded(whole, "grid")
