"""The engine of an app: whatever its visitors ask for passes the limits of `explorer.hosting` here.

Pages ask `check_request`, too, so that a form says what is wrong before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from explorer.analysis.runner import IriSet
from explorer.errors import RequestError
from explorer.hosting import hosting
from explorer.jobs.engine import Engine
from explorer.jobs.job import Job
from explorer.jobs.queue import Refused
from explorer.models import catalogue
from explorer.network_reference import NetworkReference
from explorer.request import Request

_DEPTH = 4
"""How deep an argument's lists are searched for networks."""


class VisitorsEngine(Engine):
    """An engine whose requests and questions are visitors'; Refused says what is not allowed.

    What is in the cache is shown whatever it was made of: only what would be computed is checked.
    """

    def submit(self, requests: Request | list[Request], *args: Any, **kwargs: Any) -> list[Job]:
        """As `Engine.submit`."""
        wanted = [requests] if isinstance(requests, Request) else list(requests)
        with _refusing():
            for request in wanted:
                if request.key not in self.store:
                    check_request(request)
        return super().submit(wanted, *args, **kwargs)

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """As `Engine.call`; every network among the arguments is checked."""
        with _refusing():
            for reference in _networks([*args, *kwargs.values()]):
                check_network(reference)
        return super().call(function, *args, **kwargs)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        raise Refused(error.message) from error


def check_request(request: Request) -> None:
    """RequestError (fields `model`, `observer`, `steps`, `size`) for what visitors may not ask."""
    limits = hosting()
    check_network(request.network)
    if request.observer is not None:
        catalogue.check_visitor_may_name(request.observer)
    if limits.max_steps is not None and request.steps > limits.max_steps:
        raise RequestError(
            "steps",
            f"{request.steps:,} are more than {limits.max_steps:,}, the most on this app; the "
            "command line takes more",
        )


def check_network(reference: NetworkReference) -> None:
    """RequestError (fields `model`, `size`) for a network that visitors may not have loaded."""
    limits = hosting()
    if limits.restricts_networks or limits.max_network_bytes is not None:
        catalogue.check_visitor_may_name(reference.model)
    limit = limits.max_px
    size = None if limit is None else catalogue.input_size(reference)
    if limit is not None and size is not None and max(size) > limit:
        hint = "" if reference.size is None else ", or leave the size out"
        raise RequestError(
            "size",
            f"images of {max(size):,} px are larger than {limit:,} px, the largest on this app; "
            f"choose a smaller size{hint}",
        )


def _networks(values: Iterable[object], depth: int = _DEPTH) -> Iterable[NetworkReference]:
    """The networks among the arguments of a question: references, requests, and those as dicts."""
    for value in values:
        if isinstance(value, NetworkReference):
            yield value
        elif isinstance(value, Request | IriSet):
            yield value.network
        elif isinstance(value, Mapping) and "model" in value:
            yield NetworkReference.from_dict(value)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and depth:
            yield from _networks(value, depth - 1)
