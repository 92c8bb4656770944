"""Why a checkpoint does not fit: another image size, stem or depth, each checked, none guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from explorer.errors import RequestError
from explorer.models import pretrained
from explorer.models.checkpoints.fit import FIELD, Misfit, extra, misfit, shapes_of
from explorer.models.checkpoints.state_dicts import common_prefixes, split, state_dicts
from explorer.models.grey import first_convolution, with_grey_stem
from explorer.models.network import Network

_MOST_SIBLINGS = 6
"""That are built, without memory for their weights, to compare tensor by tensor."""

_VARIANT = re.compile(r"\d+|nano|tiny|small|medium|base|large|huge|giant|atto|femto|pico|xl|_bn")
"""What differs between the names of a design's networks."""

_POSITIONS = ("pos_embed", "encoder.pos_embedding")
"""timm's and torchvision's name of the embeddings that belong to an image size."""


def refusal(
    shown: str, where: str, architecture: str, network: Network, state: Mapping[str, Tensor]
) -> RequestError:
    """The error for found weights that do not fit; where: they were found, for messages."""
    found = misfit(state, network.module)
    if found.missing or found.misshapen:  # what is too many tells where they may have gone
        found = replace(found, unexpected=tuple(extra(state, network.module)))
    reason = (
        _another_size(shown, architecture, network, state, found)
        or _another_stem(shown, architecture, network, state)
        or f"{shown} does not fit {architecture}: {found.words}{_looked_in(shown, where)}"
    )
    hint = ""
    if "--size" not in reason:
        others = _small_picture_networks(state) or _siblings(architecture, state)
        hint = f". It fits {' or '.join(others)} (--arch)" if others else ""
    return RequestError(FIELD, reason + hint)


def with_suggestion(error: RequestError, content: object) -> RequestError:
    """The error that nothing fits, with the small-picture networks that would, if there are any."""
    for _, state in state_dicts(content):
        for prefix in common_prefixes(state) if len(state) > 1 else ():
            others = _small_picture_networks(split(state, prefix)[0])
            if others:
                return RequestError(
                    error.field, f"{error.message}. It fits {' or '.join(others)} (--arch)"
                )
    return error


def wrong_channels(shown: str, network: Network, state: Mapping[str, Tensor]) -> str | None:
    """The reason where a checkpoint's first convolution takes neither RGB nor grey images."""
    name, convolution = first_convolution(network.module) or ("", None)
    weight = state.get(f"{name}.weight")
    if convolution is None or weight is None or weight.ndim != 4 or convolution.groups != 1:
        return None
    channels = weight.shape[1]
    if channels in (1, 3, convolution.in_channels):
        return None
    return (
        f"the first convolution of {shown} ({name}.weight) takes {channels} channels; networks for "
        "RGB images (3 channels) and grey ones (1 channel) work here"
    )


def _looked_in(shown: str, where: str) -> str:
    return "" if where == shown else f" (in {where.replace(f' of {shown}', '')})"


def _another_size(
    shown: str, architecture: str, network: Network, state: Mapping[str, Tensor], found: Misfit
) -> str | None:
    """Where position embeddings alone do not fit: the size that they are for."""
    name = next((name for name in found.misshapen if name in _POSITIONS), None)
    if name is None or found.missing or len(found.misshapen) > 1:
        return None
    module = network.module
    patches: object = getattr(getattr(module, "patch_embed", module), "patch_size", None)
    patch = patches[0] if isinstance(patches, tuple) else patches
    expected = module.state_dict()[name]
    own_side = network.input.size[0]
    if not isinstance(patch, int) or state[name].ndim != 3:
        return None
    beside = expected.shape[1] - (own_side // patch) ** 2  # class and register tokens
    side = math.isqrt(max(state[name].shape[1] - beside, 0))
    if side**2 + beside != state[name].shape[1] or not side:
        return None
    size = side * patch
    how = (
        f"give --size {size}"
        if architecture.startswith("timm:")
        else f"and {architecture} is for {own_side}×{own_side} px only"
    )
    return f"the position embeddings of {shown} fit pictures of {size}×{size} px; {how}"


def _another_stem(
    shown: str, architecture: str, network: Network, state: Mapping[str, Tensor]
) -> str | None:
    name, convolution = first_convolution(network.module) or ("", None)
    weight = state.get(f"{name}.weight")
    if convolution is None or weight is None or weight.ndim != 4:
        return None
    own, theirs = tuple(convolution.kernel_size), tuple(weight.shape[2:])
    if own == theirs:
        return None
    sizes = ["×".join(map(str, kernel)) for kernel in (theirs, own)]
    small = ", as networks for small pictures have it (CIFAR)" if max(theirs) == 3 else ""
    return (
        f"the first convolution of {shown} ({name}.weight) is {sizes[0]}{small}, and that of "
        f"{architecture} is {sizes[1]}"
    )


def _small_picture_networks(state: Mapping[str, Tensor]) -> list[str]:
    """The `cifar:` architectures with these tensors, three at most."""
    from explorer.models.architectures.small_pictures import candidates

    return list(candidates(shapes_of(state)))[:3]


def _siblings(architecture: str, state: Mapping[str, Tensor]) -> list[str]:
    """A network of the same design, in another depth or width, that has these tensors."""
    count = sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point())
    alike = _of_same_design(architecture)
    ratios = {name: pretrained.parameters_of(name) / max(count, 1) for name in alike}
    # The published sizes tell most of them apart, whatever the head, without building them.
    near = [name for name, ratio in ratios.items() if 0.5 < ratio < 2]
    near.sort(key=lambda name: abs(ratios[name] - 1))
    found = next((name for name in near[:_MOST_SIBLINGS] if _has(name, state)), None)
    return [found] if found else []


def _of_same_design(architecture: str) -> Iterator[str]:
    from explorer.models.architectures import ARCHITECTURES

    source, _, name = architecture.partition(":")
    name = re.split(r"[./]", name, maxsplit=1)[0]
    names = ARCHITECTURES[source].names if source in ARCHITECTURES else None
    design = _VARIANT.sub("#", name)
    for other in names() if names is not None else ():
        if other != name and _VARIANT.sub("#", other) == design:
            yield f"{source}:{other}"


def _has(architecture: str, state: Mapping[str, Tensor]) -> bool:
    """Whether an architecture has these tensors, its head apart."""
    from explorer.models.architectures import architecture_named

    try:
        with torch.device("meta"):
            module: nn.Module = architecture_named(architecture).create()
            stem, _ = first_convolution(module) or ("", None)
            weight = state.get(f"{stem}.weight")
            if weight is not None and weight.ndim == 4 and weight.shape[1] == 1:
                module = with_grey_stem(module)
    except (RequestError, RuntimeError, NotImplementedError):
        return False
    found = misfit(state, module)
    names = {*found.missing, *found.unexpected, *found.misshapen}
    expected = list(module.state_dict())
    last = expected[-1].rpartition(".")[0] if expected else ""
    return all(name.startswith(f"{last}.") for name in names)
