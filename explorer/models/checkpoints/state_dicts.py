"""Every dict of tensors in a checkpoint, and the names in it without what only wraps a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

COUNTER = "num_batches_tracked"
"""Of batch normalisation's training, which old checkpoints lack and torch does not insist on."""

MOST_DEPTH = 4
"""Of dicts within dicts that are looked into."""

WRAPPERS = frozenset(
    {
        "_orig_mod",  # torch.compile
        "module",  # DataParallel, DistributedDataParallel
        "_fsdp_wrapped_module",
        "_checkpoint_wrapped_module",
        "_forward_module",  # Lightning Fabric
    }
)
"""Modules that hold another and change nothing; their names may stand anywhere in a tensor's."""


def state_dicts(content: object) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every dict of tensors by names in a checkpoint, with its key: the path to it, joined by `/`.

    What else is in a dict is passed over.
    """
    yield from _state_dicts(content, (), MOST_DEPTH)


def _state_dicts(
    value: object, path: tuple[str, ...], depth: int
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    tensors = {
        name: tensor
        for name, entry in value.items()
        if isinstance(name, str) and (tensor := _tensor(entry)) is not None
    }
    if tensors:
        yield "/".join(path), tensors
    if depth:
        for name, entry in value.items():
            yield from _state_dicts(entry, (*path, str(name)), depth - 1)


def _tensor(value: object) -> Tensor | None:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return torch.from_numpy(value)
    return None


def without_wrappers(name: str, wrappers: Collection[str] = WRAPPERS) -> str:
    """A tensor's name without the modules that only wrap others, wherever they stand in it."""
    return ".".join(part for part in name.split(".") if part not in wrappers)


def split(
    state: Mapping[str, Tensor], prefix: str, wrappers: Collection[str] = WRAPPERS
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(tensors under the prefix, without it and the wrappers; the others by their names)."""
    inside: dict[str, Tensor] = {}
    outside: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.startswith(prefix):
            plain = name.removeprefix(prefix)
            inner = without_wrappers(plain, wrappers)
            if inner == plain or inner not in inside:
                inside[inner] = tensor
        else:
            outside[name] = tensor
    return inside, outside


def common_prefixes(state: Collection[str]) -> list[str]:
    """Prefixes that most names have, each longer than the one before; "" is the first."""
    prefixes, names = [""], list(state)
    for _ in range(MOST_DEPTH):
        firsts = Counter(name.partition(".")[0] for name in names if "." in name)
        first, count = firsts.most_common(1)[0] if firsts else ("", 0)
        if 2 * count <= len(state):
            break
        prefixes.append(f"{prefixes[-1]}{first}.")
        names = [name.partition(".")[2] for name in names if name.startswith(f"{first}.")]
    return prefixes


def some(names: Sequence[str], most: int = 4) -> str:
    """The first few names, for a message."""
    return ", ".join(map(shortened_name, names[:most])) + (", …" if len(names) > most else "")


def shortened_name(name: str) -> str:
    """A name of at most 48 printable characters, its middle left out where it is longer."""
    name = "".join(char if char.isprintable() else "?" for char in name)
    return name if len(name) <= 48 else f"{name[:22]}…{name[-22:]}"
