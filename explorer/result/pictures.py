"""Whether a result's pictures are what they should be, before anybody decodes or shows them."""

from __future__ import annotations

import struct

import numpy as np

from explorer.images.encoding import from_png, to_8bit
from explorer.images.errors import PictureError
from explorer.result import Result, ResultError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def check_pictures(result: Result, with_frames: bool = False) -> None:
    """ResultError for the first picture that is no PNG file of the IRI's size.

    The size is read from the header first, so that nothing enormous is unpacked. with_frames: the
    key frames are looked at, too.
    """
    pictures = result.pictures()
    if with_frames:
        pictures |= {f"frames/{step:05d}.png": png for step, png in result.frames}
    for name, png in pictures.items():
        check_png(name, png, result.iri.shape[2], result.iri.shape[1])


def check_png(name: str, png: bytes, width: int, height: int) -> np.ndarray:
    """The pixels of a PNG file of this size, uint8 H×W×3; ResultError names it where it is none."""
    try:
        if png[:8] != PNG_SIGNATURE or png[12:16] != b"IHDR" or len(png) < 24:
            raise PictureError("there is no header")
        size = struct.unpack(">II", png[16:24])
        if size == (width, height):
            return from_png(png)
    except PictureError as error:
        raise ResultError(f"its {name} is damaged: it is no PNG file") from error
    raise ResultError(f"its {name} is {size[0]}×{size[1]} px, but the IRI is {width}×{height} px")


def check_rounded(result: Result) -> None:
    """ResultError where the picture of the IRI is not the IRI itself, rounded to 8 bits."""
    _, height, width = result.iri.shape
    shown = check_png("iri.png", result.iri_png, width, height)
    if not np.array_equal(shown, to_8bit(result.iri)):
        raise ResultError("its iri.png does not show the image in its iri.npy")
