"""timm's networks: built by name, described by timm's own configuration of their weights."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean
from explorer.models import curated, hubs, pretrained
from explorer.models.downloads import Progress, from_hub, from_url
from explorer.models.entry import Entry, describe
from explorer.models.grey import with_grey_input, wrong_channels
from explorer.models.names import wrong_size
from explorer.models.source import Source
from explorer.models.sources import timm_hub
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")


def names() -> tuple[str, ...]:
    """Every name with pretrained weights, an architecture's default weights first."""
    return pretrained.names("timm")


@lru_cache(maxsize=4096)  # of names that strangers type, too
def entry(name: str) -> Entry | None:
    """What the pretrained list says; RequestError for a name that timm cannot have."""
    if timm_hub.is_hub_name(name):
        return None
    if not _NAME.fullmatch(name):
        raise RequestError("model", f"{name!r} is no timm name; one is 'timm:resnet50.a1_in1k'")
    reference = pretrained.full_reference(f"timm:{name}")
    facts = pretrained.find(reference)
    return None if facts is None else describe(facts, curated.descriptions().get(reference))


def location(name: str) -> hubs.Location | None:
    """Where the weights are downloaded from, as far as the pretrained list knows."""
    facts = pretrained.find(pretrained.full_reference(f"timm:{name}"))
    return None if facts is None else hubs.location(facts.location)


def untrained(reference: NetworkReference) -> Network:
    """The architecture with random weights.

    Raises RequestError for a name that timm does not know, a network that takes neither grey nor
    RGB pictures, or a size that its architecture cannot have.
    """
    if timm_hub.is_hub_name(reference.name):
        module = timm_hub.create(reference, lambda text: None, False, reference.size)
    else:
        check_architecture(reference.name)
        module = create(reference.name, reference.size)
    return network_of(reference.model, module, reference.size)


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its pretrained weights, downloaded on first use.

    Raises RequestError as `untrained` does, and for a name without pretrained weights;
    HubUnreachable where a download is needed and the hub does not answer.
    """
    import timm

    name = reference.name
    if timm_hub.is_hub_name(name):
        return _load_from_hub(reference, progress)
    check_architecture(name)
    architecture = name.partition(".")[0]
    tags = [listed for listed in timm.list_pretrained() if listed.startswith(f"{architecture}.")]
    if not tags or ("." in name and name not in tags):
        choice = f"choose one of {', '.join(tags[:6])}" if tags else f"{architecture} has none"
        raise RequestError("model", f"timm has no pretrained weights {name!r}; {choice}")
    path = weights_file(reference, progress)
    progress("loading the network")
    source = {"file": str(path), "custom_load": path.suffix == ".npz", "url": "", "hf_hub_id": ""}
    module = create(name, reference.size, pretrained=True, pretrained_cfg_overlay=source)
    return network_of(reference.model, module, reference.size)


def _load_from_hub(reference: NetworkReference, progress: Progress) -> Network:
    module = timm_hub.create(reference, progress, True, reference.size)
    network = network_of(reference.model, module, reference.size)
    path, commit = timm_hub.repository(reference.name)
    origin = f"{path} on the Hugging Face Hub, commit {commit or 'unknown'}"
    return replace(network, origins={**network.origins, "weights": origin})


def weights_file(reference: NetworkReference, progress: Progress) -> Path:
    """The file with the pretrained weights, on this machine."""
    import timm

    config: Any = timm.get_pretrained_cfg(reference.name)
    if not config.hf_hub_id:
        return from_url(reference.model, config.url, progress)
    repository, _, revision = str(config.hf_hub_id).partition("@")
    if repository.endswith("/"):
        repository += f"{config.architecture}.{config.tag}"
    files = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_FILES
    return from_hub(reference.model, repository, files, revision or None, progress)


def check_architecture(name: str) -> None:
    """Raise RequestError with the nearest names if timm has no such architecture."""
    import timm

    if timm.is_model(name.partition(".")[0]):
        return
    known = timm.list_models()
    suggestion = did_you_mean(name, known, "timm:", most=3)
    raise RequestError(
        "model", f"timm has no architecture {name!r}; {suggestion}it has {len(known):,}"
    )


def create(name: str, size: int | None = None, **options: Any) -> nn.Module:
    """timm's module, its position embeddings fitted to `size` where it has fixed ones."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if size is None:
        return timm.create_model(name, **options)
    fixed: dict[str, Any] = (
        {"img_size": size} if config is not None and config.fixed_input_size else {}
    )
    try:
        module = timm.create_model(name, **fixed, **options)
    except (TypeError, AssertionError, ValueError, RuntimeError) as error:
        raise wrong_size(f"timm:{name}", size) from error
    patch = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if patch and size % patch[0]:
        raise wrong_size(f"timm:{name}", size, f"it is no multiple of its patches' {patch[0]} px")
    return module


