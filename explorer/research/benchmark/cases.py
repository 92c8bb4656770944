"""The tasks of the benchmark: networks, layers, sizes, targets and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from explorer.images import gallery, seeds
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.names import PENULTIMATE
from explorer.models.network import InputSpec, Network

DEFAULT, LIVE = "resnet18-default", "resnet18-live"
DEEP_DEFAULT, DEEP_LIVE = "resnet50-default", "resnet50-live"
TRAINED = "compressed:squeezenet1_0"
"""SqueezeNet 1.0 trained on ImageNet."""
NETWORKS = {
    DEFAULT: "timm's resnet18, random weights as timm draws them: its residual branches are "
    "zero-initialised (the last batch-norm of each starts at 0), which makes it easy",
    LIVE: "the same with non-zero branches (`zero_init_last=False`) and batch-norm statistics "
    "taken from the gallery's photographs",
    DEEP_DEFAULT: "timm's resnet50, drawn likewise, its branches zero-initialised",
    DEEP_LIVE: "the same with non-zero branches and the photographs' statistics",
}
TARGETS = ("astronaut", "coffee", "cat")
SEED = "noise"


@dataclass(frozen=True)
class Case:
    """One row of the benchmark.

    network: a key of `NETWORKS` or a reference that explorer.models loads.
    size: height and width of the images in px. seed: a kind of seed image.
    """

    network: str
    layer: str
    size: int
    seed: str = SEED

    @property
    def title(self) -> str:
        """Its name in a table."""
        title = f"{self.network}, {self.layer}, {self.size}×{self.size}"
        return title if self.seed == SEED else f"{title}, {self.seed}"


def random_cases(size: int) -> tuple[Case, ...]:
    """Both random networks at both layers, images of one size."""
    return tuple(
        Case(network, layer, size)
        for network in (DEFAULT, LIVE)
        for layer in (PENULTIMATE, "layer2")
    )


def deep_cases() -> tuple[Case, ...]:
    """ResNet-50, live and dead, at the layers of Feather et al. (2023) and plenoptic."""
    return tuple(
        Case(network, layer, 224)
        for network in (DEEP_LIVE, DEEP_DEFAULT)
        for layer in (PENULTIMATE, "layer2", "layer3", "layer4")
    )


def trained_cases() -> tuple[Case, ...]:
    """SqueezeNet after its first, second and last Fire modules of a stage, from both noises.

    Its penultimate layer is the map of features.12, which dropout leaves as it is.
    """
    return tuple(
        Case(TRAINED, layer, 224, seed)
        for layer in ("features.12", "features.7", "features.3")
        for seed in (SEED, "grey-noise")
    )


def embedded_cases(names: tuple[str, ...]) -> tuple[Case, ...]:
    """Embedded networks, all at 64×64 px, at the input of their classifier."""
    return tuple(Case(f"embedded:{name}", PENULTIMATE, 64) for name in names)


@lru_cache(maxsize=1)
def network_of(name: str, size: int, device: str) -> Network:
    """The network of a case, on the device, in eval mode; random weights come from a fixed seed."""
    if name not in NETWORKS:
        return load(name, device)
    architecture, live = name.split("-")[0], name in (LIVE, DEEP_LIVE)
    network = Network(
        reference=f"timm:{architecture}",
        module=_resnet(architecture, live).to(device),
        input=InputSpec(size=(size, size)),
        classifier="fc",
        class_count=1000,
    )
    if live:
        _take_statistics(network)
    return network


def images_of(
    network: Network, targets: tuple[str, ...], seed: str = SEED
) -> tuple[Tensor, Tensor]:
    """(targets, seeds), each N×3×H×W in [0, 1].

    targets: names of `TARGETS`; the k-th of them starts from the noise of random number k.
    seed: a kind of noise; N(0, 1), clamped, unless told otherwise.
    """
    numbers = [TARGETS.index(name) for name in targets]
    starts = [seeds.make_seed(seed, network.input.size, number) for number in numbers]
    return photographs(network, targets), as_batch(starts, network)


def photographs(network: Network, names: tuple[str, ...]) -> Tensor:
    """Pictures of the gallery as the network sees them, N×3×H×W in [0, 1]."""
    return as_batch((fit_to(gallery.load(name), network) for name in names), network)


def _resnet(architecture: str, live: bool) -> nn.Module:
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(architecture, pretrained=False, zero_init_last=not live)


def _take_statistics(network: Network) -> None:
    """Set batch-norm's running statistics to those of the gallery's photographs, in one batch."""
    for module in network.module.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over batches, here of one
    network.module.train()
    with torch.no_grad():
        network.module(network.normalise(photographs(network, gallery.names())))
    network.module.eval()
