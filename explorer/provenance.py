"""How a result was made: the network as it was loaded, the search's curves, device and versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    def sentences(self) -> tuple[str, ...]:
        """What a person should know of it, in sentences: the settings, their origins, the notes."""
        values = {
            "size": "×".join(map(str, self.size)) + " px",
            "mean": ", ".join(f"{value:g}" for value in self.mean),
            "std": ", ".join(f"{value:g}" for value in self.std),
            "interpolation": self.interpolation,
            "crop_pct": f"{self.crop_pct:g}",
        }
        by_origin: dict[str, list[str]] = {}
        for name, value in values.items():
            by_origin.setdefault(self.origins.get(name, ""), []).append(f"{name} {value}")
        weights = self.origins.get("weights")
        classes = self.origins.get("classes")
        return (
            *([f"Weights from {weights}"] if weights else []),
            *(
                f"Input: {'; '.join(settings)}" + (f" (from {origin})" if origin else "")
                for origin, settings in by_origin.items()
            ),
            *([f"Class names from {classes}"] if classes else []),
            *self.notes,
        )


@dataclass(frozen=True)
class Curves:
    """The loss and the relative ℓ₂ distance at the layer after each step, from step 0 on."""

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

    steps: how many were taken; best_step: after which the IRI was nearest its target. stopped:
    `goal`, `plateau` (no nearer any more) or `budget`. weights: of the loss's terms. device: its
    name. versions: of Python and libraries. batch: how many IRIs were made at once. seconds: of
    everything, seconds_making: of the search, seconds_measuring: of what came after it.
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
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Provenance:
        """The record in what `to_dict` wrote, in this or another version."""
        rest = dict(plain)
        optimiser = rest.pop("optimiser", {})
        return cls(
            steps=rest.pop("steps", 0),
            best_step=rest.pop("best_step", 0),
            stopped=rest.pop("stopped", "unknown"),
            weights=rest.pop("weights", {}),
            optimiser=OptimiserUsed(optimiser.get("name", "unknown"), optimiser.get("help", "")),
            device=rest.pop("device", "unknown"),
            versions=rest.pop("versions", {}),
            batch=rest.pop("batch", 1),
            seconds_making=rest.pop("seconds_making", 0.0),
            seconds_measuring=rest.pop("seconds_measuring", 0.0),
            seconds=rest.pop("seconds", 0.0),
            extra=rest,
        )
