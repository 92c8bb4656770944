"""The classes and functions that a checkpoint asks for; building or calling them would run code.

They are only named here. A checkpoint that asks for any but plain values is refused.
"""

from __future__ import annotations

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from pathlib import Path

from explorer.models.checkpoints import formats

_LEGACY_PICKLES = 4
"""A magic number, a protocol, the byte order, the object; then the tensors' bytes."""

_MODULES = "torch.nn.modules."
"""Where the classes of a whole pickled network are from, its own aside."""


def foreign_globals(path: Path, format_: str) -> frozenset[str]:
    """Full names of what a checkpoint asks for beyond what torch knows as harmless.

    None where they cannot be listed: reading the file fails then, too.
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


def is_whole_network(names: frozenset[str]) -> bool:
    """Whether these are the classes of a pickled network, as `torch.save(model)` writes it."""
    return any(name.startswith(_MODULES) for name in names)
