"""Small networks that ship with the app, described by the model cards next to their weights."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean
from explorer.models.downloads import Progress
from explorer.models.entry import Entry
from explorer.models.source import Source
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from explorer.models.network import Network

CARDS = Path(__file__).resolve().parents[2] / "zoo" / "weights"
DATASETS = ("imagenette", "cifar10", "drawn")
"""What the networks learned from, in the order of lists; the card's `recipe` names it."""

FIRST = ("imagenette-residual-adv1", "imagenette-residual-standard")
"""The most instructive pair, which stands first in lists."""


@cache
def names() -> tuple[str, ...]:
    """The networks' names: the most instructive pair, then by data set."""
    shipped = [path.stem for path in sorted(CARDS.glob("*.json"))]

    def place(name: str) -> tuple[int, int, str]:
        first = FIRST.index(name) if name in FIRST else len(FIRST)
        return first, DATASETS.index(_read(name)["recipe"]["dataset"]), name

    return tuple(sorted(shipped, key=place))


def card(name: str) -> dict[str, Any]:
    """The model card of a network; RequestError suggests the nearest name."""
    if name not in names():
        suggestion = did_you_mean(name, names(), "embedded:", cutoff=0.4)
        examples = " and ".join(f"'embedded:{each}'" for each in names()[:2])
        raise RequestError(
            "model",
            f"'embedded:{name}' is unknown; {suggestion}there are {len(names())}, such as "
            f"{examples}",
        )
    return _read(name)


@cache
def _read(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((CARDS / f"{name}.json").read_text(encoding="utf-8"))
    return values


@cache
def counterpart(name: str) -> str | None:
    """The network that differs in adversarial training alone; None where there is none.

    RequestError as `card`.
    """
    own = _training(card(name))
    for other in names():
        training = _training(_read(other))
        if training.pop("attacked") != own["attacked"] and training.items() <= own.items():
            return other
    return None


def _training(values: dict[str, Any]) -> dict[str, object]:
    """What two networks have to share, but for `attacked`, to be counterparts."""
    facts = ("dataset", "architecture", "objective", "augmentation", "group_weights", "rng_seed")
    recipe = values["recipe"]
    return {
        **{fact: recipe[fact] for fact in facts},
        "trained": recipe["steps"] > 0,
        "attacked": recipe["epsilon"] > 0,
    }


@cache
def entry(name: str) -> Entry:
    """What the card says; RequestError for a name that is not there."""
    values = card(name)
    return Entry(
        reference=f"embedded:{name}",
        title=values["title"],
        summary=values["summary"],
        family=values["family"],
        residual=values["residual"],
        objective=values["objective"],
        augmentation=values["augmentation"],
        data=values["data"],
        input_size=tuple(values["input_size"]),
        classes=tuple(values["classes"]),
        parameters=values["parameters"],
        licence=values["licence"],
        accuracy=values["accuracy"],
        group=values["recipe"]["dataset"],
        mean=tuple(values["mean"]),
        std=tuple(values["std"]),
        interpolation=values["interpolation"],
        crop_pct=values["crop_pct"],
        norm="l2" if values["epsilon"] else "",
        labels=values["labels"],
        epsilon=values["epsilon"],
        layers=tuple(
            (layer["name"], layer["kind"], tuple(layer["shape"]))
            for layer in values.get("layers", ())
        ),
    )


def load(reference: NetworkReference, progress: Progress) -> Network:
    """The network with its shipped weights, in float32."""
    from explorer.models.network import InputSpec, Network
    from explorer.zoo import cards

    card(reference.name)  # an unknown name is answered here, with the nearest one
    module, values = cards.load(reference.name)
    side = reference.size
    return Network(
        reference=reference.model,
        module=module,
        input=InputSpec(
            size=(side, side) if side else tuple(values["input_size"]),
            mean=tuple(values["mean"]),
            std=tuple(values["std"]),
            interpolation=values["interpolation"],
            crop_pct=values["crop_pct"],
        ),
        classifier="head",
        classes=tuple(values["classes"]),
        class_count=len(values["classes"]),
        family="embedded",
    )


SOURCE = Source(
    name="embedded",
    title="networks that ship with the app",
    help="small networks that ship with the app and work offline",
    example="embedded:imagenette-residual-adv1",
    entry=entry,
    load=load,
    names=names,
)
