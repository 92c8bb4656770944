"""The pretrained list: what torchvision and timm say of their networks, readable without either.

`pretrained.tsv` is stored next to this file, one network a line; `python -m
explorer.research.pretrained_table` writes it anew from the versions installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("pretrained.tsv")
COLUMNS = (
    "reference",
    "parameters",
    "megabytes",
    "size",
    "crop_pct",
    "crop_mode",
    "interpolation",
    "mean",
    "std",
    "licence",
    "location",
)
MOST_MATCHES = 50
_SEPARATORS = {"timm": ".", "torchvision": "/"}
"""Between an architecture and its weights in a name of each source."""


@dataclass(frozen=True, slots=True)
class PretrainedEntry:
    """One line: a network with pretrained weights and how pictures are brought to it.

    parameters, megabytes: how many numbers, and the download's size (10⁶ bytes), about.
    size: (height, width) px; crop_pct, crop_mode, interpolation: see `explorer.images.fitting`.
    location: of the weights: a Hugging Face repository or an address.
    """

    reference: str
    parameters: int
    megabytes: int
    size: tuple[int, int]
    crop_pct: float
    crop_mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    location: str

    def to_line(self) -> str:
        """The line of the table."""
        cells = []
        for column in COLUMNS:
            value = getattr(self, column)
            many = value if isinstance(value, tuple) else (value,)
            cells.append(" ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in many))
        return "\t".join(cells)

    @classmethod
    def from_line(cls, line: str) -> PretrainedEntry:
        """The network of a line of the table."""
        cells = line.split("\t")
        height, width = cells[3].split()
        return cls(
            cells[0],
            int(cells[1]),
            int(cells[2]),
            (int(height), int(width)),
            float(cells[4]),
            cells[5],
            cells[6],
            tuple(map(float, cells[7].split())),
            tuple(map(float, cells[8].split())),
            cells[9],
            cells[10],
        )


@cache
def _lines() -> dict[str, str]:
    text = TABLE.read_text(encoding="utf-8")
    return {line.partition("\t")[0]: line for line in text.splitlines()[1:]}


def references(source: str = "") -> tuple[str, ...]:
    """Every reference of a source (or of both); an architecture's default weights come first."""
    start = f"{source}:" if source else ""
    return tuple(reference for reference in _lines() if reference.startswith(start))


def names(source: str) -> tuple[str, ...]:
    """The names of a source's references, an architecture's default weights first."""
    return tuple(reference.partition(":")[2] for reference in references(source))


def find(reference: str) -> PretrainedEntry | None:
    """The network of a full reference, or None if this table has no such one."""
    line = _lines().get(reference)
    return None if line is None else PretrainedEntry.from_line(line)


def full_reference(reference: str) -> str:
    """The reference with its weights named, where it left them to the library's default.

    `timm:resnet18` → `timm:resnet18.a1_in1k`; what is not in the table stays as it is.
    """
    source, _, name = reference.partition(":")
    return f"{source}:{full_name(source, name)}" if source in _SEPARATORS else reference


def full_name(source: str, name: str) -> str:
    """The name of a source's network with its weights named, as `full_reference` names them."""
    reference = f"{source}:{name}"
    if reference in _lines():
        return name
    start = reference + _SEPARATORS[source]
    first = next((listed for listed in _lines() if listed.startswith(start)), reference)
    return first.partition(":")[2]


def parameters_of(architecture: str) -> int:
    """How many numbers an architecture (`timm:NAME`, `torchvision:NAME`) is made of; 0: unknown."""
    entry = find(full_reference(architecture))
    return 0 if entry is None else entry.parameters


def search(words: str, at_most: int = MOST_MATCHES) -> list[str]:
    """References in which every word occurs, those that begin with the first one first."""
    wanted = [word for word in re.split(r"[\s,]+", words.lower()) if word]
    if not wanted:
        return []
    matching = [
        reference for reference in _lines() if all(word in reference.lower() for word in wanted)
    ]
    matching.sort(key=lambda reference: not reference.partition(":")[2].startswith(wanted[0]))
    return matching[:at_most]
