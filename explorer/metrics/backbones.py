"""The photo networks whose features LPIPS and DISTS compare, and where their weights come from.

They are torchvision's. Weights already among torch's checkpoints are used; others are downloaded
where that is allowed. Nothing is unpickled.
"""

from __future__ import annotations

import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import torch
from torch import nn

from explorer.models import hubs
from explorer.models.downloads import from_url

_FAILURE_REMEMBERED_SECONDS = 300.0

_loaded: dict[tuple[str, str], tuple[nn.Module, ...]] = {}
_loading = Lock()
_failures: dict[str, tuple[str, float]] = {}


class MeasureUnavailable(RuntimeError):
    """A measure that is not available here and now; the message says why."""


@dataclass(frozen=True)
class Backbone:
    """A torchvision network with a `features` part; `ends` index the layers that LPIPS reads."""

    architecture: str
    weights: str
    ends: tuple[int, ...]
    megabytes: int
    downloads_by_itself: bool


BACKBONES = {
    "squeeze": Backbone(
        "squeezenet1_1", "SqueezeNet1_1_Weights", (1, 4, 7, 9, 10, 11, 12), 5, True
    ),
    "alex": Backbone("alexnet", "AlexNet_Weights", (1, 4, 7, 9, 11), 233, False),
    "vgg": Backbone("vgg16", "VGG16_Weights", (3, 8, 15, 22, 29), 528, False),
}


def unavailable_reason(net: str, allow_download: bool = True) -> str | None:
    """Why this network is not available, or None if it is; answers within seconds."""
    backbone, url = BACKBONES[net], _url(net)
    if _file(url).is_file():
        return None
    missing = f"the {backbone.architecture} weights ({backbone.megabytes} MB) are missing"
    if not allow_download:
        return f"{missing} and nothing may be downloaded now"
    if not backbone.downloads_by_itself and os.environ.get("IRI_LPIPS") != "all":
        return f"{missing}; IRI_LPIPS=all allows their download"
    if hubs.offline_by_setting():
        return f"{missing} and downloads are switched off"
    failure, when = _failures.get(url, ("", -_FAILURE_REMEMBERED_SECONDS))
    if time.monotonic() - when < _FAILURE_REMEMBERED_SECONDS:
        return failure
    if hubs.reachable(url):
        return None
    return f"{missing} and {urlsplit(url).hostname} does not answer"


def layers(net: str, device: torch.device) -> tuple[nn.Module, ...]:
    """The layers of the network's `features`, in order, in eval mode, on `device`.

    Made once per process and kept; safe between threads; the parameters take no gradients.
    Downloads the weights where that is allowed; raises MeasureUnavailable where they are missing.
    """
    key = (net, str(device))
    with _loading:
        if key not in _loaded:
            # A caller's inference mode must not leave tensors that later refuse gradients.
            with torch.inference_mode(False):
                module = _load(net).eval().requires_grad_(False).to(device)
            _loaded[key] = tuple(module)
        return _loaded[key]


def _load(net: str) -> nn.Sequential:
    import torchvision

    reason = unavailable_reason(net)
    if reason:
        raise MeasureUnavailable(reason)
    backbone, url = BACKBONES[net], _url(net)
    path = _file(url)
    if not path.is_file():
        _download(url)
    module = getattr(torchvision.models, backbone.architecture)(weights=None)
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError, EOFError, AttributeError, OSError) as error:
        raise MeasureUnavailable(
            f"{path.name} among torch's checkpoints does not hold the weights of "
            f"{backbone.architecture}; remove it and it will be fetched again"
        ) from error
    return module.features


def _url(net: str) -> str:
    import torchvision

    return getattr(torchvision.models, BACKBONES[net].weights).DEFAULT.url


def _file(url: str) -> Path:
    return hubs.torch_folder() / Path(urlsplit(url).path).name


def _download(url: str) -> None:
    """Fetch a torchvision checkpoint and check the hash in its name."""
    try:
        from_url(Path(urlsplit(url).path).name, url, lambda text: None)
    except hubs.HubUnreachable as error:
        _failures[url] = (str(error), time.monotonic())
        raise MeasureUnavailable(str(error)) from error
