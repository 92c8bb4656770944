"""What the worker process does: the functions that the engine submits to it.

Importing this module is light (the engine imports it, too); the first call imports torch. What
comes back to the engine is plain data that it can unpickle without torch: a value or a Failure.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from explorer.jobs.reporting import PROGRESS_TOPIC, Reporter, cancel, forget
from explorer.jobs.tasks import Failure
from explorer.jobs.turns import Device
from explorer.network_reference import NetworkReference
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.analysis.eyes import FinishedIris, ObserverViews
    from explorer.analysis.network_comparison import NetworkComparison
    from explorer.analysis.progress import StagedCallback
    from explorer.analysis.runner import IriSet
    from explorer.metrics.invariance import SharedInvariance

__all__ = ["PROGRESS_TOPIC", "cancel"]

_device = Device()
_asked = threading.local()

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


@_failures_returned
def make(
    run: str, requests: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]
) -> list[bytes]:
    """The results, as bytes, of requests that share network, layer, optimiser and steps.

    run: names this attempt in its reports, which go to the topic PROGRESS_TOPIC, and in `cancel`.
    requests: as `Request.to_dict` gives them. pictures: as for
    `explorer.analysis.generation.generate_batch`.
    """
    from explorer.analysis.generation import generate_batch
    from explorer.store.store import Store

    batch = [Request.from_dict(dict(request)) for request in requests]
    with _under_way(run, {request.key: request.steps for request in batch}) as reporter:
        results = generate_batch(batch, pictures, reporter, Store())
        return [result.to_bytes() for result in results]


@contextmanager
def _under_way(run: str, steps: dict[str, int]) -> Iterator[Reporter]:
    """The progress callback of a run, whose turn to compute it is when this begins."""
    from distributed import get_worker

    reporter = Reporter(run, steps, get_worker().log_event)
    try:
        with _device.turn(reporter.given_up, reporter.waits) as turn:
            reporter.begin(turn)
            yield reporter
    finally:
        forget(run)


@_failures_returned
def answer(
    run: str,
    key: str,
    function: Callable[..., object],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> object:
    """What another function of this module returns; it takes its turns as `make` does.

    run, key: name this attempt and the question in its reports, and in `cancel`.
    """
    if function in (layers, device_memory):  # which compute next to nothing
        return function(*args, **kwargs)
    with _under_way(run, {key: 0}) as reporter:
        _asked.callback = reporter
        try:
            return function(*args, **kwargs)
        finally:
            _asked.callback = None


def _callback() -> StagedCallback | None:
    """That of the question which this thread answers; None elsewhere."""
    callback: StagedCallback | None = getattr(_asked, "callback", None)
    return callback


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
    from explorer.analysis.bytes_store import keep
    from explorer.analysis.generation import device
    from explorer.models.layers import list_layers
    from explorer.models.loading import skeleton
    from explorer.store.store import Store

    network = skeleton(reference, device())
    rows = [(layer.name, layer.kind, layer.shape) for layer in list_layers(network)]
    size, channels = network.input.size, network.input.channels
    store = Store()
    keep(store, input_key(reference), json.dumps([size, channels]).encode())
    keep(store, layers_key(reference), json.dumps(rows).encode())
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
def device_memory() -> tuple[str, int]:
    """The kind of device on which this worker makes IRIs, `cuda` or `cpu`, and its free bytes."""
    from explorer.analysis.generation import device
    from explorer.models.memory import memory_of

    where = device()
    return where, memory_of(where)[1]


@_failures_returned
def compare(result: bytes, observer: Mapping[str, Any]) -> NetworkComparison:
    """How the network and layer of a request, as a dict, see a finished result; cached.

    See `explorer.analysis.comparison.compare`.
    """
    from explorer.analysis.comparison import compare
    from explorer.analysis.network_comparison import keep_comparison, known_comparison
    from explorer.result import Result
    from explorer.store.store import Store

    request, seen, store = Request.from_dict(dict(observer)), Result.from_bytes(result), Store()
    known = known_comparison(seen.request.key, request, store)
    if known is None:
        known = compare(
            seen,
            request.network,
            request.layer,
            request.null,
            request.null_folder,
            store,
            _callback(),
        )
        keep_comparison(known, request, store)
    return known


@_failures_returned
def stir(first: IriSet, second: IriSet) -> SharedInvariance:
    """STIR of two networks in both directions."""
    from explorer.analysis.comparison import shared_invariance_of

    return shared_invariance_of(first, second, _callback())


@_failures_returned
def observe(observer: Mapping[str, Any], made: Sequence[FinishedIris]) -> ObserverViews:
    """What the network and layer of a request, as a dict, make of several networks' IRIs; cached.

    See `explorer.analysis.eyes_measured.observe`.
    """
    from explorer.analysis.eyes_measured import observe
    from explorer.store.store import Store

    return observe(Request.from_dict(dict(observer)), made, Store(), _callback())
