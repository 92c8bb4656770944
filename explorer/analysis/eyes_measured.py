"""What an observer makes of other networks' finished IRIs: measured, in one load of its network."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from explorer.analysis.bytes_store import BytesStore
from explorer.analysis.eyes import (
    FinishedIris,
    ObserverViews,
    View,
    keep_views,
    known_view,
    known_views,
    too_few_for_stir,
)
from explorer.analysis.generation import device
from explorer.analysis.null_sources import null_source
from explorer.analysis.nulls import null_of
from explorer.analysis.progress import NullCallback, StagedCallback, next_stage, not_computing
from explorer.images.encoding import from_png
from explorer.metrics.cka import cka_by_chance, linear_cka
from explorer.metrics.matching import Represented, match_represented, represented
from explorer.metrics.null import Null
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.request import Request

BATCH = 16


def observe(
    observer: Request,
    made: Sequence[FinishedIris],
    store: BytesStore | None = None,
    callback: StagedCallback | None = None,
) -> ObserverViews:
    """What the network, layer and null of `observer` make of several networks' IRIs.

    The images are the 8-bit ones, brought to the observer's input as any picture is, so that its
    own IRIs are judged as after rounding. store: where views are kept, and looked up first. Raises
    RequestError and HubUnreachable as `explorer.generate` does, and Cancelled when the callback
    says so.
    """
    known = None if store is None else known_views(observer, made, store)
    if known is not None:
        return known
    callback = callback or NullCallback()
    with not_computing(callback):
        network = load(observer.network, device(), callback.stage)
    with fitting_threads(network):
        source = null_source(observer.null, observer.null_folder)
        null = null_of(network, observer.layer, source, observer.network, callback, store)
        views = tuple(
            (None if store is None else known_view(observer, each, store))
            or _view(network, observer.layer, null, each, callback)
            for each in made
        )
    distances = null.relative_l2.quantiles
    found = ObserverViews(
        observer.network, observer.layer, distances["min"], distances["q50"], views
    )
    if store is not None:
        keep_views(observer, made, found, store)
    return found


def _view(
    network: Network, layer: str, null: Null, made: FinishedIris, callback: StagedCallback
) -> View:
    next_stage(callback, "looking at the images")
    iris, targets = (
        _represented(network, layer, pngs) for pngs in (made.iri_pngs, made.target_pngs)
    )
    matches = match_represented(network, layer, iris, targets, null)
    stir, by_chance = _stir(iris, targets)
    return View(
        stir=stir,
        stir_by_chance=by_chance,
        relative_l2=tuple(match.relative_l2 for match in matches),
        matched=tuple(match.same for match in matches),
    )


def _stir(iris: Represented, targets: Represented) -> tuple[float | None, float | None]:
    """STIR (Nanda et al. 2022) and its value with wrong pairs; None where linear CKA has none."""
    if too_few_for_stir(len(targets.at_layer)):
        return None, None
    try:
        both = targets.at_layer, iris.at_layer
        return linear_cka(*both), cka_by_chance(*both)
    except ValueError:  # the observer sees no difference between the images
        return None, None


def _represented(network: Network, layer: str, pngs: Sequence[bytes]) -> Represented:
    """The representations of PNG images, N×…, by batches."""
    parts = []
    for start in range(0, len(pngs), BATCH):
        images = (fit_to(from_png(png), network) for png in pngs[start : start + BATCH])
        parts.append(represented(network, layer, as_batch(images, network)))
    logits = [part.logits for part in parts if part.logits is not None]
    return Represented(
        torch.cat([part.at_layer for part in parts]), torch.cat(logits) if logits else None
    )
