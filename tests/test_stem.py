"""The quicker gradient by the image is the gradient, and no number of the network changes."""

import pytest
import timm
import torch
from torch import nn

from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.network import InputSpec, Network
from explorer.synthesis.corners import with_soft_corners
from explorer.synthesis.stem import with_quick_stem


def network(module: nn.Module, size: tuple[int, int] = (32, 32)) -> Network:
    return Network("file:stem", module, InputSpec(size))


def value_and_gradient(one: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_(True)
    found = one(x)
    generator = torch.Generator().manual_seed(1)
    backwards = torch.randn(found.shape, generator=generator, dtype=x.dtype)
    return found.detach(), torch.autograd.grad(found, x, backwards)[0]


@pytest.mark.parametrize("size", [(32, 32), (33, 27), (31, 40)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding"),
    [
        (3, 7, 2, 3),
        (3, 8, 4, 2),
        (3, 3, 2, 1),
        (3, 4, 4, 0),
        (1, 5, 3, 2),
        (4, 3, 2, 0),
        (3, (5, 3), 2, (2, 0)),
        (3, 2, 3, 1),
        (3, 1, 2, 0),
    ],
)
def test_the_gradient_is_that_of_autograd(channels, kernel, stride, padding, bias, size):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(channels, 8, kernel, stride, padding, bias=bias)).double()
    quick = with_quick_stem(network(plain)).module
    assert type(quick[0]) is not nn.Conv2d
    x = torch.randn(2, channels, *size, dtype=torch.float64)
    value, gradient = value_and_gradient(quick, x)
    wanted, known = value_and_gradient(plain.requires_grad_(False), x)
    assert torch.equal(value, wanted)
    torch.testing.assert_close(gradient, known, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(3, 8, 3),
        nn.Conv2d(16, 8, 3, 2),
        nn.Conv2d(3, 9, 3, 2, groups=3),
        nn.Conv2d(3, 8, 3, 2, dilation=2),
        nn.Conv2d(3, 8, 3, 2, 1, padding_mode="reflect"),
        nn.Conv2d(3, 8, 3, (2, 1)),
    ],
)
def test_other_convolutions_stay_as_they_are(convolution):
    whole = network(nn.Sequential(convolution))
    assert with_quick_stem(whole) is whole


def test_on_another_device_nothing_is_exchanged():
    whole = network(nn.Sequential(nn.Conv2d(3, 8, 7, 2)).to("meta"))
    assert with_quick_stem(whole) is whole


@pytest.mark.parametrize("layer", ["stem.0", "stage1.0", "penultimate"])
def test_an_embedded_network_keeps_its_weights_names_and_numbers(layer):
    whole = load("embedded:residual-multi-adv2")
    quick = with_quick_stem(whole)
    assert quick.module.stage1[0].conv1.weight is whole.module.stage1[0].conv1.weight
    assert type(whole.module.stem[0]) is nn.Conv2d, "the network itself is left as it was"
    x = torch.rand(2, 3, *whole.input.size, generator=torch.Generator().manual_seed(0))
    value, gradient = value_and_gradient(lambda x: representation(quick, layer, x), x)
    wanted, known = value_and_gradient(lambda x: representation(whole, layer, x), x)
    assert torch.equal(value, wanted)
    assert float((gradient - known).norm()) < 1e-5 * float(known.norm())


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilenetv2_100"])
def test_networks_of_timm_give_the_same_gradient(name):
    torch.manual_seed(0)
    size = (224, 224) if "vit" in name else (64, 64)
    whole = network(timm.create_model(name), size)
    quick = with_quick_stem(whole)
    assert quick is not whole
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    value, gradient = value_and_gradient(quick, x)
    wanted, known = value_and_gradient(whole, x)
    assert torch.equal(value, wanted)
    assert float((gradient - known).norm()) < 1e-4 * float(known.norm())


def test_soft_corners_lie_upon_it():
    whole = load("embedded:residual-multi-standard")
    x = torch.rand(2, 3, *whole.input.size, generator=torch.Generator().manual_seed(0))
    gradients = []
    for one in (whole, with_quick_stem(whole)):
        soft, corners = with_soft_corners(one)
        with torch.no_grad():
            corners.learn(lambda soft=soft: representation(soft, "penultimate", x.flip(0)))
        corners.soften(torch.tensor([0.1, 0.8]))
        gradients.append(
            value_and_gradient(lambda x, soft=soft: representation(soft, "penultimate", x), x)[1]
        )
    known, gradient = gradients
    assert float((gradient - known).norm()) < 1e-5 * float(known.norm())
