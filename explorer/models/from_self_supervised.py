"""Self-supervised ResNet-50s from the files that their authors publish; without a classifier."""

from __future__ import annotations

from torch import nn

from explorer.models import from_torchvision, self_supervised
from explorer.models.downloads import Progress, from_url
from explorer.models.files import check_fit, read_state_dict, strip_prefixes
from explorer.models.network import Network

_PRESET = "resnet50/IMAGENET1K_V1"


def build(reference: str, name: str, size: int | None = None) -> Network:
    """The architecture with random weights; RequestError for a name that is not published."""
    self_supervised.named(name)
    weights = from_torchvision.weights_of(_PRESET)
    module = from_torchvision.create(_PRESET, weights)
    module.fc = nn.Identity()
    return Network(
        reference,
        module,
        from_torchvision.input_spec(weights, size),
        family="resnet",
    )


def load(reference: str, name: str, size: int | None, progress: Progress) -> Network:
    """The network with its published weights, downloaded on first use; projectors are left out."""
    published = self_supervised.named(name)
    path = from_url(reference, published.url, progress, published.digest, f"{name}.pth")
    progress("loading the network")
    network = build(reference, name, size)
    expected = network.module.state_dict()
    state = {
        key: value
        for key, value in strip_prefixes(read_state_dict(path), set(expected)).items()
        if not key.startswith(published.beside)
    }
    check_fit(state, expected, path, reference)
    network.module.load_state_dict(state)
    return network
