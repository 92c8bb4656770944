"""The one way from a Request to a Result: load, fit, synthesise, measure, judge.

Runs in the worker, or in a notebook: `from explorer import Request, generate`. It knows no screen,
no queue and no disk but a folder of pictures for the null; what is worth keeping (null
distributions) goes to whatever mapping-like store it is handed.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from explorer import validation
from explorer.analysis.nulls import BytesStore, fit_to, null_for
from explorer.analysis.progress import Nobody, StagedWatcher
from explorer.images import gallery, noise_targets, seeds
from explorer.images.encoding import from_png, to_8bit, to_png
from explorer.losses.adversary import adversary_of
from explorer.losses.terms import Distance
from explorer.losses.variants import Loss, loss_of
from explorer.metrics import perceptual
from explorer.metrics.by_layer import by_layer
from explorer.metrics.match import match_images
from explorer.models.catalogue import FIRST
from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.request import Request, RequestError
from explorer.result import Result
from explorer.synthesis.loop import Cancelled, synthesise
from explorer.synthesis.optimisers import OPTIMISERS, automatic
from explorer.synthesis.samples import Trace

VERSIONS = ("torch", "torchvision", "timm", "torchmetrics", "piq", "numpy", "pillow")


def device() -> str:
    """Where networks run here: the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def generate(
    request: Request,
    pictures: Mapping[str, bytes] | None = None,
    watcher: StagedWatcher | None = None,
    store: BytesStore | None = None,
) -> Result:
    """The result of one request; see `generate_batch`."""
    return generate_batch([request], pictures, watcher, store)[0]


def generate_batch(
    requests: Sequence[Request],
    pictures: Mapping[str, bytes] | None = None,
    watcher: StagedWatcher | None = None,
    store: BytesStore | None = None,
) -> list[Result]:
    """The results of requests that share network, layer, optimiser and steps, made as one batch.

    pictures: PNG bytes of every `picture:SHA256` that they name. Raises RequestError for a request
    that cannot be right, HubUnreachable where weights would have to be downloaded and cannot be,
    Cancelled when the watcher says so, NotFinite when the loss stops being a number.
    """
    requests = [validation.validate(request) for request in requests]
    first = requests[0]
    if any(request.batch_key != first.batch_key for request in requests):
        raise ValueError("requests of one batch share network, layer, optimiser and steps")
    watch = watcher or Nobody()
    begun = time.perf_counter()

    def tell(text: str) -> None:
        if watch.cancelled():
            raise Cancelled("cancelled while loading")
        watch.stage(text)

    tell("loading the network")
    network = load(first.network, device(), tell)
    with fitting_threads(network):
        return _make_batch(requests, network, pictures or {}, watch, store, begun)


def _make_batch(
    requests: Sequence[Request],
    network: Network,
    pictures: Mapping[str, bytes],
    watch: StagedWatcher,
    store: BytesStore | None,
    begun: float,
) -> list[Result]:
    first = requests[0]
    targets = _stack([_image("target", one, network, pictures) for one in requests], network)
    starts = _stack([_image("seed", one, network, pictures) for one in requests], network)
    losses = [loss_of(request) for request in requests]
    _check_layer_suits(network, first, losses)
    relu_passes = first.relu_gradient is not None
    optimiser = OPTIMISERS.get(first.optimiser) or automatic(
        network, first.layer, losses, relu_passes
    )

    watch.stage("making the image")
    making = time.perf_counter()
    traces = synthesise(
        network,
        first.layer,
        targets,
        starts,
        losses,
        [request.goal for request in requests],
        optimiser,
        first.steps,
        distance=_adversary(first.adversary, network) if first.adversary else None,
        watcher=watch,
        rng_seeds=[request.rng_seed for request in requests],
        relu_passes=relu_passes,
    )
    made = time.perf_counter()

    watch.stage("measuring")
    measured = _measure(network, requests, targets, starts, traces, watch, store)
    ended = time.perf_counter()
    shared = {
        "optimiser": {"name": optimiser.name, "help": optimiser.help},
        "device": _device_name(network.device),
        "versions": {name: version(name) for name in VERSIONS}
        | {"python": platform.python_version()},
        "batch": len(requests),
        "seconds_making": round(made - making, 3),
        "seconds_measuring": round(ended - made, 3),
        "seconds": round(ended - begun, 3),
    }
    return [
        _result(request, trace, target, start, parts, shared)
        for request, trace, target, start, parts in zip(
            requests, traces, targets, starts, measured, strict=True
        )
    ]


