"""The null of a layer: measured from unrelated pictures, and where it is kept.

Those of the networks that ship, and of a common one, ship too (`explorer.analysis.shipped_nulls`).
`explorer.analysis.null_sources` says from which pictures each is measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from explorer.analysis import shipped_nulls
from explorer.analysis.bytes_store import BytesStore as BytesStore
from explorer.analysis.bytes_store import keep
from explorer.analysis.null_sources import NullSource, card_of, held_out_facts, usual_source
from explorer.analysis.progress import NullCallback, StagedCallback
from explorer.metrics.null import Null
from explorer.metrics.null_distribution import null_distribution
from explorer.metrics.representation_measures import pair_measures
from explorer.models.fitting import as_batch, fit_to
from explorer.models.layers import list_layers, representations
from explorer.models.network import Network
from explorer.network_reference import NetworkReference
from explorer.synthesis.loop import Cancelled

NULL_VERSION = 4

_PIXELS_AT_A_TIME = 4 * 224 * 224
"""Of a pass: more are slower on a CPU, whose caches they leave; fewer make small networks wait."""

_NUMBERS_AT_A_TIME = 2**26
"""Of the representations that are kept at once while the nulls of several layers are measured."""

_BY_WEIGHTS = ("embedded", "compressed")
"""Sources of small networks, which are told by their weights and not by a library's version."""


def null_of(
    network: Network,
    layer: str,
    source: NullSource | None = None,
    reference: NetworkReference | None = None,
    callback: StagedCallback | None = None,
    store: BytesStore | None = None,
) -> Null:
    """The null of a network's layer: shipped, from the store, or measured now.

    source: None for the network's own, which is that of held-out photographs of its data set where
    it ships, else that of `usual_source`. reference: what the network was loaded by; it names the
    null. Raises Cancelled when the callback says so, and RequestError as `folder_source`.
    """
    held_out = held_out_facts(card_of(network)) if source is None else None
    if held_out is not None:
        own = shipped_nulls.shipped(null_key(network, layer, held_out))
        if own is not None and _is_complete(own):
            return own
    source = source or usual_source(network)
    key = null_key(network, layer, source.facts, reference)
    for null in _known(key, store):
        if _is_complete(null):
            return null
    callback = callback or NullCallback()
    callback.stage("measuring unrelated pictures (once for this layer)")
    null = measured_null(network, layer, source, callback)
    if store is not None:
        keep(store, key, json.dumps(null.to_dict()).encode())
    return null


def _is_complete(null: Null) -> bool:
    """Whether every registered measure is in it."""
    return all(each.null in null.distributions for each in pair_measures().values() if each.null)


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
    images = _fitted(network, source)
    return null_distribution(
        _represented(network, [layer], images, callback)[layer], source=source.text
    )


def measured_nulls(network: Network, layers: Iterable[str], source: NullSource) -> dict[str, Null]:
    """The nulls of several layers of a network by name, measured.

    Layers whose representations are the same, such as a block and its last step, share one. Raises
    as `measured_null`.
    """
    images, sizes = (
        _fitted(network, source),
        {each.name: each.elements for each in list_layers(network)},
    )
    measured: dict[str, Null] = {}
    nulls: dict[str, Null] = {}
    for group in _groups(layers, sizes, _NUMBERS_AT_A_TIME // len(images)):
        for layer, vectors in _represented(network, group, images).items():
            content = hashlib.sha256(vectors.cpu().contiguous().numpy().data).hexdigest()
            if content not in measured:
                measured[content] = null_distribution(vectors, source=source.text)
            nulls[layer] = measured[content]
    return nulls


def _fitted(network: Network, source: NullSource) -> list[np.ndarray]:
    """The source's pictures as the network sees them."""
    return [fit_to(each, network) for each in source.load(max(network.input.size))]


def _groups(layers: Iterable[str], sizes: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """The layers in their order, in groups that hold at most `most` numbers, or one layer each."""
    group: list[str] = []
    for layer in layers:
        if group and sum(sizes[each] for each in (*group, layer)) > most:
            yield group
            group = []
        group.append(layer)
    if group:
        yield group


def _represented(
    network: Network,
    layers: Sequence[str],
    images: Sequence[np.ndarray],
    callback: StagedCallback | None = None,
) -> dict[str, Tensor]:
    """The representations P×D of P fitted images at each layer; Cancelled if the callback says."""
    height, width = network.input.size
    at_a_time = max(1, _PIXELS_AT_A_TIME // (height * width))
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    with torch.no_grad():
        for start in range(0, len(images), at_a_time):
            if callback is not None and callback.cancelled():
                raise Cancelled("cancelled while measuring")
            chunk = as_batch(images[start : start + at_a_time], network)
            for layer, numbers in representations(network, layers, chunk).items():
                parts[layer].append(numbers.flatten(1))
    return {layer: torch.cat(rows) for layer, rows in parts.items()}


def null_key(
    network: Network,
    layer: str,
    source_facts: Sequence[str | int],
    reference: NetworkReference | None = None,
) -> str:
    """What tells a null from every other: all that it depends on.

    source_facts: those of its NullSource. The others are the network, by its weights or by its
    name and the library that builds it, how pictures are brought to it, the layer, and the age of
    this code.
    """
    facts: list[object] = [NULL_VERSION, layer, asdict(network.input), source_facts]
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
