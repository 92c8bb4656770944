"""LPIPS: images compared by the features of a network trained on photos, layer by layer.

The recipe itself takes feature maps and downloads nothing. The three published backbones take
their weights from torchvision and their heads from torchmetrics, which ships them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn

from explorer.models import hub

# Mean and deviation that LPIPS was published with, for images in [−1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
SMALLEST = 32

_DOWNLOAD_TIMEOUT_SECONDS = 10.0
_FAILURE_REMEMBERED_SECONDS = 300.0
_FLOOR = 1e-10

_kept: dict[tuple[str, str], _Network] = {}
_keeping = Lock()
_failures: dict[str, tuple[str, float]] = {}


class MeasureUnavailable(RuntimeError):
    """A measure that cannot be had here and now; the message says why."""


@dataclass(frozen=True)
class Backbone:
    """A torchvision network that LPIPS reads: `ends` are the last modules of its slices."""

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


def lpips_baseline(features_a: Sequence[Tensor], features_b: Sequence[Tensor]) -> Tensor:
    """Σ over layers of the spatial mean of ‖â − b̂‖², N values in [0, 4·layers].

    features_a, features_b: one N×C×H×W map per layer; â, b̂ are scaled to unit length over the
    channels at each place. Differentiable, also where a map is zero. Source: Zhang et al. 2018,
    equation 1 with equal weights (the LPIPS baseline, no learned heads).
    """
    return sum(
        (squared.sum(1).mean((1, 2)) for squared in _squared_differences(features_a, features_b)),
        start=features_a[0].new_zeros(len(features_a[0])),
    )


def lpips_calibrated(
    features_a: Sequence[Tensor], features_b: Sequence[Tensor], heads: Sequence[Tensor]
) -> Tensor:
    """As `lpips_baseline` with the channels of layer l weighted by heads[l], C values: LPIPS."""
    return sum(
        (
            torch.einsum("nchw,c->nhw", squared, head.to(squared)).mean((1, 2))
            for squared, head in zip(
                _squared_differences(features_a, features_b), heads, strict=True
            )
        ),
        start=features_a[0].new_zeros(len(features_a[0])),
    )


def lpips(images_a: Tensor, images_b: Tensor, net: str) -> Tensor:
    """LPIPS, calibrated, N values from 0 up; images N×3×H×W in [0, 1], at least SMALLEST px.

    net: `squeeze`, `alex` or `vgg`. Differentiable. Loads the network at first use, downloading it
    where that is allowed; raises MeasureUnavailable, saying why, where it cannot be had.
    """
    network = _network(net, images_a.device)
    both = network.features(torch.cat([images_a, images_b]))
    maps = [each.chunk(2) for each in both]
    return lpips_calibrated([a for a, _ in maps], [b for _, b in maps], network.heads)


def why_not(net: str, allow_download: bool = True) -> str | None:
    """Why LPIPS on this network cannot be had, or None if it can; answers within seconds."""
    backbone, url = BACKBONES[net], _url(net)
    if _file(url).is_file():
        return None
    missing = f"the {backbone.architecture} weights ({backbone.megabytes} MB) are not here"
    if not allow_download:
        return f"{missing} and nothing may be downloaded now"
    if not backbone.downloads_by_itself and os.environ.get("IRI_LPIPS") != "all":
        return f"{missing}; IRI_LPIPS=all allows their download"
    if hub.offline_by_setting():
        return f"{missing} and downloads are switched off"
    failure, when = _failures.get(url, ("", -_FAILURE_REMEMBERED_SECONDS))
    if time.monotonic() - when < _FAILURE_REMEMBERED_SECONDS:
        return failure
    host = urlsplit(url).hostname
    return None if hub.reachable(url) else f"{missing} and {host} does not answer"


class _Network(nn.Module):
    """A backbone cut into LPIPS's slices, with its heads; eval, no gradients to its parameters."""

    def __init__(self, slices: list[nn.Module], heads: list[Tensor]) -> None:
        super().__init__()
        self.slices = nn.ModuleList(slices)
        self.heads = heads
        self.eval().requires_grad_(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """Images in [0, 1] to one map per slice."""
        shift, scale = (images.new_tensor(each).view(1, 3, 1, 1) for each in (SHIFT, SCALE))
        maps, x = [], (2 * images - 1 - shift) / scale
        for part in self.slices:
            x = part(x)
            maps.append(x)
        return maps


def _network(net: str, device: torch.device) -> _Network:
    """The network of LPIPS on `device`, made once per process and kept; safe between threads."""
    key = (net, str(device))
    with _keeping:
        if key not in _kept:
            # A caller's inference mode must not leave tensors that later refuse gradients.
            with torch.inference_mode(False):
                _kept[key] = _load(net).to(device)
        return _kept[key]


def _load(net: str) -> _Network:
    import torchvision

    reason = why_not(net)
    if reason:
        raise MeasureUnavailable(reason)
    backbone, url = BACKBONES[net], _url(net)
    path = _file(url)
    if not path.is_file():
        _download(url, path)
    module = getattr(torchvision.models, backbone.architecture)(weights=None)
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError, EOFError, AttributeError, OSError) as error:
        raise MeasureUnavailable(
            f"{path.name} among torch's checkpoints does not hold the weights of "
            f"{backbone.architecture}; remove it and it will be fetched again"
        ) from error
    parts = list(module.features)
    starts = (0, *(end + 1 for end in backbone.ends))
    slices = [nn.Sequential(*parts[a : b + 1]) for a, b in zip(starts, backbone.ends, strict=False)]
    return _Network(slices, _heads(net))


def _heads(net: str) -> list[Tensor]:
    """The learned channel weights, C values per slice, which torchmetrics ships."""
    package = importlib.util.find_spec("torchmetrics")
    if package is None or package.origin is None:
        raise MeasureUnavailable("LPIPS needs torchmetrics, which holds its learned weights")
    path = Path(package.origin).parent / "functional" / "image" / "lpips_models" / f"{net}.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    return [state[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(state))]


def _url(net: str) -> str:
    import torchvision

    return getattr(torchvision.models, BACKBONES[net].weights).DEFAULT.url


def _file(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name


def _download(url: str, path: Path) -> None:
    """Fetch a torchvision checkpoint and check the hash in its name.

    torch.hub's own download has no time-out, and a worker that hangs in it cannot be cancelled.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        request = Request(url, headers={"User-Agent": "torch.hub"})
        with urlopen(request, timeout=_DOWNLOAD_TIMEOUT_SECONDS) as answer, part.open("wb") as file:
            while block := answer.read(2**17):
                digest.update(block)
                file.write(block)
        if not digest.hexdigest().startswith(path.stem.rpartition("-")[2]):
            raise OSError("what came is not the published file")
        part.replace(path)
    except (OSError, HTTPException) as error:
        reason = f"the download of {path.name} failed: {error}"
        _failures[url] = (reason, time.monotonic())
        raise MeasureUnavailable(reason) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _squared_differences(
    features_a: Sequence[Tensor], features_b: Sequence[Tensor]
) -> list[Tensor]:
    return [(_unit(a) - _unit(b)).square() for a, b in zip(features_a, features_b, strict=True)]


def _unit(features: Tensor) -> Tensor:
    return features * (features.square().sum(1, keepdim=True) + _FLOOR).rsqrt()
