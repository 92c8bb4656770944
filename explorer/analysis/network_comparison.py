"""How another network sees a finished IRI: the record, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.analysis.bytes_store import BytesStore, keep
from explorer.metrics.match import LayerComparison, Match, MatchState
from explorer.metrics.null import Null
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.result.provenance import NetworkUsed

COMPARISON_VERSION = 1
"""Goes up when the same images would get other numbers."""


@dataclass(frozen=True)
class NetworkComparison:
    """What an observer, any network at any layer, makes of a result's IRI and target.

    key: of the result. made_for, made_at: the network and layer that the IRI was made for.
    own_state, own_distance: how it matches its target there; the distance after rounding to 8 bits.
    network, layer: the observer. input_size: height and width in px at which it looked. match,
    null: at the observer's layer; layers: all of them, in order of execution. network_used: the
    observer as it was loaded.
    """

    key: str
    made_for: str
    made_at: str
    network: NetworkReference
    layer: str
    input_size: tuple[int, int]
    match: Match
    null: Null
    layers: tuple[LayerComparison, ...]
    seconds: float
    own_state: MatchState
    own_distance: float | None
    network_used: NetworkUsed | None = None

    @property
    def model(self) -> str:
        """The observer's reference."""
        return self.network.model

    @property
    def own_match(self) -> str:
        """How the IRI matches in the network it was made for, and what that allows to conclude."""
        distance = "undefined" if self.own_distance is None else f"{self.own_distance:.3f}"
        said = f"In the network it was made for: {self.own_state}, relative distance {distance}."
        if self.own_state is MatchState.NOT_MATCHED:
            return f"{said} So nothing follows from what another network sees in it."
        if self.own_state is MatchState.MATCHED:
            said += " It is above its goal there, so what sets the two apart may be the search's."
        if (self.model, self.layer) != (self.made_for, self.made_at):
            said += (
                " Relative distances of different networks or layers have no common scale, so "
                "that these two cannot be compared: read each against its own unrelated images."
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `iri compare --json`; `match` and `layers` as in result.json."""
        return {
            "key": self.key,
            "made_for": {
                "model": self.made_for,
                "layer": self.made_at,
                "state": self.own_state.value,
                "relative_l2": self.own_distance,
            },
            "model": self.model,
            "layer": self.layer,
            "input_size": list(self.input_size),
            "match": self.match.to_dict() | {"null": self.null.to_dict()},
            "layers": [each.to_dict() for each in self.layers],
            "seconds": self.seconds,
            "network": None if self.network_used is None else self.network_used.to_dict(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], network: NetworkReference) -> NetworkComparison:
        """The record in what `to_json` wrote; network: the observer, with its settings."""
        made_for, match, used = plain["made_for"], dict(plain["match"]), plain["network"]
        height, width = plain["input_size"]
        return cls(
            key=plain["key"],
            made_for=made_for["model"],
            made_at=made_for["layer"],
            network=network,
            layer=plain["layer"],
            input_size=(height, width),
            null=Null.from_dict(match.pop("null")),
            match=Match.from_dict(match),
            layers=tuple(map(LayerComparison.from_dict, plain["layers"])),
            seconds=plain["seconds"],
            own_state=MatchState(made_for["state"]),
            own_distance=made_for["relative_l2"],
            network_used=None if used is None else NetworkUsed.from_dict(used),
        )


def known_comparison(
    result_key: str, observer: Request, store: BytesStore
) -> NetworkComparison | None:
    """What an observer makes of the result of a key, where the store holds it."""
    kept = store.get(_key(result_key, observer))
    return None if kept is None else NetworkComparison.from_json(json.loads(kept), observer.network)


def keep_comparison(comparison: NetworkComparison, observer: Request, store: BytesStore) -> None:
    """Put a comparison into the store, under the key of all that it depends on."""
    data = json.dumps(comparison.to_json()).encode()
    keep(store, _key(comparison.key, observer), data)


def _key(result_key: str, observer: Request) -> str:
    facts = [
        COMPARISON_VERSION,
        result_key,
        observer.network.identity,
        observer.layer,
        observer.null,
    ]
    return f"comparison:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"
