"""The null of a layer: from which unrelated pictures it is measured, and where it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from explorer.analysis.progress import NullCallback, StagedCallback
from explorer.errors import RequestError
from explorer.images import folder, gallery
from explorer.images.errors import PictureError
from explorer.metrics.null import Null
from explorer.metrics.null_distribution import null_distribution
from explorer.metrics.representation_measures import pair_measures
from explorer.models.fitting import as_batch, fit_to
from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.network_reference import NetworkReference
from explorer.request import NULL_PREFIX
from explorer.synthesis.loop import Cancelled
from explorer.zoo.pictures import picture

NULL_VERSION = 2
NULL_DRAWN_PICTURES = 36
NULL_CHUNK = 12


class BytesStore(Protocol):
    """Where null distributions are kept between requests."""

    def get(self, key: str) -> bytes | None: ...
    def put(self, key: str, data: bytes) -> None: ...


@dataclass(frozen=True)
class NullSource:
    """The unrelated pictures of a null.

    text: what they are, in words. facts: what names them in the store. load: the pictures, uint8
    H×W×3, for a network that takes so many px.
    """

    text: str
    facts: tuple[str | int, ...]
    load: Callable[[int], Sequence[np.ndarray]]


def null_source(null: str | None = None, null_folder: str | None = None) -> NullSource:
    """The pictures that a request's `null` names: the gallery's, or those of a folder.

    Raises RequestError as `folder_source`.
    """
    return gallery_source() if null is None else folder_source(null, null_folder)


def gallery_source() -> NullSource:
    """The gallery's photographs and some drawn pictures."""
    names = gallery.names()

    def load(size: int) -> list[np.ndarray]:
        drawn = (picture(index, "test", size)[0] for index in range(NULL_DRAWN_PICTURES))
        return [*map(gallery.load, names), *drawn]

    text = f"the gallery's {len(names)} photographs and {NULL_DRAWN_PICTURES} drawn pictures"
    return NullSource(text, (*names, NULL_DRAWN_PICTURES), load)


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


def null_of(
    network: Network,
    layer: str,
    source: NullSource | None = None,
    reference: NetworkReference | None = None,
    callback: StagedCallback | None = None,
    store: BytesStore | None = None,
) -> Null:
    """The null of a network's layer, from the store or measured now; source: default the gallery.

    reference: what the network was loaded by; it names the null in the store. Raises Cancelled when
    the callback says so, and RequestError as `folder_source`.
    """
    callback, source = callback or NullCallback(), source or gallery_source()
    key = _store_key(network, layer, source, reference)
    kept = None if store is None else store.get(key)
    if kept is not None:
        null = Null.from_dict(json.loads(kept))
        if all(each.null in null.distributions for each in pair_measures().values() if each.null):
            return null
    callback.stage("measuring unrelated pictures (once for this layer)")
    images = [fit_to(each, network) for each in source.load(max(network.input.size))]
    parts = []
    with torch.no_grad():
        for start in range(0, len(images), NULL_CHUNK):
            if callback.cancelled():
                raise Cancelled("cancelled while measuring")
            chunk = as_batch(images[start : start + NULL_CHUNK], network)
            parts.append(representation(network, layer, chunk).flatten(1))
    null = null_distribution(torch.cat(parts), source=source.text)
    if store is not None:
        store.put(key, json.dumps(null.to_dict()).encode())
    return null


def _store_key(
    network: Network, layer: str, source: NullSource, reference: NetworkReference | None
) -> str:
    """What tells a null from every other: its network, layer and pictures, and the code's age."""
    identity: list[object] = [network.reference]
    if reference is not None:
        identity = [reference.identity]
    facts = [NULL_VERSION, *identity, layer]
    facts += [list(network.input.size), source.facts, version("timm")]
    return f"null:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"
