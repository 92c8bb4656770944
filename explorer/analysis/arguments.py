"""What the public functions take: arguments brought to one type, or TypeError with a sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from explorer.network_reference import CHECKPOINT_SOURCES, NetworkReference
from explorer.request import Request
from explorer.result import Result
from explorer.validation import network_reference, validate

EXAMPLE = "embedded:imagenette-residual-adv1"


def as_network(network: object) -> NetworkReference:
    """The network; a str is its reference, such as `embedded:imagenette-residual-adv1`.

    The content of a checkpoint is looked up where the reference does not say which it is. Raises
    TypeError for anything else, RequestError (field `model`) for an unknown source.
    """
    reference = _reference_of_loaded(network)
    if reference is not None:
        return reference
    if isinstance(network, NetworkReference):
        is_pinned = network.weights is not None or network.source not in CHECKPOINT_SOURCES
        return network if is_pinned else network_reference(network.model, **network.to_dict())
    if isinstance(network, str):
        return network_reference(network)
    raise TypeError(
        f"network must be a Network, a NetworkReference or a str such as {EXAMPLE!r}{_not(network)}"
    )


def validated(
    network: NetworkReference,
    layer: str,
    null: str | None = None,
    null_folder: str | Path | None = None,
) -> Request:
    """A network, a layer and a null for measuring images by, as a validated Request.

    Its other fields are not used. Raises RequestError as `explorer.validation.validate`.
    """
    folder = None if null_folder is None else str(null_folder)
    fields = {**network.to_dict(), "layer": layer, "null": null, "null_folder": folder}
    return validate(Request.from_dict(fields))


def as_request(request: object) -> Request:
    """The request; TypeError for anything else."""
    if isinstance(request, Request):
        return request
    hint = "; Request.from_dict reads a mapping" if isinstance(request, dict) else ""
    raise TypeError(
        f"request must be a Request, such as Request(model={EXAMPLE!r}){_not(request)}{hint}"
    )


def as_requests(requests: object) -> list[Request]:
    """The requests of a list or another sequence; TypeError for anything else."""
    if isinstance(requests, Sequence) and not isinstance(requests, str):
        return [as_request(each) for each in requests]
    raise TypeError(f"requests must be a list of Request{_not(requests)}")


def as_search(request: object) -> Request:
    """The request; a network alone, or its reference, stands for a Request with the defaults."""
    if isinstance(request, NetworkReference | str) or _reference_of_loaded(request) is not None:
        return Request.from_dict(as_network(request).to_dict())
    return as_request(request)


def as_result(result: object) -> Result:
    """The result; TypeError for anything else."""
    if isinstance(result, Result):
        return result
    raise TypeError(f"result must be a Result, from generate or Result.from_bytes{_not(result)}")


def _reference_of_loaded(value: object) -> NetworkReference | None:
    """The reference of a `Network`; None for anything else. It imports no torch by itself."""
    module = sys.modules.get("explorer.models.network")
    if module is None or not isinstance(value, module.Network):
        return None
    return NetworkReference(value.reference)


def _not(value: object) -> str:
    return f", not {type(value).__name__}"
