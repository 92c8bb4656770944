"""Salman et al.'s robust networks from their checkpoints of the `robustness` library."""

from __future__ import annotations

from torch import nn

from explorer.models import from_torchvision, robust
from explorer.models.downloads import Progress, from_hub
from explorer.models.files import check_fit, normaliser, read_state_dict, strip_prefixes
from explorer.models.network import Network


def build(reference: str, name: str, size: int | None = None) -> Network:
    """The architecture with random weights; RequestError for a name that was not published."""
    weights = from_torchvision.weights_of(_preset(name))
    return from_torchvision.describe(reference, create(name), weights, size)


def load(reference: str, name: str, size: int | None, progress: Progress) -> Network:
    """The network with its published weights, and the mean and deviation that lie beside them."""
    file = robust.file_name(name)
    path = from_hub(reference, robust.REPOSITORY, (file,), robust.REVISION, progress)
    progress("loading the network")
    module = create(name)
    checkpoint = read_state_dict(path)
    state = from_torchvision.renamed(strip_prefixes(checkpoint, set(module.state_dict())))
    check_fit(state, module.state_dict(), path, reference)
    module.load_state_dict(state)
    weights = from_torchvision.weights_of(_preset(name))
    network = from_torchvision.describe(reference, module, weights, size)
    return network.seeing(**normaliser(checkpoint))


def create(name: str) -> nn.Module:
    """torchvision's module of the architecture, with random weights."""
    architecture = robust.ARCHITECTURES[robust.parts(name)[0]]
    if architecture == "wide_resnet50_4":
        return from_torchvision.wide_resnet50_4()
    return from_torchvision.create(architecture, None)


def _preset(name: str) -> str:
    """torchvision's first ImageNet weights: 256 px resized, 224 px cropped, and the classes."""
    architecture = robust.ARCHITECTURES[robust.parts(name)[0]]
    known = "wide_resnet50_2" if architecture == "wide_resnet50_4" else architecture
    return f"{known}/IMAGENET1K_V1"
