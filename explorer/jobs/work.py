"""What the worker process does: the functions that the engine sends there.

Importing this file is light (the engine imports it too); torch comes in with the first call. What
the engine gets back is plain data that it can unpickle without torch: an answer or a Failure.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.metadata import version
from typing import ParamSpec, TypeVar

from explorer.jobs.tasks import Failure
from explorer.request import NetworkReference, Request

PROGRESS_TOPIC = "iri-progress"
REPORT_EVERY_SECONDS = 0.3

_cancelled: set[tuple[str, str]] = set()
_cancelled_lock = threading.Lock()


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _or_failure(function: Callable[_P, _T]) -> Callable[_P, _T | Failure]:
    """The function, with a Failure as its answer where it raises."""

    @wraps(function)
    def answer(*arguments: _P.args, **named: _P.kwargs) -> _T | Failure:
        try:
            return function(*arguments, **named)
        except Exception as error:
            return Failure.of(error)

    return answer


def cancel(run: str, keys: Iterable[str]) -> None:
    """Ask a run to give these requests up; its loop looks before every step.

    It may not have begun yet. Another run of the same request is not meant.
    """
    with _cancelled_lock:
        _cancelled.update((run, key) for key in keys)


@_or_failure
def make(run: str, requests: list[dict], pictures: dict[str, bytes]) -> list[bytes]:
    """The results, as bytes, of requests that share network, layer, optimiser and steps.

    run: names this attempt in its reports, which go to the topic PROGRESS_TOPIC, and in `cancel`.
    """
    from distributed import get_worker

    from explorer.analysis.generation import generate_batch
    from explorer.store.store import Store

    asked = [Request.from_dict(request) for request in requests]
    watcher = _Reporter(run, asked, get_worker().log_event)
    try:
        return [one.to_bytes() for one in generate_batch(asked, pictures, watcher, Store())]
    finally:
        with _cancelled_lock:
            _cancelled.difference_update([one for one in _cancelled if one[0] == run])


@_or_failure
def layers(reference: NetworkReference) -> list[tuple[str, str, tuple[int, ...]]]:
    """(name, kind, shape) of every layer of a network, in order of execution; kept in the store.

    Of networks that would be downloaded only the architecture is built, without weights.
    """
    import torch

    from explorer.analysis.generation import device
    from explorer.models.catalogue import split_reference
    from explorer.models.layers import list_layers
    from explorer.models.loading import load, untrained
    from explorer.store.store import Store

    if split_reference(reference.model)[0] in ("embedded", "file", "own"):
        network = load(reference, device())
    else:
        with torch.device("meta"):
            network = untrained(reference)
    found = [(layer.name, layer.kind, layer.shape) for layer in list_layers(network)]
    Store().put(layers_key(reference), json.dumps(found).encode())
    return found


def layers_key(reference: NetworkReference) -> str:
    """Where the store keeps a network's layers, which depend on the libraries' versions, too."""
    versions = [version("timm"), version("torchvision")]
    facts = json.dumps(
        [reference.architecture or reference.model, reference.weights, reference.size, versions]
    )
    return f"layers:{hashlib.sha256(facts.encode()).hexdigest()}"


@_or_failure
def compare(result: bytes, eye: dict) -> dict:
    """How the network and layer of a request, as a dict, see a finished result.

    See `explorer.analysis.comparison.compare`.
    """
    from explorer.analysis.comparison import compare
    from explorer.result import Result
    from explorer.store.store import Store

    return compare(Result.from_bytes(result), Request.from_dict(eye), Store())


@_or_failure
def stir(first: tuple, second: tuple) -> dict:
    """STIR of two networks in both directions; see `explorer.analysis.comparison.shared`.

    Each side is (request as a dict, its targets as PNG bytes, its IRIs as float32 3×H×W arrays).
    """
    from explorer.analysis.comparison import shared

    return shared(*((Request.from_dict(one), *images) for one, *images in (first, second)))


class _Reporter:
    """The loop's watcher: tells the engine how far it is, a few times a second."""

    def __init__(
        self, run: str, requests: list[Request], send: Callable[[str, dict], None]
    ) -> None:
        self._run = run
        self._requests = requests
        self._named = [(run, request.key) for request in requests]
        self._send = send
        self._begun = self._loop_begun = time.monotonic()
        self._reported = 0.0
        self._stage = "starting"

    def cancelled(self) -> bool:
        with _cancelled_lock:
            return _cancelled.issuperset(self._named)

    def stage(self, text: str) -> None:
        """What is being done now, in plain words."""
        self._stage = text
        self._loop_begun = time.monotonic()
        for request in self._requests:
            self._tell(request, step=0)

    def wants(self) -> bool:
        return time.monotonic() - self._reported >= REPORT_EVERY_SECONDS

    def report(self, step: int, relative_l2, images) -> None:
        from explorer.images.encoding import to_8bit, to_png

        self._reported = time.monotonic()
        values = relative_l2.tolist()
        for index, request in enumerate(self._requests):
            preview = to_png(to_8bit(images[index].cpu().numpy()))
            self._tell(request, step=step, relative_l2=values[index], preview=preview)

    def _tell(self, request: Request, step: int, **more: object) -> None:
        now = time.monotonic()
        left = request.steps - step
        eta = (now - self._loop_begun) / step * left if step else None
        self._send(
            PROGRESS_TOPIC,
            {
                "run": self._run,
                "key": request.key,
                "stage": self._stage,
                "step": step,
                "steps": request.steps,
                "seconds": now - self._begun,
                "eta_seconds": eta,
                **more,
            },
        )
