"""The catalogue: which networks exist, as data, without importing torch.

An Entry says what a person should know before choosing a network. Embedded entries are read from
the model cards that ship beside the weights, the curated shelf from `shelf.toml`, and what
torchvision and timm say of their own networks from `pretrained.tsv`.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from explorer.models import models_toml, pretrained, robust, self_supervised
from explorer.request import NetworkReference, RequestError

CARDS = Path(__file__).resolve().parent.parent / "zoo" / "weights"

SHELF = Path(__file__).with_name("curated.toml")

SOURCES = {
    "embedded": "small networks of our own that ship with the app and work offline",
    "timm": "any pretrained name that timm knows, downloaded on first use",
    "torchvision": "torchvision's classification networks, downloaded on first use",
    "robust": "Salman et al.'s adversarially trained ImageNet networks, downloaded on first use",
    "hub": "self-supervised ResNet-50s as their authors publish them, downloaded on first use",
    "own": "checkpoints that the operator of this app published (models.toml)",
    "file": "a checkpoint of your own, with the architecture that it fits (command line only)",
}
GROUPS = {
    "small": "Small, in the app",
    "supervised": "Supervised",
    "adversarial": "Robust and their twins",
    "self-supervised": "Self-supervised",
    "image-text": "Image and text",
    "semi-supervised": "Semi-supervised",
    "own": "Published here",
}
"""How the picker groups networks, in its order."""

_GROUP_OF = {
    "supervised": "supervised",
    "adversarial": "adversarial",
    "contrastive": "self-supervised",
    "self-distilled": "self-supervised",
    "masked": "self-supervised",
    "image-text": "image-text",
    "semi-supervised": "semi-supervised",
}
FIRST = ("residual-multi-adv2", "residual-multi-standard")  # of the embedded ones, in the picker
_TORCHVISION_NAME = re.compile(r"[a-z0-9_]+(/[A-Z0-9_]+)?")
_TIMM_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)?")


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of one network.

    group: of GROUPS, for the picker; "" off the shelf. Robust networks stand with their twins.
    input_size, mean, std, interpolation, crop_pct, crop_mode: how it sees pictures.
    megabytes: of the download, about; 0 for what ships with the app or is one's own.
    norm: `l2` or `linf`, in which the attacks during training were measured.
    labels: what it was taught: "object", "multi" (every factor) or "none".
    epsilon: radius of the attacks during training, on images in [0, 1].
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
    group: str = "supervised"
    labels: str = ""
    norm: str = ""
    epsilon: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: str = ""
    crop_pct: float = 1.0
    crop_mode: str = "center"
    megabytes: int = 0
    paper: str = ""
    layers: tuple[tuple[str, str, tuple[int, ...]], ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer models --json`; without the layers."""
        values = asdict(self) | {"source": self.reference.partition(":")[0]}
        del values["layers"]
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
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
        some = " and ".join(f"'embedded:{known}'" for known in names[:2])
        raise RequestError(
            "model",
            f"'embedded:{name}' is unknown; {meant}there are {len(names)}, such as {some}",
        )
    return json.loads((CARDS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def embedded_names() -> tuple[str, ...]:
    """The embedded networks' names, the most instructive pair first."""
    there = sorted(path.stem for path in CARDS.glob("*.json"))
    first = [name for name in FIRST if name in there]
    return (*first, *(name for name in there if name not in FIRST))


def entry(reference: str) -> Entry | None:
    """What is known of a network before loading it; None where that is nothing.

    Raises RequestError for a source or a name that does not exist.
    """
    source, name = split_reference(reference)
    return (
        _published(models_toml.named(name)) if source == "own" else _entry(reference, source, name)
    )


def find(reference: str) -> Entry | None:
    """As `entry`, but None for a name that does not exist (any more), too."""
    try:
        return entry(reference)
    except RequestError:
        return None


@cache
def _entry(reference: str, source: str, name: str) -> Entry | None:
    if source == "embedded":
        return _embedded(card(name))
    if source == "robust":
        robust.parts(name)
    if source == "hub":
        self_supervised.named(name)
    if source == "timm" and not _TIMM_NAME.fullmatch(name):
        raise RequestError("model", f"{name!r} is no timm name; one is 'timm:resnet50.a1_in1k'")
    if source == "torchvision" and not _TORCHVISION_NAME.fullmatch(name):
        raise RequestError(
            "model", f"{name!r} is no torchvision name; one is 'torchvision:resnet50/IMAGENET1K_V1'"
        )
    return _described(pretrained.full(reference))


def entries() -> tuple[Entry, ...]:
    """Every embedded network, in the order of the picker."""
    found = (entry(f"embedded:{name}") for name in embedded_names())
    return tuple(one for one in found if one is not None)


def shelf() -> tuple[Entry, ...]:
    """The curated networks that are downloaded on first use, in the order of the picker."""
    found = [one for one in map(_described, _shelf()) if one is not None]
    order = list(GROUPS)
    return tuple(sorted(found, key=lambda one: order.index(one.group)))


def listed(source: str | None = None, words: str = "") -> tuple[Entry, ...]:
    """Every network of a source, or (None) those of the picker; those with all these words in
    reference, title or objective.
    """
    names = {
        "robust": lambda: [f"robust:{name}" for name in robust.names()],
        "hub": lambda: [f"hub:{name}" for name in self_supervised.NETWORKS],
        "timm": lambda: pretrained.references("timm"),
        "torchvision": lambda: pretrained.references("torchvision"),
    }
    if source in names:
        found = [one for one in map(entry, names[source]()) if one is not None]
    elif source is None:
        found = [*entries(), *published(), *shelf()]
    else:
        found = list(entries() if source == "embedded" else published())
    wanted = words.lower().split()
    return tuple(one for one in found if all(word in _text(one) for word in wanted))


def _text(one: Entry) -> str:
    return f"{one.reference} {one.title} {one.objective} {one.family}".lower()


def published() -> tuple[Entry, ...]:
    """The networks of the operator's models.toml; RequestError says what is wrong with it."""
    return tuple(_published(one) for one in models_toml.networks().values())


def architecture_of(reference: str) -> str:
    """What networks that differ in their weights only have in common."""
    source, name = split_reference(reference)
    if source == "robust":
        return f"torchvision:{robust.ARCHITECTURES[robust.parts(name)[0]]}"
    if source == "hub":
        return "hub:resnet50"
    return f"{source}:{re.split('[./]', name)[0]}"


def parameters(reference: NetworkReference | str) -> int:
    """How many numbers a network is made of, or 0 where that is not known before loading it."""
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    if wanted.architecture is not None:
        return pretrained.parameters_of(wanted.architecture)
    found = entry(wanted.model)
    return 0 if found is None else found.parameters


def _published(one: models_toml.Own) -> Entry:
    like = pretrained.find(pretrained.full(one.architecture))
    size = like.size if like is not None else (224, 224)
    return Entry(
        reference=f"own:{one.name}",
        title=one.title,
        summary=one.summary,
        family=one.family,
        residual=one.residual,
        objective=one.objective,
        augmentation=one.augmentation,
        data=one.data,
        input_size=(one.input_size, one.input_size) if one.input_size else size,
        classes=one.classes,
        parameters=like.parameters if like is not None else 0,
        licence=one.licence,
        accuracy={},
        group="own",
        norm=one.norm,
        epsilon=one.epsilon,
        paper=one.paper,
    )


@cache
def _shelf() -> dict[str, dict]:
    rows = tomllib.loads(SHELF.read_text(encoding="utf-8"))["network"]
    return {row["reference"]: row for row in rows}


def _described(reference: str) -> Entry | None:
    """What shelf and table say of a network; None if neither knows it."""
    row = _shelf().get(reference, {})
    facts = _facts(reference)
    if facts is None:
        return None
    objective = row.get("objective", "")
    norm, epsilon = row.get("norm", ""), row.get("epsilon", 0.0)
    if reference.startswith("robust:") and not row:
        _, norm, epsilon = robust.parts(reference.removeprefix("robust:"))
        objective = "adversarial" if epsilon else "supervised"
        epsilon = epsilon / 255 if norm == "linf" else epsilon
    return Entry(
        reference=reference,
        title=row.get("title", reference.partition(":")[2]),
        summary=row.get("summary", ""),
        family=row.get("family", ""),
        residual=row.get("residual", False),
        objective=objective,
        augmentation=row.get("augmentation", ""),
        data=row.get("data", ""),
        input_size=facts.size,
        classes=(),
        parameters=facts.parameters,
        licence=facts.licence,
        accuracy={},
        group="adversarial" if reference.startswith("robust:") else _GROUP_OF.get(objective, ""),
        norm=norm if epsilon else "",
        epsilon=epsilon,
        mean=facts.mean,
        std=facts.std,
        interpolation=facts.interpolation,
        crop_pct=facts.crop_pct,
        crop_mode=facts.crop_mode,
        megabytes=facts.megabytes,
        paper=row.get("paper", ""),
    )


def _facts(reference: str) -> pretrained.Known | None:
    """How a network sees pictures and how big it is: of its own line, or its architecture's."""
    source, _, name = reference.partition(":")
    if source == "robust":
        architecture = robust.ARCHITECTURES[robust.parts(name)[0]]
        wide = architecture == "wide_resnet50_4"
        like = pretrained.find(
            f"torchvision:{'wide_resnet50_2' if wide else architecture}/IMAGENET1K_V1"
        )
        count = robust.WIDE_RESNET50_4_PARAMETERS if wide else like.parameters
        # Its checkpoints hold the optimiser's momentum beside the weights.
        return replace(
            like,
            reference=reference,
            parameters=count,
            megabytes=round(count * 8 / 1e6),
            licence="mit",
            place=robust.REPOSITORY,
        )
    if source == "hub":
        published = self_supervised.named(name)
        return replace(
            pretrained.find("torchvision:resnet50/IMAGENET1K_V1"),
            reference=reference,
            parameters=self_supervised.PARAMETERS,
            megabytes=published.megabytes,
            licence=published.licence,
            place=published.url,
        )
    return pretrained.find(reference)


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
        group="small",
        mean=tuple(card["mean"]),
        std=tuple(card["std"]),
        interpolation=card["interpolation"],
        crop_pct=card["crop_pct"],
        norm="l2" if card["epsilon"] else "",
        labels=card["labels"],
        epsilon=card["epsilon"],
        layers=tuple(
            (layer["name"], layer["kind"], tuple(layer["shape"]))
            for layer in card.get("layers", ())
        ),
    )
