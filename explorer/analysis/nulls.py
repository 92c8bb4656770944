"""The null of a layer: from which unrelated pictures it is measured, and where it is kept.

Those of the networks that ship, and of a common one, ship too (`explorer.analysis.shipped_nulls`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from explorer.analysis import shipped_nulls
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

NULL_VERSION = 3
NULL_DRAWN_PICTURES = 36

_PIXELS_AT_A_TIME = 4 * 224 * 224
"""Of a pass: more are slower on a CPU, whose caches they leave; fewer make small networks wait."""

_BY_WEIGHTS = ("embedded", "compressed")
"""Sources of small networks, which are told by their weights and not by a library's version."""


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
    return NullSource(text, (*map(gallery.digest, names), NULL_DRAWN_PICTURES), load)


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
    """The null of a network's layer: shipped, from the store, or measured now.

    source: default the gallery. reference: what the network was loaded by; it names the null.
    Raises Cancelled when the callback says so, and RequestError as `folder_source`.
    """
    source = source or gallery_source()
    key = null_key(network, layer, source, reference)
    for null in _known(key, store):
        if all(each.null in null.distributions for each in pair_measures().values() if each.null):
            return null
    callback = callback or NullCallback()
    callback.stage("measuring unrelated pictures (once for this layer)")
    null = measured_null(network, layer, source, callback)
    if store is not None:
        store.put(key, json.dumps(null.to_dict()).encode())
    return null


def _known(key: str, store: BytesStore | None) -> Iterator[Null]:
    """The nulls of this key that ship or are in the store; each may lack an added measure."""
    null = shipped_nulls.shipped(key)
    if null is not None:
        yield null
    kept = None if store is None else store.get(key)
    if kept is not None:
        yield Null.from_dict(json.loads(kept))


def measured_null(
    network: Network, layer: str, source: NullSource, callback: StagedCallback | None = None
) -> Null:
    """The null of a network's layer, measured; raises as `null_of`."""
    height, width = network.input.size
    images = [fit_to(each, network) for each in source.load(max(height, width))]
    at_a_time = max(1, _PIXELS_AT_A_TIME // (height * width))
    parts = []
    with torch.no_grad():
        for start in range(0, len(images), at_a_time):
            if callback is not None and callback.cancelled():
                raise Cancelled("cancelled while measuring")
            chunk = as_batch(images[start : start + at_a_time], network)
            parts.append(representation(network, layer, chunk).flatten(1))
    return null_distribution(torch.cat(parts), source=source.text)


def null_key(
    network: Network, layer: str, source: NullSource, reference: NetworkReference | None = None
) -> str:
    """What tells a null from every other: all that it depends on.

    That is the network, by its weights or by its name and the library that builds it, how pictures
    are brought to it, the layer, the pictures, and the age of this code.
    """
    facts: list[object] = [NULL_VERSION, layer, asdict(network.input), source.facts]
    if network.reference.partition(":")[0] in _BY_WEIGHTS:
        facts.append(_weights_digest(network))
    else:
        identity = network.reference if reference is None else reference.identity
        facts += [identity, version("timm")]
    return f"null:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"


def _weights_digest(network: Network) -> str:
    """SHA-256 of the weights' names, types and bytes."""
    digest = hashlib.sha256()
    for name, tensor in network.module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
