"""torchvision's classification networks: built by name, described by the presets of weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean, unknown
from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.grey import with_grey_input, with_grey_stem

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

    from explorer.models.network import InputSpec, Network


def names() -> Sequence[str]:
    """Every classification network that torchvision has."""
    from torchvision import models

    return models.list_models(module=models)


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture; RequestError for a name that torchvision does not know."""
    weights = weights_of(name)
    return Architecture(
        create=lambda **options: create(name, weights, **options),
        describe=lambda reference, module: network_of(reference, module, weights, size),
    )


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


ARCHITECTURES = ArchitectureSource(
    name="torchvision",
    title="torchvision's architectures",
    help="any of torchvision's classification networks",
    example="torchvision:resnet18",
    architecture=architecture,
    names=names,
)
