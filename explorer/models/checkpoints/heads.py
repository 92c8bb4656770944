"""The classifier as a checkpoint has it: of other classes, an MLP, without bias, or none.

A network whose checkpoint has no classifier keeps its penultimate representation; it has no logits
and no classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from torch import Tensor, nn

from explorer.errors import RequestError
from explorer.models.architectures.record import Architecture
from explorer.models.checkpoints.head_candidates import Candidate, candidates, within
from explorer.models.checkpoints.head_modules import Head, build
from explorer.models.checkpoints.state_dicts import some, without_wrappers
from explorer.models.checkpoints.weights import FoundWeights
from explorer.models.network import Network
from explorer.network_reference import NetworkReference

_PRETRAINING = re.compile(
    r"(^|\.)(queue|encoder_[qk]|projector|projection_head|predictor|prototypes)"
)
_LEAST_PROJECTION = 64


@dataclass(frozen=True, eq=False)
class AdaptedHead:
    """A network with the head that its checkpoint has, not loaded yet.

    state: tensors by the network's names, with whatever else of the found ones is not its own.
    """

    network: Network
    state: dict[str, Tensor]


def adapt(
    architecture: Architecture,
    reference: NetworkReference,
    network: Network,
    found: FoundWeights,
) -> AdaptedHead:
    """The network with its checkpoint's head, as it is or left out; a note says what was done.

    network: of the architecture with random weights, whose module is changed in place.
    """
    network = _with_classifier(architecture, reference, network, found)
    name = network.classifier
    if name is None:
        return AdaptedHead(network, found.state)
    heads = _linear_heads(network)
    if heads is None:
        return AdaptedHead(network, found.state)
    state = found.state
    weight = state.get(f"{name}.weight")
    own = heads[name]
    if weight is not None and weight.shape[1:] == own.weight.shape[1:]:
        if weight.shape[0] != own.weight.shape[0]:
            network = _with_classes(architecture, reference, network, name, weight)
        return AdaptedHead(*_without_missing_biases(network, state))
    candidate = next(candidates(network, name, own, found), None)
    if candidate is not None:
        return _with_head(network, name, candidate, found, reference)
    return _without_head(network, list(heads), found)


def _with_classifier(
    architecture: Architecture,
    reference: NetworkReference,
    network: Network,
    found: FoundWeights,
) -> Network:
    """With one where the architecture comes without and the checkpoint has tensors for it."""
    if network.classifier is not None or not found.state.keys() - network.module.state_dict():
        return network
    try:
        other = architecture.describe(reference.model, architecture.create(num_classes=1000))
    except (TypeError, RequestError):  # it takes no number of classes
        return network
    name = other.classifier
    has_one = name is not None and any(key.startswith(f"{name}.") for key in found.state)
    return other if has_one else network


def _with_classes(
    architecture: Architecture,
    reference: NetworkReference,
    network: Network,
    name: str,
    weight: Tensor,
) -> Network:
    """With as many classes as the checkpoint's classifier has."""
    count = weight.shape[0]
    try:
        module = architecture.create(num_classes=count)
        return architecture.describe(reference.model, module)
    except (TypeError, RequestError):  # it takes no number of classes
        tensors = {"weight": weight}
        if network.module.get_submodule(name).bias is not None:
            tensors["bias"] = weight.new_zeros(count)
        head = build(tensors, weight.shape[1], convolution=weight.ndim == 4)
        if head is None:
            return network
        network.module.set_submodule(name, head.module)
        return replace(network, class_count=count, classes=())


def _linear_heads(network: Network) -> dict[str, nn.Linear | nn.Conv2d] | None:
    """The modules that make the class scores, by name; None where one is not a linear layer."""
    heads = {}
    for name, module in network.module.named_modules():
        if any(module is head for head in network.heads):
            if not isinstance(module, nn.Linear | nn.Conv2d):
                return None
            heads[name] = module
    return heads or None


def _without_missing_biases(
    network: Network, state: dict[str, Tensor]
) -> tuple[Network, dict[str, Tensor]]:
    for name, head in (_linear_heads(network) or {}).items():
        if head.bias is not None and f"{name}.weight" in state and f"{name}.bias" not in state:
            head.bias = None
            network = _noted(network, f"the classifier {name} has no bias in the checkpoint")
    return network, state


def _with_head(
    network: Network,
    name: str,
    candidate: Candidate,
    found: FoundWeights,
    reference: NetworkReference,
) -> AdaptedHead:
    head, place = candidate.head, candidate.replaces
    network.module.set_submodule(place, head.module)
    root = without_wrappers(candidate.root)
    state = {
        key: tensor
        for key, tensor in found.state.items()
        if not key.startswith((f"{place}.", f"{candidate.root.removeprefix(found.prefix)}."))
    }
    state |= {f"{place}.{head.names[key]}": tensor for key, tensor in candidate.state.items()}
    layers = "a linear layer" if head.linear == 1 else f"{head.linear} linear layers"
    note = f"the checkpoint's own classifier is used, {layers} under {root}"
    if head.assumptions:
        note += f"; assumed: {', '.join(head.assumptions)} (a python: architecture states another)"
    network = _noted(network, note)
    projects = reference.classes is None and _is_projection(head, found)
    if projects:
        network = _noted(
            network,
            f"its {head.outputs:,} outputs are taken as a projection and not as classes; "
            "--classes FILE, with their names, makes classes of them",
        )
    count = 0 if projects else head.outputs
    names = network.classes if len(network.classes) == count else ()
    adapted = replace(network, classifier=place, class_count=count, classes=names)
    return AdaptedHead(adapted, state)


def _is_projection(head: Head, found: FoundWeights) -> bool:
    """Whether a head is one of contrastive training: its outputs a power of two, from 64 on.

    Of an MLP; of a single linear layer only in a checkpoint with more of such a training.
    """
    outputs = head.outputs
    if outputs < _LEAST_PROJECTION or outputs & (outputs - 1):
        return False
    names = (found.prefix, *found.outside, *found.state)
    return head.linear > 1 or any(_PRETRAINING.search(name) for name in names)


def _without_head(network: Network, heads: list[str], found: FoundWeights) -> AdaptedHead:
    """Without classifier: every module of the head that has no tensors passes its input on."""
    removed = list(heads)
    root = heads[0].rpartition(".")[0]
    while root and not within(found.state, root):
        inside = network.module.get_submodule(root).named_modules(prefix=root)
        removed += [name for name, each in inside if any(True for _ in each.parameters(False))]
        root = root.rpartition(".")[0]
    # A second head next to it, such as the `head_dist` of distilled transformers.
    removed += [
        name
        for name, each in network.module.named_modules()
        if name.startswith(f"{heads[0]}_")
        and isinstance(each, nn.Linear)
        and not within(found.state, name)
    ]
    for name in dict.fromkeys(removed):
        network.module.set_submodule(name, nn.Identity())
    unusable = {
        key: tensor
        for key, tensor in found.state.items()
        if any(key.startswith(f"{name}.") for name in removed)
    }
    state = {key: tensor for key, tensor in found.state.items() if key not in unusable}
    note = "the checkpoint has no classifier, so the network has no logits and no classes"
    if unusable:
        note = (
            f"what the checkpoint has of a classifier ({some(list(unusable))}) is of modules that "
            "cannot be told from their tensors and is left out, so the network has no logits and "
            "no classes"
        )
    network = replace(network, classifier=None, class_count=0, classes=(), headless=True)
    return AdaptedHead(_noted(network, note), state)


def _noted(network: Network, note: str) -> Network:
    return replace(network, notes=(*network.notes, note))
