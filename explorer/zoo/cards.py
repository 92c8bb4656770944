"""Reading the shipped networks: weights as safetensors, and next to them a card of facts."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from explorer.errors import unknown
from explorer.zoo.architectures import build
from explorer.zoo.small_network import SmallNetwork

WEIGHTS = Path(__file__).parent / "weights"


def names(folder: Path = WEIGHTS) -> list[str]:
    """Names of the networks whose card and weights are there."""
    return sorted(p.stem for p in folder.glob("*.json") if p.with_suffix(".safetensors").exists())


def read(name: str, folder: Path = WEIGHTS) -> dict[str, Any]:
    """The card of the network `name`; RequestError suggests the nearest names if there is none."""
    if name not in names(folder):
        raise unknown("model", "embedded network", name, names(folder))
    card: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return card


def load(name: str, folder: Path = WEIGHTS) -> tuple[SmallNetwork, dict[str, Any]]:
    """(the network, in float32 and eval mode; its card).

    It takes images that were normalised with the card's `mean` and `std`.
    """
    card = read(name, folder)
    network = build(card["architecture"])
    network.load_state_dict(load_file(folder / f"{name}.safetensors"))
    return network.eval(), card
