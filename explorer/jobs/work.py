"""What the worker process does: the functions that the engine submits to it.

Importing this module is light (the engine imports it, too); the first call imports torch. What
comes back to the engine is plain data that it can unpickle without torch: a value or a Failure.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from explorer.jobs.job import Report
from explorer.jobs.tasks import Failure
from explorer.network_reference import NetworkReference
from explorer.request import Request

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.analysis.network_comparison import NetworkComparison
    from explorer.analysis.runner import IriSet
    from explorer.metrics.first_look import FirstLook
    from explorer.metrics.invariance import SharedInvariance

PROGRESS_TOPIC = "iri-progress"
REPORT_EVERY_SECONDS = 0.3

_cancelled: set[tuple[str, str]] = set()
_cancelled_lock = threading.Lock()


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _failures_returned(function: Callable[_P, _T]) -> Callable[_P, _T | Failure]:
    """The function, which returns a Failure where it would raise."""

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T | Failure:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return Failure.of(error, published=_published(args))

    return guarded


def _published(args: Iterable[object]) -> str | None:
    """The first published network (`own:NAME`) that a call's arguments name."""
    for arg in args:
        if isinstance(arg, NetworkReference):
            name = arg.model
        elif isinstance(arg, Mapping):
            name = str(arg.get("model", ""))
        elif isinstance(arg, Sequence) and not isinstance(arg, str | bytes):
            name = _published(arg) or ""
        else:
            continue
        if name.startswith("own:"):
            return name
    return None


def cancel(run: str, keys: Iterable[str]) -> None:
    """Have a run give these requests up; its loop checks before every step.

    The run may not have started yet. Other runs of the same request go on.
    """
    with _cancelled_lock:
        _cancelled.update((run, key) for key in keys)


@_failures_returned
def make(
    run: str, requests: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]
) -> list[bytes]:
    """The results, as bytes, of requests that share network, layer, optimiser and steps.

    run: names this attempt in its reports, which go to the topic PROGRESS_TOPIC, and in `cancel`.
    requests: as `Request.to_dict` gives them. pictures: as for
    `explorer.analysis.generation.generate_batch`.
    """
    from distributed import get_worker

    from explorer.analysis.generation import generate_batch
    from explorer.store.store import Store

    batch = [Request.from_dict(dict(request)) for request in requests]
    reporter = _Reporter(run, batch, get_worker().log_event)
    try:
        results = generate_batch(batch, pictures, reporter, Store())
        return [result.to_bytes() for result in results]
    finally:
        with _cancelled_lock:
            _cancelled.difference_update([entry for entry in _cancelled if entry[0] == run])


@dataclass(frozen=True)
class NetworkLayers:
    """The layers of a network and the pictures that it takes.

    rows: (name, kind, shape) of every layer, in order of execution. input_size: height and width
    in px. channels: 3 for colour pictures, 1 for grey ones.
    """

    rows: list[tuple[str, str, tuple[int, ...]]]
    input_size: tuple[int, int]
    channels: int


@_failures_returned
def layers(reference: NetworkReference) -> NetworkLayers:
    """The layers of a network and the pictures that it takes; cached.

    Of networks that would be downloaded only the architecture is built, without weights.
    """
    from explorer.analysis.generation import device
    from explorer.models.layers import list_layers
    from explorer.models.loading import skeleton
    from explorer.store.store import Store

    network = skeleton(reference, device())
    rows = [(layer.name, layer.kind, layer.shape) for layer in list_layers(network)]
    size, channels = network.input.size, network.input.channels
    store = Store()
    store.put(input_key(reference), json.dumps([size, channels]).encode())
    store.put(layers_key(reference), json.dumps(rows).encode())
    return NetworkLayers(rows, size, channels)


def layers_key(reference: NetworkReference) -> str:
    """The key of a network's layers in the store; it includes the versions of their libraries."""
    return f"layers:{_network_digest(reference)}"


def input_key(reference: NetworkReference) -> str:
    """The key of ((height, width), channels) of a network's input in the store, as JSON."""
    return f"input:{_network_digest(reference)}"


def _network_digest(reference: NetworkReference) -> str:
    versions = [version("timm"), version("torchvision")]
    facts = json.dumps([reference.identity, versions], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


@_failures_returned
def compare(result: bytes, observer: Mapping[str, Any]) -> NetworkComparison:
    """How the network and layer of a request, as a dict, see a finished result.

    See `explorer.analysis.comparison.compare`.
    """
    from explorer.analysis.comparison import compare
    from explorer.result import Result
    from explorer.store.store import Store

    request = Request.from_dict(dict(observer))
    return compare(
        Result.from_bytes(result),
        request.network,
        request.layer,
        request.null,
        request.null_folder,
        Store(),
    )


@_failures_returned
def stir(first: IriSet, second: IriSet) -> SharedInvariance:
    """STIR of two networks in both directions."""
    from explorer.analysis.comparison import shared_invariance_of

    return shared_invariance_of(first, second)


class _Reporter:
    """The progress callback of a run: reports to the engine a few times a second."""

    def __init__(
        self, run: str, requests: list[Request], send: Callable[[str, Report], object]
    ) -> None:
        self._run = run
        self._requests = requests
        self._entries = [(run, request.key) for request in requests]
        self._send = send
        self._started_at = self._loop_started_at = time.monotonic()
        self._reported_at = 0.0
        self._stage, self._step = "starting", 0

    def cancelled(self) -> bool:
        with _cancelled_lock:
            return _cancelled.issuperset(self._entries)

    def stage(self, text: str) -> None:
        """Report what the worker is doing now, in plain words."""
        self._stage, self._step = text, 0
        self._loop_started_at = time.monotonic()
        for request in self._requests:
            self._send_report(request)

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None:
        """Report the finished images and how well they match."""
        for request, image, look in zip(self._requests, images, looks, strict=True):
            self._send_report(request, preview=_png(image), look=look.to_dict())

    def due(self) -> bool:
        return time.monotonic() - self._reported_at >= REPORT_EVERY_SECONDS

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None:
        self._reported_at, self._step = time.monotonic(), step
        for request, value, image in zip(self._requests, relative_l2.tolist(), images, strict=True):
            self._send_report(request, relative_l2=value, preview=_png(image))

    def _send_report(self, request: Request, **more: Any) -> None:
        now, step = time.monotonic(), self._step
        left = request.steps - step
        report: dict[str, Any] = {
            "run": self._run,
            "key": request.key,
            "stage": self._stage,
            "step": step,
            "steps": request.steps,
            "seconds": now - self._started_at,
            "eta_seconds": (now - self._loop_started_at) / step * left if step else None,
        }
        self._send(PROGRESS_TOPIC, cast(Report, report | more))


def _png(image: Tensor) -> bytes:
    from explorer.images.encoding import to_8bit, to_png

    return to_png(to_8bit(image.cpu().numpy()))
