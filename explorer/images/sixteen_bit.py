"""Pictures of 16 bits per channel as 8-bit ones: which value is white, and what is transparent.

Cameras and microscopes store 10, 12 or 14 bits in files of 16, some scaled to the full range, most
not. What is white is taken from the file, never guessed from the picture:

- a TIFF of 9 to 15 bits per sample: the largest value of so many bits;
- a TIFF whose MaxSampleValue or SMaxSampleValue needs b bits: the largest value of b bits, unless a
  value of the picture needs more;
- a PNG whose sBIT is b: 65535, as PNG (third edition, 11.3.2.7) has samples scaled to the full
  range. But where all values fit into b bits, and are not what that scaling makes of b-bit ones,
  the writer did not scale, and the largest value of b bits is white;
- a file that says nothing: 65535. Where then no value is above a quarter of the range, as in
  unscaled data of 14 bits or less, the picture would come out dark or black, and nobody could tell
  whether it is: it is refused with a sentence that says so.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image

from .errors import PictureError
from .file_header import is_white_zero, significant_bits, stored_bits

_FULL = 65535
_QUARTER = _FULL // 4  # the largest value of 14 bits
_ROWS = 256  # converted at a time, so that little memory is needed
_ADVICE = (
    "as in unscaled data of 10, 12 or 14 bits, and the file does not say which of them is white; "
    "scale them to the full range, or save it as 8-bit RGB or grey."
)


def grey_to_8bit(image: Image.Image, data: bytes) -> Image.Image:
    """A grey picture of 16-bit values, as opened from `data`, in mode L, or RGBA if transparent.

    It keeps the metadata, of which the rotation is still to be applied.
    Every value becomes round(255 · value / white), 255 minus that in a TIFF with 0 for white. The
    grey value that a PNG's tRNS names is transparent. Raises PictureError where the file does not
    say what is white and no value is above a quarter of the range.
    """
    values = np.asarray(image)
    white = _white(values, image, data)
    levels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        band = np.minimum(values[top : top + _ROWS].astype(np.uint32), white)
        levels[top : top + _ROWS] = (band * 255 + white // 2) // white
    if is_white_zero(image, data):
        np.subtract(255, levels, out=levels)
    grey = Image.fromarray(levels)
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):
        opaque = np.where(values == hidden, np.uint8(0), np.uint8(255))
        grey = grey.convert("RGBA")
        grey.putalpha(Image.fromarray(opaque))
    grey.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return grey


def check_colours(image: Image.Image, data: bytes) -> None:
    """PictureError for 16-bit RGB that is wrong in the upper 8 bits, which Pillow keeps of it.

    So are values that nowhere exceed a quarter of the range, unless the file says that more than 14
    bits are used; and a transparent colour, which the upper 8 bits do not tell from others.
    """
    if image.mode == "CMYK" or stored_bits(image, data) <= 8:
        return
    if "transparency" in image.info:
        raise PictureError(
            "the picture has 16 bits per channel and names one colour as transparent, which cannot "
            "be read; save it as 8-bit RGB, or with an alpha channel."
        )
    extrema = cast(tuple[tuple[int, int], ...], image.getextrema())  # of several channels
    colours = zip(image.getbands(), extrema, strict=True)
    brightest = max(high for name, (_, high) in colours if name != "A")
    if 256 * brightest + 255 <= _QUARTER and (significant_bits(image, data) or 0) <= 14:
        raise PictureError(
            f"none of the picture's 16-bit values is above {_QUARTER}, a quarter of their range, "
            f"{_ADVICE}"
        )


def _white(values: np.ndarray, image: Image.Image, data: bytes) -> int:
    """The value that is white, by the rules above."""
    largest = int(values.max())
    stored, used = stored_bits(image, data), significant_bits(image, data)
    if stored < 16:
        return 2**stored - 1
    if used is not None:
        white = 2 ** min(used, 16) - 1
        scaled = image.format == "PNG" and _is_scaled(values, used)
        return _FULL if largest > white or scaled else white
    if 0 < largest <= _QUARTER:
        raise PictureError(
            f"the picture's 16-bit values reach only {largest} of {_FULL}, {_ADVICE}"
        )
    return _FULL


def _is_scaled(values: np.ndarray, bits: int) -> bool:
    """Whether all values are what scaling so many bits to 16 makes, by shifting or by rounding."""
    if bits >= 16:
        return True
    for top in range(0, len(values), _ROWS):
        band = values[top : top + _ROWS].astype(np.uint32)
        sample = band >> (16 - bits)
        largest = 2**bits - 1
        shifted, rounded = sample << (16 - bits), (2 * sample * _FULL + largest) // (2 * largest)
        if not ((band == shifted) | (band == rounded)).all():
            return False
    return True
