"""How a result was made: the network as it was loaded, the search's curves, device and versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.models.origins import is_assumed
from explorer.result.checks import amount, count, part


@dataclass(frozen=True)
class NetworkUsed:
    """A network as it was loaded: how pictures were brought to it, and where each setting is from.

    reference: what it was loaded by. size: (height, width) px. mean, std: per channel, on images in
    [0, 1]. class_count: 0 where it names no classes. origins: by setting (`weights`, `size`,
    `mean`, `std`, `interpolation`, `crop_pct`, `classes`), where it was taken from, such as `the
    checkpoint (normalize.mean)`, `--mean` or `the architecture timm:resnet18`. notes: sentences on
    what was left out or assumed while loading.
    """

    reference: str
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_pct: float
    crop_mode: str
    class_count: int
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "reference": self.reference,
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "crop_pct": self.crop_pct,
            "crop_mode": self.crop_mode,
            "class_count": self.class_count,
            "origins": dict(self.origins),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> NetworkUsed:
        """The record in what `to_dict` wrote."""
        height, width = plain["size"]
        return cls(
            reference=plain["reference"],
            size=(height, width),
            mean=tuple(plain["mean"]),
            std=tuple(plain["std"]),
            interpolation=plain["interpolation"],
            crop_pct=plain["crop_pct"],
            crop_mode=plain["crop_mode"],
            class_count=plain.get("class_count", 0),
            origins=dict(plain.get("origins", {})),
            notes=tuple(plain.get("notes", ())),
        )

    @property
    def channels(self) -> int:
        """1 for a grey network, else 3."""
        return len(self.mean)

    @property
    def assumed(self) -> tuple[str, ...]:
        """The settings that nothing states and that were taken from the architecture instead."""
        return tuple(name for name, origin in self.origins.items() if is_assumed(origin))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know of it, a sentence each: weights, settings by origin, notes.

        Plain text: names from a checkpoint stand in it, so it is never to be read as Markdown.
        """
        values = {
            "mean": f"mean {_listed(self.mean)}",
            "std": f"standard deviation {_listed(self.std)}",
            "size": f"size {'×'.join(map(str, self.size))} px",
            "interpolation": f"{self.interpolation} interpolation",
            "crop_pct": f"crop to {100 * self.crop_pct:g} %",
        }
        by_origin: dict[str, list[str]] = {}
        for name, value in values.items():
            by_origin.setdefault(self.origins.get(name, ""), []).append(value)
        of_classes = self.origins.get("classes", "")
        if of_classes:
            by_origin.setdefault(of_classes, []).append("class names")
        weights = self.origins.get("weights")
        return (
            *([f"Weights from {weights}"] if weights else []),
            *(_sentence(", ".join(settings), origin) for origin, settings in by_origin.items()),
            *(note[:1].upper() + note[1:] for note in self.notes),
        )


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _sentence(settings: str, origin: str) -> str:
    sentence = settings[:1].upper() + settings[1:]
    if is_assumed(origin):
        return f"{sentence}, {origin}"
    return f"{sentence}, from {origin}" if origin else sentence


@dataclass(frozen=True)
class Curves:
    """The loss and the relative ℓ₂ distance at the layer after each step, from step 0 on.

    Of a result that goes on from another, over the whole way from the first seed.
    """

    step: tuple[int, ...]
    loss: tuple[float, ...]
    relative_l2: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "step": list(self.step),
            "loss": list(self.loss),
            "relative_l2": list(self.relative_l2),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Curves:
        """The record in what `to_dict` wrote."""
        return cls(tuple(plain["step"]), tuple(plain["loss"]), tuple(plain["relative_l2"]))


@dataclass(frozen=True)
class OptimiserUsed:
    """The optimiser that ran, by name and in words; `auto` is never one."""

    name: str
    help: str


@dataclass(frozen=True)
class Provenance:
    """How a result was made.

    steps: how many this run took, at most the request's; best_step: after which the IRI was nearest
    its target, counted like curves and frames from the first seed on. stopped:
    `goal`, `plateau` (no nearer any more) or `budget`. weights: of the loss's terms. device: its
    name. versions: of Python and libraries. batch: how many IRIs were made at once. seconds: of
    everything, seconds_making: of the search, seconds_measuring: of what came after it.
    steps_before, seconds_before, keys_before: of the results that it goes on from: their steps and
    seconds in sum, and their keys, the first one first; 0 and none where it started from its seed.
    extra: fields that another version wrote.
    """

    steps: int
    best_step: int
    stopped: str
    weights: Mapping[str, float]
    optimiser: OptimiserUsed
    device: str
    versions: Mapping[str, str]
    batch: int
    seconds_making: float
    seconds_measuring: float
    seconds: float
    steps_before: int = 0
    seconds_before: float = 0.0
    keys_before: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "steps": self.steps,
            "best_step": self.best_step,
            "stopped": self.stopped,
            "weights": dict(self.weights),
            "optimiser": {"name": self.optimiser.name, "help": self.optimiser.help},
            "device": self.device,
            "versions": dict(self.versions),
            "batch": self.batch,
            "seconds_making": self.seconds_making,
            "seconds_measuring": self.seconds_measuring,
            "seconds": self.seconds,
            **(self._before() if self.keys_before else {}),
            **self.extra,
        }

    def _before(self) -> dict[str, Any]:
        return {
            "steps_before": self.steps_before,
            "seconds_before": self.seconds_before,
            "keys_before": list(self.keys_before),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Provenance:
        """The record in what `to_dict` wrote, in this or another version.

        Raises ResultError where a number cannot be right.
        """
        rest = dict(plain)
        optimiser = part("optimiser", dict, rest.pop("optimiser", {}))
        return cls(
            steps=count("steps", rest.pop("steps", 0)),
            best_step=count("best_step", rest.pop("best_step", 0)),
            stopped=rest.pop("stopped", "unknown"),
            weights=rest.pop("weights", {}),
            optimiser=OptimiserUsed(optimiser.get("name", "unknown"), optimiser.get("help", "")),
            device=rest.pop("device", "unknown"),
            versions=rest.pop("versions", {}),
            batch=count("batch", rest.pop("batch", 1)),
            seconds_making=amount("seconds_making", rest.pop("seconds_making", 0.0)),
            seconds_measuring=amount("seconds_measuring", rest.pop("seconds_measuring", 0.0)),
            seconds=amount("seconds", rest.pop("seconds", 0.0)),
            steps_before=count("steps_before", rest.pop("steps_before", 0)),
            seconds_before=amount("seconds_before", rest.pop("seconds_before", 0.0)),
            keys_before=part("keys_before", tuple, rest.pop("keys_before", ())),
            extra=rest,
        )
