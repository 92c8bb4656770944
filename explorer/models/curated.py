"""The curated list: descriptions of about 45 pretrained networks, from `curated.toml`. No torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("curated.toml")


@dataclass(frozen=True, slots=True)
class Description:
    """What the list says of a network; its size, input and licence are its library's to say.

    norm, epsilon: of the attacks during training, ε on images in [0, 1].
    """

    reference: str
    title: str
    summary: str = ""
    family: str = ""
    residual: bool = False
    objective: str = ""
    augmentation: str = ""
    data: str = ""
    norm: str = ""
    epsilon: float = 0.0
    paper: str = ""


@cache
def descriptions() -> dict[str, Description]:
    """Every description by its reference, in the order of the file."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))["network"]
    return {row["reference"]: Description(**row) for row in rows}
