"""What a request for a difference must hold, and what no other request may. No torch here."""

from __future__ import annotations

from dataclasses import replace

from explorer.errors import RequestError
from explorer.losses.differences import DIFFERENCE_FIELDS, DIFFERENCE_LOSSES
from explorer.losses.loss import Loss
from explorer.models import catalogue, layer_expression
from explorer.models.names import PENULTIMATE
from explorer.network_reference import CHECKPOINT_SOURCES, NetworkReference
from explorer.request import Request

_WHICH = {loss.needs: loss.name for loss in DIFFERENCE_LOSSES.values()}
_MISSING = {
    "observer": "the reference of another network, such as embedded:imagenette-residual-standard",
    "away_from": "the keys of earlier results of the same target; `iri diverse` and the page do so",
}


def normal_difference(request: Request, loss: Loss, why_not: str) -> Request:
    """The request with what its loss needs in its one normal form, and nothing that others need.

    why_not: why its image cannot be moved once it matches, in a few words; "" where it can. Raises
    RequestError for a field that is missing, that another loss has, or whose value is unknown.
    """
    for field in DIFFERENCE_FIELDS:
        needed = field.removesuffix("_layer")
        if getattr(request, field) is not None and needed != loss.needs:
            raise RequestError(
                field, f"only the loss {_WHICH[needed]!r} has one; leave it out, or take that loss"
            )
    if not loss.needs:
        return request
    if getattr(request, loss.needs) is None:
        raise RequestError(loss.needs, f"the loss {loss.name!r} needs one: {_MISSING[loss.needs]}")
    if why_not:
        raise RequestError("loss", f"{why_not}, so {loss.name!r} cannot move the image")
    if request.continues is not None:
        raise RequestError(
            "continues", f"the loss {loss.name!r} begins at its seed; give it more steps instead"
        )
    return request if request.observer is None else _with_observer(request)


def observer_of(request: Request) -> NetworkReference:
    """The observer that a request names, at the size of its own network."""
    return NetworkReference(str(request.observer), size=request.size)


def _with_observer(request: Request) -> Request:
    named = str(request.observer)
    if named.partition(":")[0] in CHECKPOINT_SOURCES:
        raise RequestError(
            "observer",
            f"{named.partition(':')[0]}: networks cannot be observers; choose one of `iri models`",
        )
    try:
        reference = catalogue.full_reference(named)
        entry = catalogue.entry(reference)
    except RequestError as error:
        raise RequestError("observer", error.message) from error
    shapes = {name: shape for name, _, shape in entry.layers} if entry is not None else {}
    wanted = request.observer_layer or PENULTIMATE
    try:
        layer = str(layer_expression.check(wanted, reference, shapes, request.size is None))
    except RequestError as error:
        raise RequestError("observer_layer", error.message) from error
    if reference == catalogue.full_reference(request.model) and layer == request.layer:
        raise RequestError("observer", "it is the network itself at the same layer; choose another")
    sizes = [catalogue.input_size(each) for each in (request.network, observer_of(request))]
    if None not in sizes and sizes[0] != sizes[1]:
        raise RequestError("observer", _of_other_size(sizes[0], sizes[1]))
    return replace(
        request, observer=reference, observer_layer=None if layer == PENULTIMATE else layer
    )


def _of_other_size(own: tuple[int, int] | None, other: tuple[int, int] | None) -> str:
    assert own is not None
    assert other is not None
    return (
        f"it takes {other[1]}×{other[0]} px and the network {own[1]}×{own[0]} px; choose an "
        "observer of the same size, or set the size of both"
    )
