"""torchvision's classification networks: built by name, described by torchvision's own presets."""

from __future__ import annotations

import difflib
import math
import re
from functools import partial

from torch import Tensor, nn
from torchvision import models
from torchvision.models import WeightsEnum

from explorer.models.downloads import Progress, from_url
from explorer.models.files import check_fit, read_state_dict
from explorer.models.network import InputSpec, Network
from explorer.request import RequestError

_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")


def build(reference: str, name: str, size: int | None = None) -> Network:
    """The architecture with random weights; `name` may carry the weights' name: `NAME/WEIGHTS`.

    Raises RequestError for a name that torchvision does not know.
    """
    weights = weights_of(name)
    return describe(reference, create(name, weights), weights, size)


def load(reference: str, name: str, size: int | None, progress: Progress) -> Network:
    """The network with torchvision's weights, downloaded on first use.

    Raises RequestError for names that do not exist, HubUnreachable where a download is needed and
    torchvision's host does not answer.
    """
    weights = weights_of(name)
    if weights is None:
        raise RequestError("model", f"torchvision has no weights for {name!r}")
    path = from_url(reference, weights.url, progress)
    progress("loading the network")
    module = create(name, weights)
    state = renamed(read_state_dict(path))
    check_fit(state, module.state_dict(), path, f"torchvision:{name}")
    module.load_state_dict(state)
    return describe(reference, module, weights, size)


def architecture_of(name: str) -> str:
    """The architecture's part of `NAME/WEIGHTS`; RequestError names the nearest ones."""
    architecture = name.partition("/")[0]
    known = models.list_models(module=models)
    if architecture in known:
        return architecture
    near = difflib.get_close_matches(architecture, known, n=3, cutoff=0.5)
    meant = " or ".join(repr(f"torchvision:{one}") for one in near)
    raise RequestError(
        "model",
        f"torchvision knows no {architecture!r}; "
        + (f"did you mean {meant}? " if near else "")
        + f"it has {len(known)} classification networks",
    )


def weights_of(name: str) -> WeightsEnum | None:
    """Those named after the slash, else torchvision's default ones; None where it has none."""
    known = models.get_model_weights(architecture_of(name))
    wanted = name.partition("/")[2]
    usable = [one for one in known if one.meta["categories"]]
    if not wanted:
        return getattr(known, "DEFAULT", None)
    if wanted not in [one.name for one in usable]:
        raise RequestError(
            "model",
            f"torchvision has no weights {wanted!r} for {architecture_of(name)}; there are "
            + ", ".join(one.name for one in usable),
        )
    return known[wanted]


def create(name: str, weights: WeightsEnum | None, **options: object) -> nn.Module:
    """torchvision's module with random weights, as its builder makes it for these weights."""
    architecture = architecture_of(name)
    if architecture in ("inception_v3", "googlenet"):
        # Ported from another library, whose normalisation they repeat inside.
        options = {"transform_input": True, "init_weights": False, "aux_logits": True} | options
    if architecture.startswith("vit_") and weights is not None:
        options["image_size"] = weights.meta["min_size"][0]
    return models.get_model(architecture, weights=None, **options)


def describe(
    reference: str, module: nn.Module, weights: WeightsEnum | None, size: int | None = None
) -> Network:
    """The module as a network of ours, its input as the weights' preset says."""
    outputs = _outputs(module)
    classes = tuple(weights.meta["categories"]) if weights is not None else ()
    return Network(
        reference=reference,
        module=module,
        input=input_spec(weights, size),
        classifier=classifier(module),
        classes=classes if len(classes) == outputs else (),
        class_count=outputs,
        family=type(module).__name__.lower(),
    )


def input_spec(weights: WeightsEnum | None, size: int | None = None) -> InputSpec:
    """How the weights' preset resizes, crops and normalises; ImageNet's usual way without one."""
    if weights is None:
        crop, resize, preset = 224, 256, None
    else:
        preset = weights.transforms()
        crop, resize = preset.crop_size[0], preset.resize_size[0]
    side = size or crop
    return InputSpec(
        size=(side, side),
        mean=tuple(preset.mean) if preset else InputSpec.mean,
        std=tuple(preset.std) if preset else InputSpec.std,
        interpolation=preset.interpolation.value if preset else "bilinear",
        crop_pct=share_kept(crop, resize),
    )


def share_kept(crop: int, resize: int) -> float:
    """crop / resize, rounded so that floor(crop / share), as `fit` computes it, is `resize`."""
    share = crop / resize
    return share if math.floor(crop / share) == resize else math.nextafter(share, 0.0)


def classifier(module: nn.Module) -> str | None:
    """Name of the last linear layer or convolution: the one that makes the class scores."""
    named = [
        name
        for name, child in module.named_modules()
        if isinstance(child, nn.Linear | nn.Conv2d) and not name.lower().startswith("aux")
    ]
    return named[-1] if named else None


def _outputs(module: nn.Module) -> int:
    last = module.get_submodule(classifier(module) or "")
    return int(getattr(last, "out_features", None) or getattr(last, "out_channels", 0))


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's first DenseNets wrote `norm.1` where today's module says `norm1`."""
    return {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state.items()}


wide_resnet50_4 = partial(models.resnet50, weights=None, width_per_group=256)
"""Not in torchvision, but published by Salman et al. (2020)."""
