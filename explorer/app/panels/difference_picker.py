"""The sidebar's part for losses of a difference: to which network, or from which results."""

from __future__ import annotations

from typing import TypedDict

import streamlit as st

from explorer.app import known_input
from explorer.app.naming import network_title
from explorer.app.panels.select import select
from explorer.app.url_state import Readers
from explorer.losses.loss import Loss
from explorer.models import catalogue, layer_expression
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.network_reference import CHECKPOINT_SOURCES

OBSERVER, OBSERVER_LAYER, AWAY = "observer", "observer-layer", "away"
"""URL parameters, and keys of the session's state."""

READERS: Readers = {
    OBSERVER: str,
    OBSERVER_LAYER: str,
    AWAY: lambda text: tuple(text.split(",")),
}


class DifferenceFields(TypedDict):
    """The fields of a Request that say what its image is to differ from."""

    observer: str | None
    observer_layer: str | None
    away_from: tuple[str, ...] | None


def difference(loss: Loss | None, model: str, size: int | None) -> DifferenceFields:
    """Draw what this loss needs, and read it; nothing is drawn for the other losses."""
    fields = DifferenceFields(observer=None, observer_layer=None, away_from=None)
    needs = "" if loss is None else loss.needs
    if needs != "away_from":
        st.session_state.pop(AWAY, None)
    if needs == "away_from":
        keys = st.session_state.get(AWAY)
        st.caption(f"Away from {len(keys or ())} earlier IRIs of this target.")
        fields["away_from"] = keys
    elif needs == "observer":
        observer = _observer(model, size)
        fields["observer"], fields["observer_layer"] = observer, _layer(observer)
    return fields


def same_size(model: str, size: int | None = None) -> list[str]:
    """The offered networks that can observe a network's images: those that take their size."""
    own = known_input.input_size(model, size)
    return [
        entry.reference
        for entry in catalogue.offered()[0]
        if entry.reference != model
        and entry.reference.partition(":")[0] not in CHECKPOINT_SOURCES
        and (own is None or known_input.input_size(entry.reference, size) == own)
        and catalogue.channels(entry.reference) == catalogue.channels(model)
    ]


def _observer(model: str, size: int | None) -> str:
    names = same_size(model, size)
    return select(
        "Observer",
        names,
        key=OBSERVER,
        default=names[0] if names else model,
        title=network_title,
        help="The other network: to it the image is to be as different from the target as "
        "possible, while it stays the same to the network above. Both must take images of one "
        "size.",
    )


def _layer(observer: str) -> str | None:
    entry = catalogue.find(observer)
    names = [name for name, _, _ in entry.layers] if entry is not None else []
    layer = select(
        "Observer's layer",
        list(dict.fromkeys([PENULTIMATE, LOGITS, *reversed(names)])),
        key=OBSERVER_LAYER,
        default=PENULTIMATE,
        title=layer_expression.title,
        help="Where the observer is to tell image and target apart.",
    )
    return None if layer == PENULTIMATE else layer
