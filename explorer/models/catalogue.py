"""The catalogue: which networks exist, as data, without importing torch.

An Entry says what a person should know before choosing a network. Embedded entries are read from
the model cards that ship beside the weights; other sources describe themselves once loaded.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from explorer.request import RequestError

CARDS = Path(__file__).resolve().parent.parent / "zoo" / "weights"

SOURCES = {
    "embedded": "small networks of our own that ship with the app and work offline",
    "timm": "any pretrained name that timm knows, downloaded on first use",
    "file": "a checkpoint of your own, with the architecture that it fits (command line only)",
}
FIRST = ("residual-multi-adv2", "residual-multi-standard")  # of the embedded ones, in the picker
_TIMM_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of one network.

    labels: what it was taught: "object", "multi" (every factor) or "none".
    epsilon: radius of the attacks during training, ℓ₂ on images in [0, 1].
    layers: (name, kind, shape) in order of execution, where known without loading it.
    """

    reference: str
    title: str
    summary: str
    family: str
    residual: bool
    objective: str
    augmentation: str
    data: str
    input_size: tuple[int, int]
    classes: tuple[str, ...]
    parameters: int
    licence: str
    accuracy: dict[str, object]
    labels: str = ""
    epsilon: float = 0.0
    layers: tuple[tuple[str, str, tuple[int, ...]], ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer models --json`."""
        return {
            "reference": self.reference,
            "title": self.title,
            "summary": self.summary,
            "family": self.family,
            "residual": self.residual,
            "objective": self.objective,
            "augmentation": self.augmentation,
            "labels": self.labels,
            "epsilon": self.epsilon,
            "data": self.data,
            "input_size": list(self.input_size),
            "classes": list(self.classes),
            "parameters": self.parameters,
            "licence": self.licence,
            "accuracy": self.accuracy,
        }


def split_reference(reference: str) -> tuple[str, str]:
    """`timm:resnet18` → (`timm`, `resnet18`); RequestError lists the sources otherwise."""
    source, _, name = reference.partition(":")
    if source not in SOURCES or not name:
        near = difflib.get_close_matches(source, SOURCES, n=1)
        meant = f"did you mean '{near[0]}:'? " if near else ""
        raise RequestError(
            "model",
            f"{reference!r} has no source that is known; {meant}write "
            + ", ".join(f"'{known}:NAME'" for known in SOURCES),
        )
    return source, name


def card(name: str) -> dict:
    """The model card of an embedded network; RequestError names the nearest ones."""
    names = embedded_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        meant = f"did you mean 'embedded:{near[0]}'? " if near else ""
        raise RequestError(
            "model",
            f"'embedded:{name}' is unknown; {meant}there are "
            + ", ".join(f"'embedded:{known}'" for known in names),
        )
    return json.loads((CARDS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def embedded_names() -> tuple[str, ...]:
    """The embedded networks' names, the most instructive pair first."""
    there = sorted(path.stem for path in CARDS.glob("*.json"))
    first = [name for name in FIRST if name in there]
    return (*first, *(name for name in there if name not in FIRST))


@cache
def entry(reference: str) -> Entry | None:
    """What is known of a network before loading it; None for sources that describe themselves.

    Raises RequestError for a source or embedded name that does not exist.
    """
    source, name = split_reference(reference)
    if source == "timm" and not _TIMM_NAME.fullmatch(name):
        raise RequestError("model", f"{name!r} is no timm name; one is 'timm:resnet50.a1_in1k'")
    return _embedded(card(name)) if source == "embedded" else None


def entries() -> tuple[Entry, ...]:
    """Every embedded network, in the order of the picker."""
    found = (entry(f"embedded:{name}") for name in embedded_names())
    return tuple(one for one in found if one is not None)


def _embedded(card: dict) -> Entry:
    return Entry(
        reference=f"embedded:{card['name']}",
        title=card["title"],
        summary=card["summary"],
        family=card["family"],
        residual=card["residual"],
        objective=card["objective"],
        augmentation=card["augmentation"],
        data=card["data"],
        input_size=tuple(card["input_size"]),
        classes=tuple(card["classes"]),
        parameters=card["parameters"],
        licence=card["licence"],
        accuracy=card["accuracy"],
        labels=card["labels"],
        epsilon=card["epsilon"],
        layers=tuple(
            (layer["name"], layer["kind"], tuple(layer["shape"]))
            for layer in card.get("layers", ())
        ),
    )