def network_of(reference: str, module: Any, size: int | None = None) -> Network:
    """timm's module as a Network, its input as timm's configuration says.

    A module that takes one channel has mean and deviation averaged over the configuration's three.
    """
    from timm.data.config import resolve_model_data_config

    from explorer.models.network import InputSpec, Network

    config = resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    if channels not in (1, 3):
        raise wrong_channels(reference, channels)
    count, classes = _classes(module)
    network = Network(
        reference=reference,
        module=module,
        input=InputSpec(
            size=(size, size) if size else (height, width),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
            crop_pct=float(config["crop_pct"]),
            crop_mode=config.get("crop_mode") or "center",
        ),
        classifier=_classifier(module),
        classes=classes,
        class_count=count,
        family=module.default_cfg.get("architecture", "") if hasattr(module, "default_cfg") else "",
    )
    return with_grey_input(network)


def _classifier(module: Any) -> str | None:
    """Name of the module that makes the scores; None where what goes in also comes out."""
    from torch import nn

    classifier = module.get_classifier() if hasattr(module, "get_classifier") else None
    head = classifier[0] if isinstance(classifier, tuple | list) else classifier
    if not isinstance(head, nn.Module) or isinstance(head, nn.Identity):
        return None
    return next((name for name, child in module.named_modules() if child is head), None)


def _classes(module: Any) -> tuple[int, tuple[str, ...]]:
    """How many classes the output tells apart, and their names where those are known.

    The output of an image-text network is a point in their common space: no classes at all.
    """
    from timm.data.imagenet_info import infer_imagenet_subset

    count = int(getattr(module, "num_classes", 0) or 0)
    config: dict[str, Any] = getattr(module, "pretrained_cfg", {})
    names = tuple(map(str, config.get("label_names") or ()))
    if names and len(names) == count:
        described: dict[str, str] = config.get("label_descriptions") or {}
        return count, tuple(str(described.get(name, name)).split(",")[0] for name in names)
    if config.get("tag") and count == config.get("num_classes"):
        subset = infer_imagenet_subset(config)
        if subset is None:
            return 0, ()
        return count, imagenet_classes(subset)
    return count, imagenet_classes("imagenet-1k") if count == 1000 else ()


@lru_cache(maxsize=4)
def imagenet_classes(subset: str) -> tuple[str, ...]:
    """The classes of ImageNet-1k or one of its larger relatives, in plain words."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo(subset)
    return tuple(
        info.index_to_description(index).split(",")[0] for index in range(info.num_classes())
    )


SOURCE = Source(
    name="timm",
    title="timm's networks",
    help="any pretrained name that timm knows, downloaded on first use",
    example="timm:resnet50.a1_in1k",
    entry=entry,
    load=load,
    names=names,
    offered_whole=False,
    untrained=untrained,
    architecture_of=lambda name: f"timm:{name.partition('.')[0]}",
    location=location,
    full_name=lambda name: pretrained.full_name("timm", name),
    pin=timm_hub.pin,
)