def _check_layer_suits(network: Network, request: Request, losses: Sequence[Loss]) -> None:
    """RequestError where the loss compares by Gram matrices and the layer has no places."""
    if any(loss.comparison == "gram" for loss in losses):
        blank = torch.full((1, 3, *network.input.size), 0.5, device=network.device)
        with torch.no_grad():
            shape = representation(network, request.layer, blank).shape[1:]
        if len(shape) not in (2, 3):
            numbers = "×".join(map(str, shape))
            raise RequestError(
                "representation",
                f"'gram' needs channels at several places, and layer {request.layer!r} gives "
                f"{numbers} numbers; choose a layer of shape C×H×W, or 'cosine'",
            )


def _adversary(name: str, network: Network) -> Distance:
    """The distance d of this measure, if it can be had here and sees pictures of this size."""
    validation.check_adversary_size(name, network.input.size)
    reason = perceptual.measure(name).why_not(True)
    if reason is not None:
        raise RequestError("adversary", f"{name!r} cannot be had here: {reason}")
    return adversary_of(name)


def warm_up() -> None:
    """Load the networks that most visitors begin with; run each once, forward and backward."""
    for name in FIRST:
        network = load(f"embedded:{name}", device())
        images = torch.rand(1, 3, *network.input.size, device=network.device, requires_grad=True)
        representation(network, "penultimate", images).sum().backward()


def warm_up_measures() -> None:
    """Import what measuring and other sources need (several seconds, once)."""
    import timm  # noqa: F401

    blank = torch.full((1, 3, 64, 64), 0.5)
    perceptual.compare(blank, blank, blank, allow_download=False)


def _measure(
    network: Network,
    requests: Sequence[Request],
    targets: Tensor,
    starts: Tensor,
    traces: Sequence[Trace],
    watch: StagedWatcher,
    store: BytesStore | None,
) -> list[dict]:
    layer = requests[0].layer
    iris = torch.stack([trace.iri for trace in traces]).to(network.device)
    rounded = (iris * 255).round() / 255
    null = null_for(requests[0], network, watch, store)
    others = [_mismatched(request) for request in requests]
    wrong = _stack([fit_to(gallery.load(name), network) for name in others], network)
    exact = match_images(network, layer, iris, targets, null)
    after = match_images(network, layer, rounded, targets, null)
    layers = by_layer(network, iris, targets)
    if watch.cancelled():
        raise Cancelled("cancelled while measuring")
    parts = []
    for index, request in enumerate(requests):
        used = frozenset([request.adversary] if request.adversary else [])
        compared = perceptual.compare(
            rounded[index], targets[index], starts[index], wrong[index], used, network.family
        )
        judges = perceptual.verdict(compared)
        parts.append(
            {
                "match": exact[index].to_dict()
                | {"after_8bit": after[index].to_dict(), "null": null.to_dict()},
                "layers": layers[index],
                "perceptual": [one.to_dict() for one in compared],
                "verdicts": {
                    "network": {"same": after[index].same and exact[index].same},
                    "person": judges.to_dict() | {"mismatched": others[index]},
                },
            }
        )
    return parts


def _image(
    field: str, request: Request, network: Network, pictures: Mapping[str, bytes]
) -> np.ndarray:
    name = getattr(request, field)
    if field == "seed" and name in seeds.kinds():
        return seeds.make_seed(name, network.input.size, request.rng_seed)
    if field == "target" and noise_targets.is_one(name):
        return noise_targets.make_target(name, network.input.size)
    if not name.startswith("picture:"):
        return fit_to(gallery.load(name), network)
    if name not in pictures:
        raise RequestError(field, "this picture is not here any more; upload it again")
    return fit_to(from_png(pictures[name]), network)


def _stack(images: Sequence[np.ndarray], network: Network) -> Tensor:
    return torch.from_numpy(np.stack(images)).to(network.device)


def _mismatched(request: Request) -> str:
    """The control: the next picture of the gallery that is neither target nor seed."""
    names = [name for name in gallery.names() if name not in (request.target, request.seed)]
    later = [name for name in names if name > request.target]
    return (later or names)[0]


def _result(
    request: Request, trace: Trace, target: Tensor, start: Tensor, parts: dict, shared: dict
) -> Result:
    def png(image: Tensor) -> bytes:
        return to_png(to_8bit(image.cpu().numpy()))

    return Result(
        request=replace(request, null_folder=None),  # where a folder lies is nobody else's business
        iri=trace.iri.numpy(),
        iri_png=png(trace.iri),
        target_png=png(target),
        seed_png=png(start),
        frames=tuple((step, to_png(frame.numpy())) for step, frame in trace.frames),
        curves={
            "step": list(range(len(trace.loss))),
            "loss": [_short(value) for value in trace.loss],
            "relative_l2": [_short(value) for value in trace.relative_l2],
        },
        provenance={
            "steps": trace.steps,
            "best_step": trace.best_step,
            "stopped": trace.stopped,
            "weights": trace.weights,
            **shared,
        },
        **parts,
    )


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _device_name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else "CPU"
