"""The unrelated pictures from which the null of a network is measured.

That of a network which ships and learned from photographs is of held-out photographs of its own
data set. They do not ship, but their nulls do (`explorer.analysis.shipped_nulls`), and where one
does not, the gallery's photographs take their place, as for every other network. The networks that
learned from drawn pictures are asked about drawn pictures, too, so that theirs holds both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import RequestError
from explorer.images import folder, gallery
from explorer.images.errors import PictureError
from explorer.models.network import Network
from explorer.models.sources import embedded
from explorer.request import NULL_PREFIX
from explorer.zoo.pictures import picture

NULL_DRAWN_PICTURES = 36
NULL_HELD_OUT_PICTURES = 500
"""With 249,500 ordered pairs; Feather et al. (2023) take mostly 200,000."""

_DRAWN = "drawn"
"""The data set of the networks that learned from the pictures of `explorer.zoo.pictures`."""


@dataclass(frozen=True)
class NullSource:
    """The unrelated pictures of a null.

    text: what they are, in words. facts: what names them in the store. load: the pictures, uint8
    H×W×3, for a network that takes so many px.
    """

    text: str
    facts: tuple[str | int, ...]
    load: Callable[[int], Sequence[np.ndarray]]


def null_source(null: str | None = None, null_folder: str | None = None) -> NullSource | None:
    """The pictures that a request's `null` names: a folder's, or None for the network's usual ones.

    Raises RequestError as `folder_source`.
    """
    return None if null is None else folder_source(null, null_folder)


def usual_source(network: Network) -> NullSource:
    """The pictures that are here for a network: the gallery's, and drawn ones if it learned those.

    That is where no folder was named, and no null of its own photographs ships.
    """
    learned_from_drawn = dataset_of(card_of(network)) == _DRAWN
    return gallery_and_drawn_source() if learned_from_drawn else gallery_source()


def gallery_source() -> NullSource:
    """The gallery's photographs."""
    names = gallery.names()

    def load(_size: int) -> list[np.ndarray]:
        return list(map(gallery.load, names))

    text = f"the gallery's {len(names)} photographs"
    return NullSource(text, tuple(map(gallery.digest, names)), load)


def gallery_and_drawn_source() -> NullSource:
    """The gallery's photographs and some drawn pictures."""
    photographs = gallery_source()

    def load(size: int) -> list[np.ndarray]:
        drawn = (picture(index, "test", size)[0] for index in range(NULL_DRAWN_PICTURES))
        return [*photographs.load(size), *drawn]

    text = f"{photographs.text} and {NULL_DRAWN_PICTURES} drawn pictures"
    return NullSource(text, (*photographs.facts, NULL_DRAWN_PICTURES), load)


def held_out_facts(card: Mapping[str, Any]) -> tuple[str | int, ...] | None:
    """What names the held-out photographs of a network's own data set; None for another network.

    card: as of `explorer.models.sources.embedded.card`; {} for a network that has none.
    """
    if dataset_of(card) in ("", _DRAWN) or not card.get("data_digest"):
        return None
    return ("held out", dataset_of(card), card["data_digest"], NULL_HELD_OUT_PICTURES)


def dataset_of(card: Mapping[str, Any]) -> str:
    """The data set from which a network learned, by the name that recipes give it, or ""."""
    return str(card.get("recipe", {}).get("dataset", ""))


def card_of(network: Network) -> dict[str, Any]:
    """The card of an embedded network, {} for any other."""
    source, _, name = network.reference.partition(":")
    return embedded.card(name) if source == "embedded" and name in embedded.names() else {}


def folder_source(null: str, null_folder: str | None) -> NullSource:
    """The pictures of a folder, which must still hold what the request's `null` names.

    Raises RequestError (field `null_folder`) if it does not; `load` raises it for a picture that
    cannot be read.
    """
    if null_folder is None:
        raise RequestError("null_folder", "say in which folder the pictures of the null are stored")
    path = Path(null_folder)

    def load(_size: int) -> list[np.ndarray]:
        try:
            return folder.read_pictures(path)
        except PictureError as error:
            raise RequestError("null_folder", str(error)) from error

    try:
        digest = NULL_PREFIX + folder.digest_of(path)
    except (PictureError, OSError) as error:
        raise RequestError("null_folder", str(error)) from error
    if digest != null:
        raise RequestError("null_folder", f"{path.name!r} has changed since the request was made")
    return NullSource(f"a folder of pictures ({null[len(NULL_PREFIX) :][:12]})", (null,), load)
