"""What a checkpoint says of its own input is used: mean, deviation, size, resize, class names.

Each setting's origin is recorded (`Network.origins`): the name in the checkpoint, or that it is
assumed. What is ambiguous is not guessed; a note names what there is (`Network.notes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from explorer.errors import RequestError
from explorer.models import class_names
from explorer.models.checkpoints import stated, tensor_statistics
from explorer.models.checkpoints.containers import Container, containers
from explorer.models.checkpoints.mean_and_std import Statistics
from explorer.models.checkpoints.reading import Checkpoint
from explorer.models.checkpoints.stated import Size, Stated
from explorer.models.checkpoints.weights import FoundWeights
from explorer.models.grey import AVERAGE_ORIGIN
from explorer.models.network import Network
from explorer.models.origins import assumed, printable

_CLASS_KEYS = re.compile(
    r"class|label|categor|vocab|target_?names|idx_?(2|to)|(2|to)_?idx|^names$", re.IGNORECASE
)


def input_size_said(checkpoint: Checkpoint) -> int | None:
    """The side, px, of the square pictures that a checkpoint states; None where it states none.

    An architecture whose input size is fixed when it is built is to be built with it.
    """
    size, _ = stated.size_in(list(containers(checkpoint)))
    return size.value[0] if size is not None and size.value[0] == size.value[1] else None


def apply(
    network: Network,
    checkpoint: Checkpoint,
    found: FoundWeights,
    architecture: str,
    size_is_given: bool = False,
) -> Network:
    """The network with the input settings and class names that its checkpoint states.

    architecture: what the others are those of, such as `timm:resnet18`. size_is_given: whether the
    reference gives a size, which then counts. Other settings of the reference are laid over these
    (`explorer.models.loading.with_overrides`).
    """
    values = list(containers(checkpoint))
    notes: list[str] = []
    network = _with_statistics(network, values, found, architecture, notes)
    network = _with_resize(network, values, architecture, notes)
    if not size_is_given:
        network = _with_size(network, values, architecture, notes)
    network = _with_classes(network, values, architecture, notes)
    return replace(network, notes=(*network.notes, *dict.fromkeys(notes)))


def _with_statistics(
    network: Network,
    values: Sequence[Container],
    found: FoundWeights,
    architecture: str,
    notes: list[str],
) -> Network:
    tensors, of_tensors = tensor_statistics.near(network, found)
    plain, of_plain = stated.statistics_in(values)
    notes += [*of_tensors, *tensor_statistics.inside(network, architecture)]
    if not tensors:
        notes += of_plain
    chosen = _unambiguous([*tensors, *plain], notes)
    if chosen is not None:
        names = ", ".join(map(printable, dict.fromkeys(chosen.names)))
        origin = f"the checkpoint ({names})"
        # A dict of tensors that is none of weights is read both ways.
        notes[:] = [note for note in notes if not note.startswith(f"{chosen.shown} were not used")]
        try:
            changed = network.with_input(origin, mean=chosen.mean, std=chosen.std)
        except RequestError as error:
            notes.append(f"{chosen.shown} were ignored, because {error.message}")
        else:
            notes += chosen.notes
            return changed
    own = network.origins.get("mean")
    if own is not None and own != AVERAGE_ORIGIN:
        return network
    instead = own or f"as of {_named(architecture)}"
    usable = " that can be used" if notes else ""
    unstated = assumed(f"{instead}; the checkpoint states none{usable}")
    return replace(network, origins={**network.origins, "mean": unstated, "std": unstated})


def _unambiguous(pairs: Sequence[Statistics], notes: list[str]) -> Statistics | None:
    """The one pair of which the others say the same; none, and a note, where they do not.

    Mean 0 and deviation 1 are how pictures are given to a network that normalises them itself, so
    these are no rival of another pair.
    """
    pairs = [pair for pair in pairs if not stated.is_default(pair.names[0])] or pairs
    rivals: list[Statistics] = []
    for pair in pairs:
        if not any(pair.same_as(other) for other in rivals):
            rivals.append(pair)
    telling = [pair for pair in rivals if not pair.changes_nothing] or rivals
    if len(telling) > 1:
        listed = "; ".join(
            f"{pair.shown}: mean {_listed(pair.mean)}, std {_listed(pair.std)}" for pair in telling
        )
        notes.append(
            f"the checkpoint states more than one mean and standard deviation ({listed}); none of "
            "them was used, --mean and --std choose"
        )
    return telling[0] if len(telling) == 1 else None


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _with_resize(
    network: Network, values: Sequence[Container], architecture: str, notes: list[str]
) -> Network:
    """With the interpolation, and how much the crop keeps."""
    interpolation, of_interpolation = stated.interpolation_in(values)
    share, of_share = stated.crop_share_in(values)
    notes += [*of_interpolation, *of_share]
    settings: dict[str, Stated[Any] | None] = {
        "interpolation": interpolation,
        "crop_pct": share,
        "crop_mode": stated.crop_mode_in(values),
    }
    for name, setting in settings.items():
        if setting is not None:
            network = network.with_input(_origin(setting), **{name: setting.value})
        elif name != "crop_mode":
            network = _of_architecture(network, name, architecture)
    return network


def _with_size(
    network: Network, values: Sequence[Container], architecture: str, notes: list[str]
) -> Network:
    size, of_size = stated.size_in(values)
    notes += of_size
    if size is not None:
        if size.value == network.input.size or _takes(network, size.value):
            return network.with_input(_origin(size), size=size.value)
        height, width = size.value
        notes.append(
            f"{printable(size.name)} is {height}×{width} px, which {architecture} cannot take, so "
            "it was ignored"
        )
    return _of_architecture(network, "size", architecture)


def _takes(network: Network, size: Size) -> bool:
    blank = torch.full((1, 3, *size), 0.5, device=network.device)
    try:
        with torch.no_grad():
            network(blank)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        return False
    return True


def _of_architecture(network: Network, name: str, architecture: str) -> Network:
    origins = {name: _named(architecture), **network.origins}
    return replace(network, origins=origins)


def _named(architecture: str) -> str:
    """`the architecture timm:resnet18`; a published one's is called so already."""
    is_phrase = " " in architecture
    return architecture if is_phrase else f"the architecture {architecture}"


