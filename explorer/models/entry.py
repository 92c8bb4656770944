"""Catalogue entries: what a person should know of a network before choosing it. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from explorer.models.curated import Description
from explorer.models.pretrained import PretrainedEntry

GROUP_OF_OBJECTIVE = {
    "supervised": "supervised",
    "adversarial": "adversarial",
    "contrastive": "self-supervised",
    "self-distilled": "self-supervised",
    "masked": "self-supervised",
    "image-text": "image-text",
    "semi-supervised": "semi-supervised",
}


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of one network.

    group: of `explorer.models.catalogue.GROUPS`, for the picker; "" where it is not offered there.
        Robust networks stand with the standard ones that were trained alike.
    input_size, mean, std, interpolation, crop_pct, crop_mode: how pictures are brought to it.
    megabytes: of the download, about; 0 where nothing is downloaded.
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

    @property
    def searched_text(self) -> str:
        """What the words of a search are looked for in, in lower case."""
        return f"{self.reference} {self.title} {self.objective} {self.family}".lower()


def describe(
    pretrained: PretrainedEntry, description: Description | None, group: str | None = None
) -> Entry:
    """The entry of a pretrained network: its library's facts, and a description where one exists.

    group: None is that of the description's objective.
    """
    words = description or Description(pretrained.reference, pretrained.reference.partition(":")[2])
    return Entry(
        reference=pretrained.reference,
        title=words.title,
        summary=words.summary,
        family=words.family,
        residual=words.residual,
        objective=words.objective,
        augmentation=words.augmentation,
        data=words.data,
        input_size=pretrained.size,
        classes=(),
        parameters=pretrained.parameters,
        licence=pretrained.licence,
        accuracy={},
        group=GROUP_OF_OBJECTIVE.get(words.objective, "") if group is None else group,
        norm=words.norm if words.epsilon else "",
        epsilon=words.epsilon,
        mean=pretrained.mean,
        std=pretrained.std,
        interpolation=pretrained.interpolation,
        crop_pct=pretrained.crop_pct,
        crop_mode=pretrained.crop_mode,
        megabytes=pretrained.megabytes,
        paper=words.paper,
    )
