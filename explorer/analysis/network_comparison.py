"""How another network sees a finished IRI: the record, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from explorer.metrics.match import LayerComparison, Match
from explorer.metrics.null import Null
from explorer.network_reference import NetworkReference
from explorer.result.provenance import NetworkUsed


@dataclass(frozen=True)
class NetworkComparison:
    """What an observer, any network at any layer, makes of a result's IRI and target.

    key: of the result. made_for, made_at: the network and layer that the IRI was made for.
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
    network_used: NetworkUsed | None = None

    @property
    def model(self) -> str:
        """The observer's reference."""
        return self.network.model

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `iri compare --json`; `match` and `layers` as in result.json."""
        return {
            "key": self.key,
            "made_for": {"model": self.made_for, "layer": self.made_at},
            "model": self.model,
            "layer": self.layer,
            "input_size": list(self.input_size),
            "match": self.match.to_dict() | {"null": self.null.to_dict()},
            "layers": [each.to_dict() for each in self.layers],
            "seconds": self.seconds,
            "network": None if self.network_used is None else self.network_used.to_dict(),
        }
