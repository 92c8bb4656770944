"""timm's architectures: any name that timm knows, described by timm's own configuration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean
from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.grey import with_grey_input, wrong_channels
from explorer.models.names import wrong_size

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network


def names() -> Sequence[str]:
    """Every architecture that timm has."""
    import timm

    listed: list[str] = timm.list_models()
    return listed


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture; RequestError for a name that timm does not know."""
    check_architecture(name)
    return Architecture(
        create=lambda **options: create(name, size, **options),
        describe=lambda reference, module: network_of(reference, module, size),
    )


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


ARCHITECTURES = ArchitectureSource(
    name="timm",
    title="timm's architectures",
    help="any architecture that timm knows",
    example="timm:resnet18",
    architecture=architecture,
    names=names,
)
