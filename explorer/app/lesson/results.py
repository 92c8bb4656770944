"""The results that the lesson shows: all of them ship with the app, so that no step waits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache

from explorer.analysis.examples import SHIPPED
from explorer.request import Request
from explorer.result import Result
from explorer.store import starter

ROBUST = "embedded:imagenette-residual-adv1"
STANDARD = "embedded:imagenette-residual-standard"
CONTRASTIVE = "embedded:imagenette-residual-simclr-adv1"
DRAWN_ROBUST = "embedded:residual-multi-adv2"
DRAWN_STANDARD = "embedded:residual-multi-standard"
IMAGENET = "compressed:squeezenet1_0"
CIFAR10 = "embedded:cifar10"

_warming = threading.Lock()


def shipped(
    model: str,
    *,
    layer: str = "penultimate",
    target: str = "sunflower",
    seed: str = "light-noise",
    loss: str = "regularizer-free",
) -> Request:
    """The shipped result's request of these settings; LookupError where none has them."""
    wanted = (model, layer, target, seed, loss)
    for _, request in SHIPPED:
        if (request.model, request.layer, request.target, request.seed, request.loss) == wanted:
            return request
    raise LookupError(f"no result that ships has the settings {', '.join(wanted)}")


@lru_cache(maxsize=len(SHIPPED))
def _read(key: str) -> Result | None:
    data = starter.load(key)
    return None if data is None else Result.from_bytes(data)


def result_of(request: Request) -> Result | None:
    """The result that ships for a request; None where this installation lacks it."""
    return _read(request.key)


def results_of(requests: Sequence[Request]) -> list[Result] | None:
    """The results of all requests in their order; None where one is missing."""
    found = [result_of(request) for request in requests]
    return None if any(each is None for each in found) else [each for each in found if each]


def warm(requests: Sequence[Request]) -> None:
    """Read results in the background, once per process, so that no step waits for its own."""
    if _warming.acquire(blocking=False):  # never released: once is enough
        read = threading.Thread(target=lambda: [*map(result_of, requests)], daemon=True)
        read.start()
