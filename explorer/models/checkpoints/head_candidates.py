"""Classifiers in a checkpoint that are not as the architecture's: an MLP, or under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from explorer.models.checkpoints.head_modules import Head, build
from explorer.models.checkpoints.weights import FoundWeights
from explorer.models.network import Network

_HEAD_NAMES = re.compile(
    r"fc\d*|linear\d*|lin|classifier|classif|cls|clf|cls_head|head|heads|logits|output|out|last_linear"
    r"|(linear_?)?probe|(linear_?|cls_?|classification_?|classifier_?|output_?)(head|layer)|dense"
)
"""What people call the module that makes the class scores."""


@dataclass(frozen=True)
class Candidate:
    """A head in the checkpoint. root: its name there; state: its tensors, by names within it."""

    root: str
    head: Head
    state: Mapping[str, Tensor]
    replaces: str


def candidates(
    network: Network, name: str, own: nn.Linear | nn.Conv2d, found: FoundWeights
) -> Iterator[Candidate]:
    """Heads in the checkpoint that could stand for the architecture's, the likeliest first."""
    convolution = isinstance(own, nn.Conv2d)
    features = own.weight.shape[1]
    inside = within(found.state, name)
    if inside:
        head = build(inside, features, convolution)
        if head is not None:
            yield Candidate(name, head, inside, name)
        return
    container = name.rpartition(".")[0]
    while container:
        inside = within(found.state, container)
        module = network.module.get_submodule(container)
        expected = within(network.module.state_dict(), container)
        if inside and set(inside) != set(expected) - {"num_batches_tracked"}:
            whole = _is_chain(module)
            width = _first_width(module) if whole else features
            head = build(inside, width, convolution and not whole)
            if head is not None:
                yield Candidate(container, head, inside, container if whole else name)
                return
        container = container.rpartition(".")[0]
    elsewhere = list(_elsewhere(network, found, features, convolution, name))
    if len(elsewhere) == 1:
        yield elsewhere[0]


def _is_chain(module: nn.Module) -> bool:
    """Whether this is linear layers one after the other and nothing that changes the shape."""
    allowed = (nn.Linear, nn.ReLU, nn.GELU, nn.Dropout, nn.Tanh, nn.Hardswish, nn.SiLU)
    return isinstance(module, nn.Sequential) and all(isinstance(each, allowed) for each in module)


def _first_width(module: nn.Module) -> int:
    return next(each.in_features for each in module.modules() if isinstance(each, nn.Linear))


def within(state: Mapping[str, Tensor], root: str) -> dict[str, Tensor]:
    """The tensors of a module by their names within it."""
    start = f"{root}."
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}


def _elsewhere(
    network: Network, found: FoundWeights, features: int, convolution: bool, name: str
) -> Iterator[Candidate]:
    """Heads under another name, next to the network or next to a module that holds it."""
    own = set(network.module.state_dict())
    tensors = {f"{found.prefix}{key}": t for key, t in found.state.items() if key not in own}
    tensors |= found.outside
    around = [part for part in found.prefix.rstrip(".").split(".") if part]
    roots: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parts = key.split(".")
        shared = 0
        while shared < min(len(around), len(parts)) and parts[shared] == around[shared]:
            shared += 1
        root = parts[shared] if shared < len(parts) else ""
        of_sequence = root.isdigit() and shared < len(around) and around[shared].isdigit()
        if of_sequence or _HEAD_NAMES.fullmatch(root.lower()):
            inner = ".".join(parts[shared + 1 :])
            roots.setdefault(".".join(parts[: shared + 1]), {})[inner] = tensor
    for root, inside in roots.items():
        head = build(inside, features, convolution)
        if head is not None:
            yield Candidate(root, head, inside, name)
