"""Selected results as a comparison: where one thing varies among them, the address of Compare."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.analysis.variation import AXES, MOST, Axis, random_seeds, vary
from explorer.app.links import link
from explorer.errors import RequestError
from explorer.models.catalogue import check_visitor_may_name
from explorer.request import Request


def compare_parameters(requests: Sequence[Request]) -> dict[str, str] | None:
    """The URL parameters with which Compare shows exactly these requests' results.

    None where they differ in more than one of loss, network, layer, target and seed (image or
    random seed), are fewer than two or more than MOST, or ask for what the sidebar cannot.
    """
    if not 2 <= len(requests) <= MOST:
        return None
    for axis in AXES.values():
        parameters = _along(axis, requests)
        if parameters is not None:
            return parameters
    return None


def _along(axis: Axis, requests: Sequence[Request]) -> dict[str, str] | None:
    """The parameters of a comparison along one axis; None where it would show other results."""
    wanted = {request.key for request in requests}
    values = list(dict.fromkeys(str(getattr(request, axis.field)) for request in requests))
    first = min(requests, key=lambda request: request.rng_seed)
    drawn = sorted({request.rng_seed for request in requests})
    draws: list[int] = []
    if axis.again == "rng_seed":
        draws = random_seeds(first.rng_seed, len(drawn))
        if drawn != sorted(draws):
            return None
    if len(values) < 2 and len(draws) < 2:
        return None
    base = {name: value for name, value in first.to_dict().items() if name != "parametrisation"}
    try:
        cells = vary({**Request.defaults(), **base}, axis, values, draws, check_visitor_may_name)
        parameters = link(first)
    except (RequestError, ValueError, TypeError):
        return None
    if {cell.request.key for cell in cells if cell.request is not None} != wanted:
        return None
    again = {"again": str(len(draws))} if draws else {}
    return {**parameters, "vary": axis.name, "values": ",".join(values), **again}
