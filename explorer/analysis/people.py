"""What people recognised in model metamers, layer by layer: published facts, without torch.

Feather, Leclerc, Mądry & McDermott (Nature Neuroscience 2023); the table is `feather2023.csv`,
which of their networks are networks here says `feather2023.toml`. Both are stored next to this
file.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from explorer.models import pretrained
from explorer.network_reference import NetworkReference

FACTS = Path(__file__).with_name("feather2023.csv")
NETWORKS = Path(__file__).with_name("feather2023.toml")

CHANCE = 1 / 16
INPUT_PX = 224
PHOTOGRAPH = "photograph"
"""The table's name for the photographs that the metamers were made of."""

CITATION = (
    "Feather, Leclerc, Mądry & McDermott, “Model metamers reveal divergent invariances between "
    "biological and artificial neural networks”, Nature Neuroscience 26, 2017–2034 (2023)"
)
SOURCE = "https://github.com/jenellefeather/model_metamers_pytorch"
LICENCE = "MIT"

MEASURED = (
    "People saw metamers that the authors had made of 400 ImageNet photographs, each for 300 ms, "
    "and chose one of 16 categories. The metamers started from noise N(0.5, 0.05) and took 24,000 "
    "normalised gradient steps, with a straight-through gradient at the ReLU of the matched layer; "
    "they are not the IRIs shown here."
)
"""What was measured, in sentences."""


@dataclass(frozen=True)
class Recognised:
    """The mean share of right answers of people, its standard error over them, and the network's.

    All in [0, 1]. network: the share of the network's own answers that are right, for the same
    images.
    """

    mean: float
    standard_error: float
    network: float


@dataclass(frozen=True)
class Experiment:
    """One experiment of theirs with one network.

    number: of the visual experiment in the paper. participants: how many people. photographs: the
    photographs themselves. layers: the metamers, by the network's layer under its first name here,
    in order of execution.
    """

    number: int
    participants: int
    photographs: Recognised
    layers: Mapping[str, Recognised]


@dataclass(frozen=True)
class RecognitionCurve:
    """What people recognised in the metamers of a network that is offered here.

    title, name: the network's, ours and theirs. ground: how it is known that the weights are the
    same. difference: what is not the same all the same, or "". names: by layer, every name that the
    same numbers have here; theirs: by layer, their name of it.
    """

    reference: str
    title: str
    name: str
    ground: str
    difference: str
    names: Mapping[str, tuple[str, ...]]
    theirs: Mapping[str, str]
    experiments: tuple[Experiment, ...]
    chance: float = CHANCE

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of which metamers were shown, in order of execution."""
        return tuple(self.names)

    def layer_of(self, name: str) -> str | None:
        """The layer of `layers` that has this name here; None where no metamer was made for it."""
        return next((layer for layer, names in self.names.items() if name in names), None)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `iri people --json`."""
        return {
            "reference": self.reference,
            "network": self.name,
            "ground": self.ground,
            "difference": self.difference,
            "chance": self.chance,
            "experiments": [
                {
                    "experiment": each.number,
                    "participants": each.participants,
                    "photographs": asdict(each.photographs),
                    "layers": [
                        {
                            "layer": layer,
                            "also": list(self.names[layer][1:]),
                            "theirs": self.theirs[layer],
                            **asdict(recognised),
                        }
                        for layer, recognised in each.layers.items()
                    ],
                }
                for each in self.experiments
            ],
            "measured": MEASURED,
            "source": f"{CITATION}; {SOURCE} ({LICENCE})",
        }


@dataclass(frozen=True)
class Tested:
    """A network of theirs: the ones here with its weights, or why there is none.

    references: with the same weights, none where no network here has them. near: one that is easily
    taken for it and has other weights, or "". ground: how that is known.
    """

    name: str
    title: str
    references: tuple[str, ...]
    near: str
    ground: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `iri people --json`."""
        return {**asdict(self), "references": list(self.references)}


def recognition_of(network: NetworkReference | str) -> RecognitionCurve | None:
    """What people recognised in the metamers of a network, or None where none has its weights.

    network: a reference; one that leaves its weights to the library's default is completed. None,
    too, at another input resolution or with another mean or deviation than the network's own.
    """
    wanted = NetworkReference(network) if isinstance(network, str) else network
    if wanted.size not in (None, INPUT_PX) or wanted.mean is not None or wanted.std is not None:
        return None
    return _curves().get(pretrained.full_reference(wanted.model))


def published_networks() -> tuple[Tested, ...]:
    """Every network whose metamers were shown to people, in the order of the file."""
    return tuple(
        Tested(
            row["name"],
            row["title"],
            tuple(name for same in row.get("same", ()) for name in same["references"]),
            row.get("near", ""),
            row["ground"],
        )
        for row in _networks()
    )


@cache
def _networks() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads(NETWORKS.read_text(encoding="utf-8"))["network"]
    return rows


@cache
def _curves() -> dict[str, RecognitionCurve]:
    """The curves by reference."""
    facts = _facts()
    return {
        reference: RecognitionCurve(
            reference=reference,
            title=row["title"],
            name=row["name"],
            ground=row["ground"],
            difference=same.get("difference", ""),
            names={names[0]: tuple(names) for names in same["layers"].values()},
            theirs={names[0]: theirs for theirs, names in same["layers"].items()},
            experiments=tuple(_experiments(facts[row["name"]], same["layers"])),
        )
        for row in _networks()
        for same in row.get("same", ())
        for reference in same["references"]
    }


def _experiments(
    facts: Mapping[int, Mapping[str, dict[str, str]]], names: Mapping[str, list[str]]
) -> list[Experiment]:
    return [
        Experiment(
            number,
            int(rows[PHOTOGRAPH]["participants"]),
            _recognised(rows[PHOTOGRAPH]),
            {ours[0]: _recognised(rows[theirs]) for theirs, ours in names.items()},
        )
        for number, rows in sorted(facts.items())
    ]


def _recognised(row: Mapping[str, str]) -> Recognised:
    return Recognised(
        float(row["recognition"]), float(row["standard_error"]), float(row["network_recognition"])
    )


def _facts() -> dict[str, dict[int, dict[str, dict[str, str]]]]:
    """The rows of the table by network, experiment and layer."""
    found: dict[str, dict[int, dict[str, dict[str, str]]]] = {}
    with FACTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            experiments = found.setdefault(row["network"], {})
            experiments.setdefault(int(row["experiment"]), {})[row["layer"]] = row
    return found
