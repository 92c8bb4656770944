"""Where a null's unrelated pictures come from, and the nulls that are kept for a while."""

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

from explorer.analysis.progress import Nobody, StagedWatcher
from explorer.images import folder, gallery
from explorer.images.errors import PictureError
from explorer.images.fitting import fit
from explorer.metrics.null import Null, null_distribution
from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.request import NULL_PREFIX, Request, RequestError
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
class Source:
    """The unrelated pictures of a null.

    text: what they are, in words. facts: what names them in the store. load: the pictures, uint8
    H×W×3, for a network that sees so many px.
    """

    text: str
    facts: tuple
    load: Callable[[int], Sequence[np.ndarray]]


def gallery_source() -> Source:
    """The gallery's photographs and some drawn pictures."""
    names = gallery.names()

    def load(size: int) -> list[np.ndarray]:
        drawn = (picture(index, "test", size)[0] for index in range(NULL_DRAWN_PICTURES))
        return [*map(gallery.load, names), *drawn]

    text = f"the gallery's {len(names)} photographs and {NULL_DRAWN_PICTURES} drawn pictures"
    return Source(text, (*names, NULL_DRAWN_PICTURES), load)


def folder_source(null: str, null_folder: str | None) -> Source:
    """The pictures of a folder, which must still hold what the request's `null` names.

    Raises RequestError (field `null_folder`) if it does not; `load` raises it for a picture that
    cannot be read.
    """
    if null_folder is None:
        raise RequestError("null_folder", "say in which folder the pictures of the null lie")
    path = Path(null_folder)

    def load(_size: int) -> list[np.ndarray]:
        try:
            return folder.read_pictures(path)
        except PictureError as error:
            raise RequestError("null_folder", str(error)) from error

    try:
        there = NULL_PREFIX + folder.digest_of(path)
    except (PictureError, OSError) as error:
        raise RequestError("null_folder", str(error)) from error
    if there != null:
        raise RequestError("null_folder", f"{path.name!r} has changed since the request was made")
    return Source(f"a folder of pictures ({null[len(NULL_PREFIX) :][:12]})", (null,), load)


def null_for(
    request: Request,
    network: Network,
    watch: StagedWatcher | None = None,
    store: BytesStore | None = None,
) -> Null:
    """The null that a request is judged by: of its network and layer, from its source."""
    source = gallery_source()
    if request.null is not None:
        source = folder_source(request.null, request.null_folder)
    identity = (request.weights or request.model, request.architecture)
    return null_of(network, request.layer, source, identity, watch, store)


def null_of(
    network: Network,
    layer: str,
    source: Source | None = None,
    identity: Sequence[object] = (),
    watch: StagedWatcher | None = None,
    store: BytesStore | None = None,
) -> Null:
    """The null of a network's layer, from the store or made now; source: by default the gallery.

    identity: what tells this network from every other, beside its reference; only for the store.
    Raises Cancelled when the watcher says so, and RequestError as `folder_source` does.
    """
    watch, source = watch or Nobody(), source or gallery_source()
    facts = [NULL_VERSION, *(identity or [network.reference]), layer]
    facts += [list(network.input.size), source.facts, version("timm")]
    key = f"null:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"
    kept = store.get(key) if store is not None else None
    if kept is not None:
        return Null.from_dict(json.loads(kept))
    watch.stage("measuring unrelated pictures (once for this layer)")
    images = [fit_to(one, network) for one in source.load(max(network.input.size))]
    parts = []
    with torch.no_grad():
        for start in range(0, len(images), NULL_CHUNK):
            if watch.cancelled():
                raise Cancelled("cancelled while measuring")
            chunk = torch.from_numpy(np.stack(images[start : start + NULL_CHUNK]))
            parts.append(representation(network, layer, chunk.to(network.device)).flatten(1))
    null = null_distribution(torch.cat(parts), source=source.text)
    if store is not None:
        store.put(key, json.dumps(null.to_dict()).encode())
    return null


def fit_to(picture: np.ndarray, network: Network) -> np.ndarray:
    """A uint8 H×W×3 picture as the network sees it: float32 3×H×W in [0, 1], on 8-bit levels."""
    spec = network.input
    return fit(picture, spec.size, spec.crop_pct, spec.interpolation, spec.crop_mode, spec.mean)
