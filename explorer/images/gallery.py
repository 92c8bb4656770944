"""The gallery: bundled photographs, all in the public domain or CC0, and their credits."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import unknown_name
from .reading import pixel_digest

_FOLDER = Path(__file__).parent / "gallery"


@dataclass(frozen=True)
class Picture:
    """One photograph of the gallery and what a visitor should know about it."""

    name: str
    file: str
    title: str
    alt: str  # what the picture shows, for a reader who does not see it
    kind: str  # of subject: person, animal, texture, …
    credit: str
    licence: str
    source: str  # web address of the original
    taken_from: str  # the package whose copy was used
    changes: str


@functools.cache
def _pictures() -> dict[str, Picture]:
    rows = json.loads((_FOLDER / "credits.json").read_text(encoding="utf-8"))
    return {row["name"]: Picture(**row) for row in rows}


def names() -> tuple[str, ...]:
    """The names of the gallery's pictures, in the order in which they are shown."""
    return tuple(_pictures())


def describe(name: str) -> Picture:
    """Title, alternative text, credit and licence of a picture.

    Raises
    ------
    PictureError
        If the gallery has no such picture; the message lists the nearest names.
    """
    try:
        return _pictures()[name]
    except (KeyError, TypeError):
        raise unknown_name("gallery picture", name, names()) from None


def load(name: str) -> np.ndarray:
    """The picture as uint8 H×W×3 RGB, between 300 and 512 px a side.

    Raises
    ------
    PictureError
        If the gallery has no such picture; the message lists the nearest names.
    """
    with Image.open(_FOLDER / describe(name).file) as image:
        return np.array(image.convert("RGB"))


@functools.cache
def digest(name: str) -> str:
    """`explorer.images.digest` of the picture's file, by which a copy of it is told.

    Raises PictureError as `load` does.
    """
    return pixel_digest(load(name))
