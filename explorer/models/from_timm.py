"""timm's networks: built by name, described by timm's own configuration of their weights."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path

import timm
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_model_data_config
from torch import nn

from explorer.models.downloads import Progress, from_hub, from_url
from explorer.models.names import wrong_size
from explorer.models.network import InputSpec, Network
from explorer.request import RequestError

HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def build(reference: str, name: str, size: int | None = None) -> Network:
    """The architecture with random weights; `size` in px where another than trained is wanted.

    Raises RequestError for a name that timm does not know, a network that does not take RGB
    pictures, or a size that its architecture cannot have.
    """
    check_architecture(name)
    return describe(reference, create(name, size), size)


def load(reference: str, name: str, size: int | None, progress: Progress) -> Network:
    """The network with its pretrained weights, downloaded on first use.

    Raises RequestError as `build` does, and for a name without pretrained weights;
    HubUnreachable where a download is needed and the hub does not answer.
    """
    check_architecture(name)
    architecture = name.partition(".")[0]
    tags = [known for known in timm.list_pretrained() if known.startswith(f"{architecture}.")]
    if not tags or ("." in name and name not in tags):
        raise RequestError(
            "model",
            f"timm has no pretrained weights called {name!r}; "
            + (f"there are {', '.join(tags[:6])}" if tags else f"{architecture} has none at all"),
        )
    path = weights_file(reference, name, progress)
    progress("loading the network")
    source = {"file": str(path), "custom_load": path.suffix == ".npz", "url": "", "hf_hub_id": ""}
    module = create(name, size, pretrained=True, pretrained_cfg_overlay=source)
    return describe(reference, module, size)


def weights_file(reference: str, name: str, progress: Progress) -> Path:
    """The file with the pretrained weights, on this machine."""
    config = timm.get_pretrained_cfg(name)
    if not config.hf_hub_id:
        return from_url(reference, config.url, progress)
    repository, _, revision = str(config.hf_hub_id).partition("@")
    if repository.endswith("/"):
        repository += f"{config.architecture}.{config.tag}"
    files = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_FILES
    return from_hub(reference, repository, files, revision or None, progress)


def check_architecture(name: str) -> None:
    """Raise RequestError with the nearest names if timm has no such architecture."""
    if timm.is_model(name.partition(".")[0]):
        return
    near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(repr('timm:' + one) for one in near)}? " if near else ""
    raise RequestError(
        "model", f"timm knows no {name!r}; {meant}it has {len(timm.list_models()):,} architectures"
    )


def create(name: str, size: int | None = None, **options: object) -> nn.Module:
    """timm's module, its position embeddings fitted to `size` where it has fixed ones."""
    config = timm.get_pretrained_cfg(name)
    if size is None:
        return timm.create_model(name, **options)
    fixed = {"img_size": size} if config is not None and config.fixed_input_size else {}
    try:
        module = timm.create_model(name, **fixed, **options)
    except (TypeError, AssertionError, ValueError, RuntimeError) as error:
        raise wrong_size(f"timm:{name}", size, error) from error
    patch = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if patch and size % patch[0]:
        reason = f"it sees patches of {patch[0]} px, of which that is no multiple"
        raise wrong_size(f"timm:{name}", size, reason)
    return module


def describe(reference: str, module: nn.Module, size: int | None = None) -> Network:
    """The module as a network of ours, its input as timm's configuration says."""
    config = resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    if channels != 3:
        raise RequestError("model", f"{reference} takes {channels} channels, not RGB pictures")
    count, classes = _classes(module)
    return Network(
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


def _classifier(module: nn.Module) -> str | None:
    """Name of the module that makes the scores; None where what goes in also comes out."""
    found = module.get_classifier() if hasattr(module, "get_classifier") else None
    head = found[0] if isinstance(found, tuple | list) else found
    if not isinstance(head, nn.Module) or isinstance(head, nn.Identity):
        return None
    return next((name for name, child in module.named_modules() if child is head), None)


def _classes(module: nn.Module) -> tuple[int, tuple[str, ...]]:
    """How many classes the output tells apart, and their names where those are known.

    The output of an image-text network is a place in their common space: no classes at all.
    """
    count = int(getattr(module, "num_classes", 0) or 0)
    config = getattr(module, "pretrained_cfg", {})
    if config.get("tag") and count == config.get("num_classes"):
        subset = infer_imagenet_subset(config)
        if subset is None:
            return 0, ()
        return count, imagenet_classes(subset)
    return count, imagenet_classes("imagenet-1k") if count == 1000 else ()


@lru_cache(maxsize=4)
def imagenet_classes(subset: str) -> tuple[str, ...]:
    """The classes of ImageNet-1k or one of its larger relatives, in plain words."""
    info = ImageNetInfo(subset)
    return tuple(
        info.index_to_description(index).split(",")[0] for index in range(info.num_classes())
    )
