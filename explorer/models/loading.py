"""One loader per source, and the few loaded networks that a worker keeps."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path

from torch import nn

from explorer.models import catalogue, hub
from explorer.models.files import check_fit, read_state_dict, strip_prefixes
from explorer.models.network import InputSpec, Network
from explorer.request import RequestError

KEPT_NETWORKS = 3


@lru_cache(maxsize=KEPT_NETWORKS)
def load(
    reference: str,
    architecture: str | None = None,
    weights: str | None = None,
    device: str = "cpu",
) -> Network:
    """The network of a reference, on `device`, in eval mode, its parameters without gradients.

    `architecture` and `weights` (the file's SHA-256) belong to `file:` references. Raises
    RequestError for a name that does not exist or a checkpoint that does not fit, HubUnreachable
    where a download would be needed and no hub answers (within five seconds).
    """
    source, name = catalogue.split_reference(reference)
    if source == "embedded":
        network = _load_embedded(reference, name)
    elif source == "timm":
        network = _load_timm(reference, name)
    else:
        network = _load_file(reference, Path(name), architecture or "", weights)
    network.module.to(device)
    return network


def _load_embedded(reference: str, name: str) -> Network:
    from explorer.zoo import cards

    catalogue.card(name)  # says in a sentence if there is no such network
    module, card = cards.load(name)
    return Network(
        reference=reference,
        module=module,
        input=InputSpec(
            size=tuple(card["input_size"]),
            mean=tuple(card["mean"]),
            std=tuple(card["std"]),
            interpolation=card["interpolation"],
            crop_pct=card["crop_pct"],
        ),
        classifier="head",
        classes=tuple(card["classes"]),
        class_count=len(card["classes"]),
        family="embedded",
    )


def _load_timm(reference: str, name: str) -> Network:
    import timm

    architecture, _, _tag = name.partition(".")
    if not timm.is_model(architecture):
        raise _unknown_timm(name)
    tags = [known for known in timm.list_pretrained() if known.startswith(f"{architecture}.")]
    if not tags or ("." in name and name not in tags):
        raise RequestError(
            "model",
            f"timm has no pretrained weights called {name!r}; "
            + (f"there are {', '.join(tags[:6])}" if tags else f"{architecture} has none at all"),
        )
    hub.check_timm(name)
    return _describe_timm(reference, timm.create_model(name, pretrained=True))


def _unknown_timm(name: str) -> RequestError:
    import timm

    near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(repr('timm:' + one) for one in near)}? " if near else ""
    return RequestError(
        "model", f"timm knows no {name!r}; {meant}it has {len(timm.list_models()):,} architectures"
    )


def _describe_timm(reference: str, module: nn.Module, class_count: int | None = None) -> Network:
    import timm

    config = timm.data.resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    if channels != 3:
        raise RequestError("model", f"{reference} takes {channels} channels, not RGB pictures")
    classifier = module.get_classifier() if hasattr(module, "get_classifier") else None
    names = {id(child): name for name, child in module.named_modules()}
    count = class_count if class_count is not None else int(getattr(module, "num_classes", 0) or 0)
    return Network(
        reference=reference,
        module=module,
        input=InputSpec(
            size=(height, width),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
            crop_pct=float(config["crop_pct"]),
        ),
        classifier=names.get(id(classifier)) if count else None,
        classes=_imagenet_names() if count == 1000 else (),
        class_count=count,
        family=module.default_cfg.get("architecture", "") if hasattr(module, "default_cfg") else "",
    )


@lru_cache(maxsize=1)
def _imagenet_names() -> tuple[str, ...]:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(info.index_to_description(index).split(",")[0] for index in range(1000))


def _load_file(reference: str, path: Path, architecture: str, weights: str | None) -> Network:
    import timm

    source, _, name = architecture.partition(":")
    if source != "timm" or not timm.is_model(name.partition(".")[0]):
        raise RequestError(
            "architecture", f"{architecture!r} is unknown; write it like 'timm:resnet18'"
        )
    state = read_state_dict(path, weights)
    module = timm.create_model(name, pretrained=False)
    state = strip_prefixes(state, set(module.state_dict()))
    head = module.default_cfg.get("classifier")
    bias = state.get(f"{head}.bias") if isinstance(head, str) else None
    if bias is not None and bias.shape[0] != module.num_classes:
        module = timm.create_model(name, pretrained=False, num_classes=bias.shape[0])
    check_fit(state, module.state_dict(), path, architecture)
    module.load_state_dict(state)
    return _describe_timm(reference, module)
