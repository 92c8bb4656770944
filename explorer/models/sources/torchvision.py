"""torchvision's classification networks, described by the presets of their weights."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean, unknown
from explorer.models import curated, hubs, pretrained
from explorer.models.checkpoints.reading import read
from explorer.models.downloads import Progress, from_url
from explorer.models.entry import Entry, describe
from explorer.models.grey import with_grey_input, with_grey_stem
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

    from explorer.models.network import InputSpec, Network

_NAME = re.compile(r"[a-z0-9_]+(/[A-Z0-9_]+)?")


def names() -> tuple[str, ...]:
    """Every name with weights (`resnet50/IMAGENET1K_V2`), the default weights first."""
    return pretrained.names("torchvision")


@lru_cache(maxsize=4096)  # of names that strangers type, too
def entry(name: str) -> Entry | None:
    """What the pretrained list says; RequestError for a name that torchvision cannot have."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            "model", f"{name!r} is no torchvision name; one is 'torchvision:resnet50/IMAGENET1K_V1'"
        )
    reference = pretrained.full_reference(f"torchvision:{name}")
    facts = pretrained.find(reference)
    return None if facts is None else describe(facts, curated.descriptions().get(reference))


def location(name: str) -> hubs.Location | None:
    """Where the weights are downloaded from, as far as the pretrained list knows."""
    facts = pretrained.find(pretrained.full_reference(f"torchvision:{name}"))
    return None if facts is None else hubs.location(facts.location)


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights; the name may carry the weights': `NAME/WEIGHTS`.

    Raises RequestError for a name that torchvision does not know.
    """
    weights = weights_of(reference.name)
    module = create(reference.name, weights)
    return network_of(reference.model, module, weights, reference.size)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with torchvision's weights, downloaded on first use.

    Raises RequestError for names that do not exist, HubUnreachable where a download is needed and
    torchvision's host does not answer.
    """
    from explorer.models.checkpoints.loading import load_found

    weights = weights_of(reference.name)
    if weights is None:
        raise RequestError("model", f"torchvision has no weights for {reference.name!r}")
    path = from_url(reference.model, weights.url, progress)
    progress("loading the network")
    module = create(reference.name, weights)
    network = network_of(reference.model, module, weights, reference.size)
    load_found(network, read(path, path.name))
    return network


def architecture_name(name: str) -> str:
    """The architecture's part of `NAME/WEIGHTS`; RequestError names the nearest ones."""
    from torchvision import models

    wanted = name.partition("/")[0]
    known = models.list_models(module=models)
    if wanted in known:
        return wanted
    suggestion = did_you_mean(wanted, known, "torchvision:", most=3)
    raise RequestError(
        "model",
        f"torchvision has no classification network {wanted!r}; {suggestion}it has {len(known)}",
    )


def weights_of(name: str) -> WeightsEnum | None:
    """Those named after the slash, else torchvision's default ones; None where it has none."""
    from torchvision import models

    published = models.get_model_weights(architecture_name(name))
    wanted = name.partition("/")[2]
    if not wanted:
        return getattr(published, "DEFAULT", None)
    usable = [weights.name for weights in published if weights.meta["categories"]]
    if wanted not in usable:
        raise unknown("model", f"set of {architecture_name(name)}'s weights", wanted, usable)
    return published[wanted]


def create(name: str, weights: WeightsEnum | None, in_chans: int = 3, **options: Any) -> nn.Module:
    """torchvision's module with random weights, as its builder makes it for these weights.

    in_chans: 3, or 1 for a network that takes grey pictures.
    """
    from torchvision import models

    wanted = architecture_name(name)
    if wanted in ("inception_v3", "googlenet"):
        # Ported from another library, whose normalisation they repeat inside.
        options = {"transform_input": True, "init_weights": False, "aux_logits": True} | options
    if wanted.startswith("vit_") and weights is not None:
        options["image_size"] = weights.meta["min_size"][0]
    module: nn.Module = models.get_model(wanted, weights=None, **options)
    return with_grey_stem(module) if in_chans == 1 else module


def network_of(
    reference: str, module: nn.Module, weights: WeightsEnum | None, size: int | None = None
) -> Network:
    """torchvision's module as a Network, its input as the weights' preset says.

    A module that takes one channel has mean and deviation averaged over the preset's three.
    """
    from explorer.models.network import Network, output_count

    outputs = output_count(module.get_submodule(classifier(module) or ""))
    classes = tuple(weights.meta["categories"]) if weights is not None else ()
    network = Network(
        reference=reference,
        module=module,
        input=input_spec(weights, size),
        classifier=classifier(module),
        classes=classes if len(classes) == outputs else (),
        class_count=outputs,
        family=type(module).__name__.lower(),
    )
    return with_grey_input(network)


def input_spec(weights: WeightsEnum | None, size: int | None = None) -> InputSpec:
    """How the weights' preset resizes, crops and normalises; as is usual on ImageNet without."""
    from explorer.models.network import InputSpec

    if weights is None:
        side = size or 224
        return InputSpec((side, side), interpolation="bilinear", crop_pct=crop_share(224, 256))
    preset = weights.transforms()
    crop, resize = preset.crop_size[0], preset.resize_size[0]
    side = size or crop
    return InputSpec(
        size=(side, side),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
        crop_pct=crop_share(crop, resize),
    )


def crop_share(crop: int, resize: int) -> float:
    """crop / resize, rounded so that floor(crop / share), as `fit` computes it, is `resize`."""
    share = crop / resize
    return share if math.floor(crop / share) == resize else math.nextafter(share, 0.0)


def classifier(module: nn.Module) -> str | None:
    """Name of the last linear layer or convolution: the one that makes the class scores."""
    from torch import nn

    candidates = [
        name
        for name, child in module.named_modules()
        if isinstance(child, nn.Linear | nn.Conv2d) and not name.lower().startswith("aux")
    ]
    return candidates[-1] if candidates else None


SOURCE = Source(
    name="torchvision",
    title="torchvision's networks",
    help="torchvision's classification networks, downloaded on first use",
    example="torchvision:resnet50/IMAGENET1K_V2",
    entry=entry,
    load=load,
    names=names,
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"torchvision:{name.partition('/')[0]}",
    location=location,
    full_name=lambda name: pretrained.full_name("torchvision", name),
)
