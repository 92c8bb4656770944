"""The one way from a Request to a Result: load, fit, synthesise, measure, judge.

Runs in the worker, or in a notebook: `from explorer import Request, generate`. It knows no screen,
no queue and no disk; what is worth keeping (null distributions) goes to whatever mapping-like
store it is handed.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from explorer import door
from explorer.images import gallery, seeds
from explorer.images.encoding import from_png, to_8bit, to_png
from explorer.images.fitting import fit
from explorer.measures import match as matches
from explorer.measures import perceptual
from explorer.measures.null import Null, null_distribution
from explorer.measures.representation import relative_l2
from explorer.models.catalogue import FIRST
from explorer.models.layers import representation, representations, visit_layers
from explorer.models.loading import default_optimiser, load
from explorer.models.names import LOGITS
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.objectives.variants import loss_called
from explorer.request import Request, RequestError
from explorer.result import Result
from explorer.synthesis.loop import Cancelled, Trace, Watcher, synthesise
from explorer.synthesis.optimisers import OPTIMISERS
from explorer.zoo.pictures import picture

NULL_VERSION = 1
NULL_DRAWN_PICTURES = 36
NULL_CHUNK = 12
VERSIONS = ("torch", "torchvision", "timm", "torchmetrics", "piq", "numpy", "pillow")


class StagedWatcher(Watcher, Protocol):
    """A watcher that is also told what is being done, in plain words."""

    def stage(self, text: str) -> None:
        """Called when a new stage begins."""


class BytesStore(Protocol):
    """Where null distributions are kept between requests."""

    def get(self, key: str) -> bytes | None: ...
    def put(self, key: str, data: bytes) -> None: ...


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
    requests = [door.check(request) for request in requests]
    first = requests[0]
    if any(request.batch_key != first.batch_key for request in requests):
        raise ValueError("requests of one batch share network, layer, optimiser and steps")
    watch = watcher or _Nobody()
    begun = time.perf_counter()

    def tell(text: str) -> None:
        if watch.cancelled():
            raise Cancelled("cancelled while loading")
        watch.stage(text)

    tell("loading the network")
    network = load(first.model, first.architecture, first.weights, device(), first.size, tell)
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
    optimiser = OPTIMISERS[
        default_optimiser(first.model) if first.optimiser == "auto" else first.optimiser
    ]

    watch.stage("making the image")
    making = time.perf_counter()
    traces = synthesise(
        network,
        first.layer,
        targets,
        starts,
        [loss_called(request.loss) for request in requests],
        [request.goal for request in requests],
        optimiser,
        first.steps,
        distance=perceptual.measure(first.adversary).function if first.adversary else None,
        watcher=watch,
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


def warm_up() -> None:
    """Load the networks that most visitors begin with; run each once, forward and backward."""
    for name in FIRST:
        network = load(f"embedded:{name}", None, None, device())
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
    first = requests[0]
    identity = (first.weights or first.model, first.architecture)
    null = null_of(network, layer, identity, watch, store)
    others = [_mismatched(request) for request in requests]
    wrong = _stack([fit_to(gallery.load(name), network) for name in others], network)
    with torch.no_grad():
        wanted = dict.fromkeys((layer, LOGITS))
        of_target = representations(network, wanted, targets)

        def judged(images: Tensor) -> tuple[matches.Match, ...]:
            of_images = representations(network, wanted, images)
            has_classes = network.class_count > 0
            return matches.judge_matches(
                of_images[layer],
                of_target[layer],
                null,
                of_images[LOGITS] if has_classes else None,
                of_target[LOGITS] if has_classes else None,
                network.classes,
                network.class_count,
            )

        exact, after = judged(iris), judged(rounded)
        by_layer = _by_layer(network, iris, targets)
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
                "layers": [
                    {"name": name, "kind": kind, "relative_l2": values[index]}
                    for name, kind, values in by_layer
                ],
                "perceptual": [one.to_dict() for one in compared],
                "verdicts": {
                    "network": {"same": after[index].same and exact[index].same},
                    "person": judges.to_dict() | {"mismatched": others[index]},
                },
            }
        )
    return parts


def _by_layer(network: Network, iris: Tensor, targets: Tensor) -> list[tuple[str, str, list]]:
    """(name, kind, relative ℓ₂ per sample or None where undefined), in order of execution."""
    found: list[tuple[str, str, list]] = []
    count = len(iris)

    def visit(layer, both: Tensor) -> None:
        values = relative_l2(both[:count], both[count:]).tolist()
        plain = [value if math.isfinite(value) else None for value in values]
        found.append((layer.name, layer.kind, plain))

    visit_layers(network, torch.cat([iris, targets]), visit)
    return found


def null_of(
    network: Network,
    layer: str,
    identity: Sequence[object] = (),
    watch: StagedWatcher | None = None,
    store: BytesStore | None = None,
) -> Null:
    """The null of a network's layer, from the store or made now from gallery and drawn pictures.

    identity: what tells this network from every other, beside its reference; only for the store.
    """
    watch = watch or _Nobody()
    facts = [NULL_VERSION, *(identity or [network.reference]), layer]
    facts += [list(network.input.size), gallery.names(), NULL_DRAWN_PICTURES, version("timm")]
    key = f"null:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"
    kept = store.get(key) if store is not None else None
    if kept is not None:
        return Null.from_dict(json.loads(kept))
    watch.stage("measuring unrelated pictures (once for this layer)")
    size = max(network.input.size)
    drawn = (picture(index, "test", size)[0] for index in range(NULL_DRAWN_PICTURES))
    images = [fit_to(one, network) for one in (*map(gallery.load, gallery.names()), *drawn)]
    parts = []
    with torch.no_grad():
        for start in range(0, len(images), NULL_CHUNK):
            if watch.cancelled():
                raise Cancelled("cancelled while measuring")
            chunk = _stack(images[start : start + NULL_CHUNK], network)
            parts.append(representation(network, layer, chunk).flatten(1))
    null = null_distribution(torch.cat(parts))
    if store is not None:
        store.put(key, json.dumps(null.to_dict()).encode())
    return null


def fit_to(picture: np.ndarray, network: Network) -> np.ndarray:
    """A uint8 H×W×3 picture as the network sees it: float32 3×H×W in [0, 1], on 8-bit levels."""
    spec = network.input
    return fit(picture, spec.size, spec.crop_pct, spec.interpolation, spec.crop_mode, spec.mean)


def _image(
    field: str, request: Request, network: Network, pictures: Mapping[str, bytes]
) -> np.ndarray:
    name = getattr(request, field)
    if field == "seed" and name in seeds.kinds():
        return seeds.make_seed(name, network.input.size, request.rng_seed)
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
        request=request,
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


class _Nobody:
    """Nobody looks on."""

    def stage(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        return False

    def wants(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...
