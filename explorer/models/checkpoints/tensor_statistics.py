"""A mean and a standard deviation among a checkpoint's tensors: a normalisation saved with it.

Such as `normalize.mean` next to `model.*`, `0.mean` before `1.conv1.weight`, RobustBench's `mu` and
`sigma`, the `robustness` library's `normalizer.new_mean`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from explorer.models.checkpoints import mean_and_std
from explorer.models.checkpoints.mean_and_std import Statistics
from explorer.models.checkpoints.state_dicts import without_wrappers
from explorer.models.checkpoints.weights import FoundWeights
from explorer.models.network import Network
from explorer.models.origins import printable

_OF_IMAGES = re.compile(
    r"norm|image|img|pixel|input|transform(?!er)|prepro|augment|data|^(\w+_)?stat(istic)?s$",
    re.IGNORECASE,
)
"""Names of modules that prepare pictures."""


def near(network: Network, found: FoundWeights) -> tuple[list[Statistics], list[str]]:
    """The pairs of mean and deviation among a checkpoint's tensors that are nearest its network.

    Nearest: with most modules around them in common with the network's weights, then the least
    nested, so that a student's normalisation is not taken for its teacher's. Notes say why a pair
    was ignored. The architecture's own tensors are none.
    """
    own = set(network.module.state_dict())
    tensors = {f"{found.prefix}{name}": t for name, t in found.state.items() if name not in own}
    tensors |= found.outside
    pairs: dict[tuple[int, int], list[Statistics]] = {}
    notes: list[str] = []
    for parent, leaves in _by_parent(tensors).items():
        for mean_name, std_name in mean_and_std.paired_names(leaves):
            mean = leaves[mean_name]
            if std_name is None:
                if mean.numel() == 3 and _is_of_input(parent, found.prefix):
                    notes.append(
                        f"{printable(parent + mean_name)} has no standard deviation next to it, so "
                        "it was ignored"
                    )
                continue
            if not _is_of_input(parent, found.prefix):
                if mean.numel() == 3:
                    shown = f"{printable(parent + mean_name)} and {printable(parent + std_name)}"
                    notes.append(
                        f"{shown} were not used, as the name does not say that they are of the "
                        "input; --mean and --std set them"
                    )
                continue
            names = (parent + mean_name, parent + std_name)
            read = mean_and_std.read(names, mean, leaves[std_name])
            if isinstance(read, Statistics):
                pairs.setdefault(_distance(parent, found.prefix), []).append(read)
            else:
                notes.append(f"{read}, so it was ignored")
        for name in mean_and_std.lone_deviations(leaves):
            if leaves[name].numel() == 3 and _is_of_input(parent, found.prefix):
                shown = printable(parent + name)
                notes.append(f"{shown} has no mean next to it, so it was ignored")
    nearest = pairs[min(pairs)] if pairs else []
    return nearest, notes


def inside(network: Network, architecture: str) -> Iterator[str]:
    """A note on statistics that are the architecture's own: its module may normalise itself."""
    buffers = dict(network.module.named_buffers())
    for parent, leaves in _by_parent(buffers).items():
        for mean, std in mean_and_std.paired_names(leaves):
            if std is not None and leaves[mean].numel() in (1, 3):
                names = f"{printable(parent + mean)} and {printable(std)}"
                yield (
                    f"{architecture} has {names} of its own; where it normalises pictures itself, "
                    "give --mean 0,0,0 --std 1,1,1"
                )


def _is_of_input(parent: str, prefix: str) -> bool:
    """Whether a module's name says that it prepares pictures; prefix: of the network's weights.

    So do the modules that the network stands in, and the places of a Sequential that it is in.
    """
    *outer, inner = without_wrappers(parent.rstrip(".")).split(".")
    within = -_distance(parent, prefix)[0]
    if mean_and_std.is_of_something_else(".".join([*outer, inner][within:])):
        return False
    if _OF_IMAGES.search(inner):
        return True
    if inner.isdigit():
        around = ".".join(outer)
        return _holds(around, prefix) or _is_of_input(around, prefix)
    return _holds(parent, prefix)


def _holds(module: str, prefix: str) -> bool:
    inner, outer = (without_wrappers(name.rstrip(".")) for name in (module, prefix))
    return not inner or f"{outer}.".startswith(f"{inner}.")


def _by_parent(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Tensors by the last part of their names, by what stands before it, `normalize.` or ``."""
    grouped: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parent, dot, leaf = name.rpartition(".")
        grouped.setdefault(parent + dot, {})[leaf] = tensor
    return grouped


def _distance(parent: str, prefix: str) -> tuple[int, int]:
    """Least for the normalisation that stands nearest the network under `prefix`."""
    of_pair, of_network = (
        [part for part in without_wrappers(name.rstrip(".")).split(".") if part]
        for name in (parent, prefix)
    )
    shared = 0
    for ours, theirs in zip(of_pair, of_network, strict=False):
        if ours != theirs:
            break
        shared += 1
    return -shared, len(of_pair) - shared
