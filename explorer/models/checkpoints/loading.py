"""From a checkpoint to a network: architecture, weights, head and input settings put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from explorer.errors import RequestError
from explorer.models.architectures import Architecture, architecture_named
from explorer.models.architectures.shown import architecture_of, architecture_title
from explorer.models.architectures.small_pictures import candidates, fitting
from explorer.models.checkpoints import diagnosis, heads, statistics
from explorer.models.checkpoints.conversion import conversion_of
from explorer.models.checkpoints.fit import extra, loadable, misfit, shapes_of
from explorer.models.checkpoints.reading import Checkpoint
from explorer.models.checkpoints.state_dicts import some, split, state_dicts
from explorer.models.checkpoints.weights import FoundWeights, find
from explorer.models.grey import first_convolution, with_grey_input, with_grey_stem
from explorer.models.network import Network
from explorer.network_reference import NetworkReference


def network_of(reference: NetworkReference, checkpoint: Checkpoint) -> Network:
    """The network of a reference's architecture with the weights of a checkpoint.

    Its head, mean, deviation, size and class names are the checkpoint's where that has them;
    `origins` and `notes` say what was taken from where and what was left out. Raises RequestError
    that names what does not fit, and why.
    """
    own = reference.architecture or ""
    name = architecture_title(reference)
    architecture = _of_size(reference, checkpoint)
    found, network = _found(name, architecture, reference, checkpoint)
    small = fitting(own, shapes_of(found.state))
    notes = []
    if small != own:
        notes.append(f"{small} was built, the version of {name} for small pictures, which fits")
        others = [each for each in candidates(shapes_of(found.state)) if each != small]
        if others:
            notes.append(
                f"the same weights fit {some(others, 3)}, which computes something else; name it "
                "with --arch if that is the network's"
            )
        name, architecture = small, architecture_named(small, reference.size)
        found, network = _found(name, architecture, reference, checkpoint)
    trained = _as_trained(architecture, network, found, checkpoint.shown)
    if trained is not None:
        architecture = trained
        network = architecture.describe(reference.model, architecture.create())
    adapted = heads.adapt(architecture, reference, network, found)
    network, state = with_grey_input(adapted.network), adapted.state
    file = checkpoint.shown
    if misfit(state, network.module):
        raise diagnosis.refusal(file, found.where(file), name, network, state)
    network.module.load_state_dict(loadable(state, network.module, file))
    network = statistics.apply(network, checkpoint, found, name, reference.size is not None)
    notes += [*network.notes, *_notes(checkpoint, found, network, state)]
    origins = {**network.origins, "weights": found.where(file)}
    return replace(network, origins=origins, notes=tuple(dict.fromkeys(notes)))


def load_found(network: Network, checkpoint: Checkpoint) -> FoundWeights:
    """Load a published checkpoint's weights into its own architecture; what was found of it.

    Raises RequestError where it does not fit or holds numbers that are not finite.
    """
    shown, module = checkpoint.shown, network.module
    expected = shapes_of(module.state_dict())
    convert = conversion_of(module, resize=False)
    found = find(checkpoint, expected, None, network.classifier, network.reference, convert)
    if misfit(found.state, module):
        where = found.where(shown)
        raise diagnosis.refusal(shown, where, network.reference, network, found.state)
    module.load_state_dict(loadable(found.state, module, shown))
    return found


def _of_size(reference: NetworkReference, checkpoint: Checkpoint) -> Architecture:
    """The architecture, built for the size that the reference or else the checkpoint states."""
    stated = statistics.input_size_said(checkpoint)
    if reference.size is None and stated is not None:
        try:
            architecture = architecture_of(reference, stated)
            with torch.device("meta"):
                architecture.create()
        except (RequestError, RuntimeError, NotImplementedError):
            pass  # it cannot have that size: then as is usual for it
        else:
            return architecture
    return architecture_of(reference, reference.size)


def _found(
    name: str, architecture: Architecture, reference: NetworkReference, checkpoint: Checkpoint
) -> tuple[FoundWeights, Network]:
    """The weights that fit the architecture best, and the network that they were compared with."""
    network = architecture.describe(reference.model, architecture.create())
    try:
        found = find(
            checkpoint,
            shapes_of(network.module.state_dict()),
            reference.weights_key,
            network.classifier,
            name,
            conversion_of(network.module, resize=reference.size is not None),
        )
    except RequestError as error:
        if error.field == "architecture":
            raise diagnosis.with_suggestion(error, checkpoint.content) from None
        raise
    return found, network


def _as_trained(
    architecture: Architecture, network: Network, found: FoundWeights, shown: str
) -> Architecture | None:
    """The architecture for grey pictures or pooling on average where the found weights need it.

    Raises RequestError for weights of other pictures than RGB and grey ones.
    """
    wrong = diagnosis.wrong_channels(shown, network, found.state)
    if wrong is not None:
        raise RequestError("architecture", wrong)
    create = architecture.create
    expected = network.module.state_dict()
    if "fc_norm.weight" in found.state and "norm.weight" in expected.keys() - found.state.keys():
        create = _with_options(create, global_pool="avg")
    stem, convolution = first_convolution(network.module) or ("", None)
    weight = found.state.get(f"{stem}.weight")
    is_grey = weight is not None and weight.ndim == 4 and weight.shape[1] == 1
    if is_grey and convolution is not None and convolution.in_channels == 3:
        create = _grey(create)
    return None if create is architecture.create else replace(architecture, create=create)


def _with_options(create: Callable[..., nn.Module], **given: Any) -> Callable[..., nn.Module]:
    return lambda **options: create(**given, **options)


def _grey(create: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    return lambda **options: with_grey_stem(create(**options))


def _notes(
    checkpoint: Checkpoint, found: FoundWeights, network: Network, state: dict[str, Any]
) -> list[str]:
    """What was chosen, rewritten and left out, one sentence each."""
    shown, notes = checkpoint.shown, []
    if found.alternatives:
        others = some(list(found.alternatives), 3)
        notes.append(
            f"the weights of {found.where(shown)} were taken; others fit, too, and --weights-key "
            f"chooses: {others}"
        )
    if found.converted:
        notes += _converted(checkpoint, found, network)
    used = " ".join(network.origins.values())
    left_out = [
        name
        for name in (*extra(state, network.module), *_beside(checkpoint, found))
        if name not in used
    ]
    if left_out:
        notes.append(f"{len(left_out)} tensors were left out: {some(left_out)}")
    return notes


def _beside(checkpoint: Checkpoint, found: FoundWeights) -> list[str]:
    """The names in the same dict that are not under the prefix."""
    return [
        name for name in dict(state_dicts(checkpoint.content))[found.key] if name in found.outside
    ]


def _converted(checkpoint: Checkpoint, found: FoundWeights, network: Network) -> list[str]:
    """Whether names were rewritten, embeddings interpolated, or both."""
    raw, _ = split(dict(state_dicts(checkpoint.content))[found.key], found.prefix)
    notes, fitted, rewritten = [], False, False
    for name in network.module.state_dict().keys() & found.state.keys():
        before, after = raw.get(name), found.state[name]
        if before is None or before.ndim != after.ndim:
            rewritten = True
        elif before.shape != after.shape:
            fitted = True
    if rewritten or not fitted:
        notes.append("the names of the weights were rewritten from another layout")
    if fitted:
        side = "×".join(map(str, network.input.size))
        notes.append(f"the position embeddings were interpolated to pictures of {side} px")
    return notes
