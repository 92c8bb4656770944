"""The plan of a sweep: from its text to validated requests, before anything is generated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from explorer import validation
from explorer.losses.terms.representation import RELATIVE_L2
from explorer.models.hubs import HubUnreachable
from explorer.request import Request
from explorer.sweep.layers import in_catalogue
from explorer.sweep.networks import LayersOf
from explorer.sweep.pictures import PictureNames
from explorer.sweep.product import Product
from explorer.sweep.source import Source, SweepError, tables

MOST = 100_000
"""Requests of one sweep, however much is confirmed."""

MOST_ON_PAGE = 200
MOST_UNCONFIRMED = 10_000

_ALWAYS_SHOWN = ("model", "layer", "target", "seed", "loss", "steps")
_NOT_SET = {
    "nearest": "no",
    "representation": RELATIVE_L2,
    "term_weights": "the loss's own",
    **dict.fromkeys(
        ("architecture", "size", "mean", "std", "interpolation", "crop_pct"), "the network's own"
    ),
}
"""What a validated request without this field stands for; of others none."""

_NEVER_SHOWN = ("weights", "null", "null_folder", "classes", "classes_file", "parametrisation")


@dataclass(frozen=True)
class Plan:
    """The requests of a sweep, in the order of its file, each once.

    pictures: PNG bytes of those of its targets and seeds that are files, by their names in the
    requests. files: the names of these files. notes: sentences on what was left out.
    layers_unknown: networks whose layers are only known once they are loaded.
    """

    requests: tuple[Request, ...]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    layers_unknown: tuple[str, ...] = ()

    def axes(self) -> dict[str, list[str]]:
        """The different values by field, in words and in their order: of what varies, and more."""
        rows = [request.to_dict() for request in self.requests]
        names = dict.fromkeys((*_ALWAYS_SHOWN, *(name for row in rows for name in row)))
        found = {
            name: list(dict.fromkeys(self._word(name, row.get(name)) for row in rows))
            for name in names
        }
        return {
            name: words
            for name, words in found.items()
            if name in _ALWAYS_SHOWN or (len(words) > 1 and name not in _NEVER_SHOWN)
        }

    def _word(self, name: str, value: object) -> str:
        if value is None:
            return _NOT_SET.get(name, "none")
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, dict):
            return " ".join(f"{name}={each:g}" for name, each in value.items())
        if isinstance(value, list):
            return ",".join(f"{each:g}" for each in value)
        return self.files.get(value, value) if isinstance(value, str) else str(value)


def plan(
    source: Source,
    most: int = MOST,
    layers_of: LayersOf = in_catalogue,
    uploads: Mapping[str, bytes] | None = None,
) -> Plan:
    """The plan of a sweep; SweepError says what cannot be right, with its line.

    most: more requests than that are refused before any is built. layers_of: a network's layers in
    order, None where they are not known before it is loaded. uploads: PNG bytes of the pictures
    that a visitor has uploaded, which the sweep may name as `picture:SHA256`. Raises HubUnreachable
    where weights would have to be downloaded and cannot be.
    """
    names = PictureNames(source, uploads or {})
    products = [Product.of(table, names, layers_of) for table in tables(source)]
    count = sum(product.count for product in products)
    if count > most:
        raise SweepError(
            "", f"{count:,} requests are more than {most:,}, the most that work here", source.name
        )
    by_key: dict[str, Request] = {}
    valid = 0
    for product in products:
        for request in product.requests():
            if request is not None:
                valid += 1
                by_key.setdefault(request.key, request)
    if not by_key:
        raise products[0].table.error(
            "seed",
            "nothing would be generated: seed and target are the same image"
            + (" in every combination" if count > 1 else ""),
        )
    _check_downloads(products, by_key.values())
    notes = [*names.notes, *_notes(count - valid, valid - len(by_key))]
    networks = {request.network for request in by_key.values()}
    unknown = sorted({each.model for each in networks if layers_of(each) is None})
    return Plan(tuple(by_key.values()), names.pngs, names.files, tuple(notes), tuple(unknown))


def _check_downloads(products: Sequence[Product], requests: Iterable[Request]) -> None:
    """HubUnreachable, with the line, for weights that are not here and cannot be downloaded."""
    unchecked = {request.model: request for request in requests}
    for product in products:
        for place in product.places:
            request = unchecked.pop(place.network.model, None)
            try:
                if request is not None:
                    validation.check_download(request)
            except HubUnreachable as error:
                message = product.table.error("model", str(error), place.model)
                raise HubUnreachable(str(message)) from error


def _notes(same_image: int, twice: int) -> list[str]:
    notes = []
    if same_image:
        notes.append(f"Left out, since seed and target are the same image: {same_image:,}.")
    if twice:
        notes.append(f"Asked for more than once, and generated once: {twice:,}.")
    return notes
