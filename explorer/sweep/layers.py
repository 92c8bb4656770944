"""The layers of the networks in a sweep, as far as they are known before anything is generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from explorer.errors import RequestError
from explorer.jobs.tasks import Failure
from explorer.jobs.work import NetworkLayers, layers_key
from explorer.models import catalogue
from explorer.models.layer_place import Shape
from explorer.network_reference import NetworkReference
from explorer.store import Store

Ask = Callable[[NetworkReference], NetworkLayers]
"""Has a worker list a network's layers (`explorer.jobs.work.layers`)."""


class KnownLayers:
    """Shapes of layers by name, in order of execution: of the catalogue, the store, a worker.

    ask: for networks that neither of the former knows; None: they stay unknown. What it raises
    counts as unknown, except for a RequestError, which is the request's fault.
    """

    def __init__(self, store: Store, ask: Ask | None = None) -> None:
        self._store = store
        self._ask = ask
        self._found: dict[NetworkReference, Mapping[str, Shape] | None] = {}

    def __call__(self, network: NetworkReference) -> Mapping[str, Shape] | None:
        """Those of a network, None where they are not known."""
        if network not in self._found:
            self._found[network] = self._look_up(network)
        return self._found[network]

    def _look_up(self, network: NetworkReference) -> Mapping[str, Shape] | None:
        known = in_catalogue(network)
        if known is not None:
            return known
        data = self._store.get(layers_key(network))
        if data is not None:
            return {name: tuple(shape) for name, _, shape in json.loads(data)}
        if self._ask is None:
            return None
        try:
            answer = self._ask(network)
        except RequestError:
            raise
        except (RuntimeError, MemoryError):
            return None
        if isinstance(answer, Failure):
            return None
        return {name: tuple(shape) for name, _, shape in answer.rows}


def in_catalogue(network: NetworkReference) -> Mapping[str, Shape] | None:
    """Those that the catalogue knows, at the size at which the network was trained."""
    known = catalogue.find(network.model)
    if known is None or not known.layers:
        return None
    return {name: shape for name, _, shape in known.layers}
