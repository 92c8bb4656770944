"""One product of a sweep: every combination of the values that a table lists."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from explorer import validation
from explorer.errors import RequestError, shortened
from explorer.images import seeds
from explorer.images.errors import PictureError
from explorer.images.identity import same_picture
from explorer.jobs.visitor_limits import check_request
from explorer.models import catalogue
from explorer.request import NETWORK_FIELDS, Request
from explorer.sweep.networks import LayersOf, Place, places
from explorer.sweep.pictures import PictureNames
from explorer.sweep.source import SweepError, Table, field_names
from explorer.sweep.values import values

VISITORS_STEPS = 5_000
"""The most steps of one request that a visitor of the app may ask for."""

_OF_VISITORS = {
    *("model", "layer", "target", "seed", "loss", "term_weights", "representation", "adversary"),
    *("relu_gradient", "optimiser", "steps", "goal", "rng_seed", "size", "nearest"),
    *("observer", "observer_layer"),
}
_TOLD = ("loss", "optimiser", "model", "layer", "seed", "target")
"""The fields of a combination that a message about another field names."""


@dataclass(frozen=True)
class Product:
    """The combinations of a table. axes: names in requests by field, without network and layer."""

    table: Table
    places: tuple[Place, ...]
    axes: dict[str, list[Any]]
    null_folder: str | None

    @classmethod
    def of(cls, table: Table, names: PictureNames, layers_of: LayersOf) -> Product:
        """That of a table; SweepError for a value that cannot be right by itself."""
        if table.source.of_visitor:
            _check_visitors(table)
        of_network = places(table, layers_of)
        largest = max(max(catalogue.input_size_or_default(each.network)) for each in of_network)
        axes: dict[str, list[Any]] = {}
        for field in field_names():
            if field not in table.written or field in (*NETWORK_FIELDS, "layer", "null_folder"):
                continue
            axes[field] = values(table, field)
            if field in ("target", "seed"):
                found = (names.of(table, field, each, largest) for each in axes[field])
                axes[field] = list(itertools.chain.from_iterable(found))
        return cls(table, tuple(of_network), axes, _null_folder(table))

    @property
    def count(self) -> int:
        """How many combinations there are."""
        return len(self.places) * math.prod(map(len, self.axes.values()))

    def requests(self) -> Iterator[Request | None]:
        """The validated request of each combination; None where seed and target are one image.

        Raises SweepError for a combination that cannot be right.
        """
        null = self._null()
        for place in self.places:
            network = place.network.to_dict()
            for combination in itertools.product(*self.axes.values()):
                chosen = dict(zip(self.axes, combination, strict=True))
                if _is_same_image(chosen):
                    yield None
                    continue
                try:
                    request = Request.from_dict({**network, "layer": place.layer, **chosen, **null})
                    request = validation.validate(request)
                    if self.table.source.of_visitor:
                        check_request(request)
                    yield request
                except (RequestError, PictureError) as error:
                    raise self._error(error, place, chosen) from error

    def _null(self) -> dict[str, object]:
        """The null's fields of every request: the table's folder, else the installation's."""
        try:
            first = Request.from_dict(self.places[0].network.to_dict())
            with_null = validation.with_null(first, self.null_folder)
        except RequestError as error:
            raise self.table.error(error.field, error.message) from error
        given = {"null": with_null.null, "null_folder": with_null.null_folder}
        return {name: value for name, value in given.items() if value is not None}

    def _error(self, error: Exception, place: Place, chosen: dict[str, Any]) -> SweepError:
        if not isinstance(error, RequestError):
            return self.table.error("target", str(error))
        combination = {"model": place.model, "layer": place.layer, **chosen}
        several = {name for name, found in self.axes.items() if len(found) > 1}
        if len(self.places) > 1:
            several |= {"model", "layer"}
        told = [name for name in _TOLD if name in several and name != error.field]
        is_of_pair = error.field not in ("model", "layer", "target", "seed", "loss", "steps")
        where = ", ".join(f"{name} = {shortened(combination[name])}" for name in told)
        message = f"{error.message} (at {where})" if is_of_pair and where else error.message
        return self.table.error(error.field, message, combination.get(error.field))


def _is_same_image(chosen: dict[str, Any]) -> bool:
    defaults = Request.defaults()
    target, seed = (str(chosen.get(name, defaults[name])) for name in ("target", "seed"))
    return seed not in seeds.kinds() and same_picture(target, seed)


def _null_folder(table: Table) -> str | None:
    if "null_folder" not in table.written:
        return None
    found = values(table, "null_folder")
    if len(found) > 1 or not isinstance(found[0], str):
        raise table.error("null_folder", "it is one folder; write a [[sweep]] for each")
    folder = table.source.folder
    return found[0] if folder is None else str(folder / found[0])


def _check_visitors(table: Table) -> None:
    """SweepError for what only the command line takes."""
    for field in table.written:
        if field not in _OF_VISITORS:
            raise table.error(field, "only the command line takes it; leave it out")
    for observer in values(table, "observer") if "observer" in table.written else ():
        try:
            validation.check_visitor_may_name(str(observer))
        except RequestError as error:
            raise table.error("observer", error.message, observer) from error
    for steps in values(table, "steps") if "steps" in table.written else ():
        if isinstance(steps, int) and steps > VISITORS_STEPS:
            raise table.error(
                "steps", f"{steps:,} are more than {VISITORS_STEPS:,}, the most on this page", steps
            )
