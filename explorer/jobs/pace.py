"""What work is expected to take: learned from what was measured in this process, else guessed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache

from explorer.errors import RequestError
from explorer.jobs.worker_processes import visible_gpus
from explorer.models import catalogue
from explorer.network_reference import NetworkReference
from explorer.request import Request

_KEPT = 0.5  # of an earlier pace, when a new one is measured
_MOST_KEPT = 2000

# On one CPU core, of 64×64 px; a guess, and rather too long than too short.
_SECONDS_PER_STEP = 0.003
_SECONDS_BESIDES = 1.5
_GPU_SPEEDUP = 10
_QUESTION_SECONDS = 4.0


class Paces:
    """Seconds of one worker by what was asked, an exponential mean of those measured."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[Hashable, float] = OrderedDict()

    def of_requests(self, requests: Sequence[Request]) -> float:
        """What these take as one batch: on a CPU about as long as one after the other."""
        return sum(map(self._of_request, requests))

    def _of_request(self, request: Request) -> float:
        known = self._seconds.get(_alike(request))
        if known is not None:
            return known
        per_step = self._seconds.get(_place(request))
        if per_step is not None:
            return per_step * request.steps
        return _guess(request)

    def of_question(self, name: str) -> float:
        """What a question of this name takes; the worker's function, and what it is about."""
        return self._seconds.get(name, _QUESTION_SECONDS)

    def learn(self, requests: Sequence[Request], seconds: float) -> None:
        """Take in what a batch of requests took."""
        for request in requests:
            each = seconds / len(requests)
            self._keep(_alike(request), each)
            self._keep(_place(request), each / request.steps)

    def learn_question(self, name: str, seconds: float) -> None:
        """Take in what a question took."""
        self._keep(name, seconds)

    def _keep(self, what: Hashable, seconds: float) -> None:
        before = self._seconds.get(what, seconds)
        self._seconds[what] = _KEPT * before + (1 - _KEPT) * seconds
        self._seconds.move_to_end(what)
        if len(self._seconds) > _MOST_KEPT:
            self._seconds.popitem(last=False)


def _alike(request: Request) -> Hashable:
    effort = round(2 * math.log2(request.steps))
    goal = request.goal > 0
    return (request.network, request.layer, request.loss, effort, bool(request.nearest), goal)


def _place(request: Request) -> Hashable:
    return request.network, request.layer, bool(request.nearest), request.goal > 0


def _guess(request: Request) -> float:
    try:
        height, width = catalogue.input_size_or_default(request.network)
    except RequestError:  # the worker says what is wrong
        height = width = 224
    steps = request.steps * (2 if request.nearest else 1)
    seconds = height * width / 64**2 * (_SECONDS_PER_STEP * steps + _SECONDS_BESIDES)
    return seconds / (_GPU_SPEEDUP if _has_gpu() else 1)


def question_name(function: Callable[..., object], args: Sequence[object]) -> str:
    """What a question is known by: the function, and the network that it is about."""
    models = [arg.model for arg in args if isinstance(arg, NetworkReference)]
    models += [str(arg["model"]) for arg in args if isinstance(arg, Mapping) and "model" in arg]
    return " ".join([function.__name__, *models])


@cache
def _has_gpu() -> bool:
    return bool(visible_gpus())
