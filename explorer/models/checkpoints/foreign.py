"""Objects of classes that a checkpoint names and that are never built: inert stand-ins for them.

A whole pickled module, a training script's options, a path: what they hold is kept as plain values,
and no code of theirs is imported or run. torch's `weights_only` unpickler does the reading.
"""

from __future__ import annotations

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from explorer.models.checkpoints import formats

_LEGACY_PICKLES = 4
"""A magic number, a protocol, the byte order, the object; then the tensors' bytes."""

_AS_PLAIN: dict[str, Callable[..., Any]] = {
    "collections.defaultdict": lambda *arguments: OrderedDict()
}
"""Dicts of another class, which torch's unpickler fills only as one that it knows."""


class Foreign:
    """Stands for an object of another class; its attributes are those of the pickled object."""

    path = ""
    """Of the class, such as `torchvision.models.resnet.ResNet`."""

    def __new__(cls, *arguments: object, **options: object) -> Foreign:
        return super().__new__(cls)

    def __init__(self, *arguments: object, **options: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.__dict__.update(part)


def foreign_globals(path: Path, format_: str) -> frozenset[str]:
    """The classes and functions that a checkpoint names beyond those that torch knows as harmless.

    Full names; none where they cannot be listed, in which case reading the file fails.
    """
    import torch

    try:
        if format_ == formats.TORCH:
            return frozenset(torch.serialization.get_unsafe_globals_in_checkpoint(path))
        return _legacy_globals(path)
    except Exception:  # damaged: reading it says so
        return frozenset()


def _legacy_globals(path: Path) -> frozenset[str]:
    """As torch lists them, of its format from before version 1.6, for which it has no function."""
    import torch._weights_only_unpickler as unpickler

    known = {*unpickler._get_allowed_globals(), *unpickler._get_user_allowed_globals()}
    named: set[str] = set()
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):
            for operation, argument, _ in pickletools.genops(file):
                if operation.name == "GLOBAL" and isinstance(argument, str):
                    module, name = argument.split(" ", 1)
                    module, name = NAME_MAPPING.get((module, name), (module, name))
                    named.add(f"{IMPORT_MAPPING.get(module, module)}.{name}")
    return frozenset(named - known)


def stand_ins(names: frozenset[str]) -> list[tuple[Callable[..., Any], str]]:
    """What torch's unpickler is to take for each of these names, in place of what they name."""
    return [
        (_AS_PLAIN.get(name) or type("Foreign", (Foreign,), {"path": name}), name)
        for name in sorted(names)
    ]


def state_of(module: Foreign, prefix: str = "") -> dict[str, object]:
    """The state dict of a pickled module: its parameters and buffers by their dotted names."""
    held = module.__dict__
    left_out = held.get("_non_persistent_buffers_set") or ()
    state: dict[str, object] = {}
    for kind in ("_parameters", "_buffers"):
        for name, value in (held.get(kind) or {}).items():
            if value is not None and name not in left_out:
                state[f"{prefix}{name}"] = value
    for name, child in (held.get("_modules") or {}).items():
        if isinstance(child, Foreign):
            state |= state_of(child, f"{prefix}{name}.")
    return state


def is_module(value: object) -> TypeGuard[Foreign]:
    """Whether this stands for a pickled `torch.nn.Module`."""
    return isinstance(value, Foreign) and {"_parameters", "_modules"} <= set(value.__dict__)