def _origin(setting: Stated[Any]) -> str:
    return f"the checkpoint ({printable(setting.name)})"


def _with_classes(
    network: Network, values: Sequence[Container], architecture: str, notes: list[str]
) -> Network:
    """With the checkpoint's class names; the architecture's own only where it states none."""
    if not network.class_count:
        return network
    listed: dict[tuple[str, ...], str] = {}
    for container in values:
        for key, value in container.values.items():
            names = class_names.from_values(value) if _CLASS_KEYS.search(key) else None
            if names is not None:
                listed.setdefault(names, container.name(key))
    fitting = {names: key for names, key in listed.items() if len(names) == network.class_count}
    if len(fitting) == 1:
        ((names, key),) = fitting.items()
        origins = {**network.origins, "classes": f"the checkpoint ({printable(key)})"}
        return replace(network, classes=names, origins=origins)
    if fitting:
        keys = " and ".join(map(printable, fitting.values()))
        notes.append(f"{keys} name the classes differently; neither was used, --classes chooses")
    elif listed:
        counts = " and ".join(f"{printable(key)} {len(names):,}" for names, key in listed.items())
        notes.append(
            f"the network has {network.class_count:,} classes, and the checkpoint names others "
            f"({counts}), so the names were ignored"
        )
    elif network.classes:
        some = ", ".join(network.classes[:2])
        origin = assumed(f"as of {_named(architecture)} ({some}, …); the checkpoint states none")
        return replace(network, origins={**network.origins, "classes": origin})
    return replace(network, classes=())
