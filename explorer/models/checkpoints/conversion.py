"""State dicts in other layouts than the architecture's, rewritten by its own library's rules.

timm has for many of its networks a filter for the layouts of their authors (ConvNeXt, Swin, DeiT,
CLIP, …), which also fits position embeddings to another image size; torchvision renamed its
DenseNets' tensors.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from explorer.models.checkpoints.state_dicts import COUNTER

State = dict[str, Tensor]
Convert = Callable[[State], State | None]

_FILTERS = ("checkpoint_filter_fn", "_filter_fn")
_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
_MASKED = "_orig"
_PATCHES = "patch_embed.proj.weight"
"""Patches of another size are another architecture."""


def conversion_of(module: nn.Module, resize: bool) -> Convert:
    """What rewrites a state dict, its prefix removed, for this module; None where it cannot.

    resize: whether position embeddings may be interpolated to another number of places.
    """
    filter_ = _timm_filter(module)

    def convert(state: State) -> State | None:
        plain = with_masks(renamed(state))
        plain = by_order(plain, module) or plain
        if filter_ is None:
            return plain if plain.keys() != state.keys() else None
        try:
            converted = filter_(plain)
        except (LookupError, RuntimeError, AttributeError, TypeError, ValueError, AssertionError):
            return None  # of a layout that the filter is not written for
        tensors = {name: value for name, value in converted.items() if isinstance(value, Tensor)}
        for name in tensors.keys() & plain.keys():
            here, there = plain[name], tensors[name]
            resized = here.ndim == there.ndim and here.shape != there.shape
            if resized and (not resize or name.endswith(_PATCHES)):
                tensors[name] = here
        return tensors

    return convert


def renamed(state: Mapping[str, Tensor]) -> State:
    """torchvision's first DenseNets wrote `norm.1` where today's module says `norm1`."""
    return {_OLD_DENSENET.sub(r"\1\2", name): value for name, value in state.items()}


def with_masks(state: Mapping[str, Tensor]) -> State:
    """Weights that `torch.nn.utils.prune` stored as `weight_orig` and `weight_mask`, multiplied."""
    merged = dict(state)
    for name, value in state.items():
        stem = name.removesuffix(_MASKED)
        mask = state.get(f"{stem}_mask")
        if stem != name and mask is not None and mask.shape == value.shape:
            del merged[name], merged[f"{stem}_mask"]
            merged[stem] = value * mask
    return merged


def by_order(state: Mapping[str, Tensor], module: nn.Module) -> State | None:
    """A state dict of `nn.Sequential(*module.children())`, by the names of the children.

    None unless every name begins with a number, and the children that have these tensors stand in
    this order.
    """
    groups: dict[str, State] = {}
    for name, tensor in state.items():
        first, _, rest = name.partition(".")
        groups.setdefault(first, {})[rest] = tensor
    if not groups or not all(first.isdigit() for first in groups):
        return None
    children = iter(module.named_children())
    by_name: State = {}
    for group in groups.values():
        own = next((name for name, child in children if _same_shapes(group, child)), None)
        if own is None:
            return None
        by_name |= {f"{own}.{rest}": tensor for rest, tensor in group.items()}
    return by_name


def _same_shapes(group: Mapping[str, Tensor], child: nn.Module) -> bool:
    own = child.state_dict()
    return own.keys() >= group.keys() and all(
        group[name].shape == own[name].shape if name in group else name.endswith(COUNTER)
        for name in own
    )


def _timm_filter(module: nn.Module) -> Callable[[State], State] | None:
    home = type(module).__module__
    if not home.startswith("timm."):
        return None
    filter_ = next(
        (found for name in _FILTERS if (found := getattr(sys.modules[home], name, None))), None
    )
    if filter_ is None:
        return None
    if "model" in inspect.signature(filter_).parameters:
        return lambda state: filter_(state, module)
    return lambda state: filter_(state)
