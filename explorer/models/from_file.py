"""One's own checkpoints: an architecture of timm's or torchvision's with the file's weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from explorer.models import models_toml
from explorer.models.downloads import Progress
from explorer.models.files import check_fit, normaliser, read_state_dict, strip_prefixes
from explorer.models.network import Network
from explorer.request import RequestError


def load(
    reference: str,
    path: Path,
    architecture: str,
    weights: str | None,
    size: int | None,
    progress: Progress,
) -> Network:
    """The network of a checkpoint; a classifier with another number of classes is its own.

    architecture: `timm:NAME` or `torchvision:NAME`. weights: SHA-256 of the file. Raises
    RequestError for an architecture that does not exist, a file that is no checkpoint of plain
    tensors, or one that does not fit.
    """
    source, _, name = architecture.partition(":")
    if source not in ("timm", "torchvision") or not _exists(source, name):
        raise RequestError(
            "architecture",
            f"{architecture!r} is unknown; write it like 'timm:resnet18' or 'torchvision:resnet18'",
        )
    checkpoint = read_state_dict(path, weights)
    progress("loading the network")
    make, describe = _timm(name, size) if source == "timm" else _torchvision(name, size)
    network = describe(reference, make())
    state = strip_prefixes(checkpoint, set(network.module.state_dict()))
    bias = state.get(f"{network.classifier}.bias")
    if bias is not None and bias.shape[0] != _outputs(network):
        network = describe(reference, make(num_classes=bias.shape[0]))
    check_fit(state, network.module.state_dict(), path, architecture)
    network.module.load_state_dict(state)
    return network.seeing(**normaliser(checkpoint))


def load_published(
    reference: str, name: str, weights: str | None, size: int | None, progress: Progress
) -> Network:
    """The network of an entry of models.toml, seeing pictures as that says.

    weights: its fingerprint when the request was made. Raises RequestError if the entry or the
    checkpoint is another one now.
    """
    one = models_toml.named(name)
    if weights and models_toml.fingerprint(name) != weights:
        raise RequestError("weights", f"{reference} has changed since the request was made")
    side = size or one.input_size
    network = load(reference, Path(one.file), one.architecture, None, side, progress)
    network = network.seeing(**one.input)
    if not one.classes:
        return network
    if len(one.classes) != network.class_count:
        raise RequestError(
            "model",
            f"models.toml names {len(one.classes)} classes of {reference}, which has "
            f"{network.class_count}",
        )
    return replace(network, classes=one.classes)


def _exists(source: str, name: str) -> bool:
    if source == "timm":
        import timm

        return timm.is_model(name.partition(".")[0])
    from torchvision import models

    return name.partition("/")[0] in models.list_models(module=models)


def _timm(name: str, size: int | None):
    from explorer.models import from_timm

    return (
        lambda **options: from_timm.create(name, size, **options),
        lambda reference, module: from_timm.describe(reference, module, size),
    )


def _torchvision(name: str, size: int | None):
    from explorer.models import from_torchvision

    weights = from_torchvision.weights_of(name)
    return (
        lambda **options: from_torchvision.create(name, weights, **options),
        lambda reference, module: from_torchvision.describe(reference, module, weights, size),
    )


def _outputs(network: Network) -> int:
    head: nn.Module = network.module.get_submodule(network.classifier)
    return int(getattr(head, "out_features", None) or getattr(head, "out_channels", 0))
