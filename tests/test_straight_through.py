"""Layers that end in a concatenation of ReLUs: gradients are those of the layer without them."""

import copy

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from explorer.errors import RequestError
from explorer.models.layers import representation
from explorer.models.network import InputSpec, Network
from explorer.synthesis.straight_through import straight_through

SIDE = 48
PLAIN = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Branches(nn.Module):
    """Inception-like: two branches concatenated within a concatenation, the last pooled or not."""

    def __init__(self, ends: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(3, 4, size, padding=size // 2) for size in (1, 3, 5)
        )
        self.ends = nn.ModuleList(ends)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two, three = (
            end(each(x)) for each, end in zip(self.convolutions, self.ends, strict=True)
        )
        return torch.cat([one, torch.cat([two, three], 1)], 1)


class FunctionalReLU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x, inplace=True)


def branches(*ends: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(Branches(ends), nn.Flatten())


def squeezenet() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_0(weights=None).eval()


def without_the_last_relus(module: nn.Module) -> nn.Module:
    """A copy whose Fire module `features.4`, or whose branches, end in convolutions."""
    other = copy.deepcopy(module)
    if isinstance(other[0] if isinstance(other, nn.Sequential) else None, Branches):
        other[0].ends = nn.ModuleList(nn.Identity() for _ in range(3))
    else:
        other.features[4].expand1x1_activation = nn.Identity()
        other.features[4].expand3x3_activation = nn.Identity()
    return other


CASES = {
    "modules": (branches(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU()), "0"),
    "functions": (branches(FunctionalReLU(), FunctionalReLU(), FunctionalReLU()), "1"),
    "squeezenet": (squeezenet(), "features.4"),
}


def gradient(features: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Of a weighted sum of them, the weights drawn."""
    weights = torch.rand(features.shape, generator=torch.Generator().manual_seed(3)) - 0.5
    (found,) = torch.autograd.grad((weights * features).sum(), images)
    return found


def pictures(rng_seed: int) -> torch.Tensor:
    return torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(rng_seed))


@pytest.mark.parametrize("case", CASES)
def test_every_relu_of_the_concatenation_passes_every_gradient(case):
    module, layer = CASES[case]
    network = Network(f"file:{case}", module, PLAIN)
    open_ended = Network(f"file:{case}-open", without_the_last_relus(module), PLAIN)
    images = pictures(1).requires_grad_()
    expected = gradient(representation(open_ended, layer, images), images)
    exact = representation(network, layer, images)
    assert float((exact == 0).float().mean()) > 0.1, "else nothing is tested"
    assert not torch.allclose(gradient(exact, images), expected, rtol=1e-3)
    opened = straight_through(representation(network, layer, images), layer)
    assert torch.equal(opened, exact)
    torch.testing.assert_close(gradient(opened, images), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("last", [nn.Identity(), nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 1, 1))])
def test_a_concatenation_with_a_part_that_does_not_end_in_a_relu_is_refused(last):
    module = branches(nn.ReLU(), nn.ReLU(), last)
    with pytest.raises(RequestError, match="nor in a concatenation of ReLUs") as caught:
        straight_through(module(pictures(1).requires_grad_()), "0")
    assert caught.value.field == "relu_gradient"
