"""Fit a picture to a network's input as the network was evaluated: resize, then centre crop."""

import math

import numpy as np
from PIL import Image

from .encoding import check_picture, from_8bit
from .errors import PictureError, unknown_name

_INTERPOLATIONS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def fit(
    picture: np.ndarray,
    input_size: tuple[int, int],
    crop_pct: float = 1.0,
    interpolation: str = "bilinear",
) -> np.ndarray:
    """Resize with antialiasing and centre-crop a picture to a network's input.

    The shorter side goes to floor(size / crop_pct), the longer in proportion (rounded down), as
    timm and torchvision do at evaluation. Resampling works on 8-bit values, so the result lies
    exactly on the levels k / 255 and a PNG of it is the target itself. The network's mean and
    standard deviation are not applied here.

    Parameters
    ----------
    picture : uint8 H×W×3
    input_size : (height, width) in px
    crop_pct : share of the resized picture that the crop keeps, in (0, 1]
    interpolation : "bilinear", "bicubic" or "lanczos"

    Returns
    -------
    float32 3×height×width in [0, 1]

    Raises
    ------
    PictureError
        If an argument is out of its range; the message gives the range.
    """
    check_picture(picture)
    height, width = check_input_size(input_size)
    if not 0 < crop_pct <= 1:
        raise PictureError(f"crop_pct is above 0 and at most 1, not {crop_pct}.")
    if interpolation not in _INTERPOLATIONS:
        raise unknown_name("interpolation", interpolation, _INTERPOLATIONS)
    rows, columns = _covering_size(
        picture.shape[:2], (math.floor(height / crop_pct), math.floor(width / crop_pct))
    )
    top = round((rows - height) / 2)
    left = round((columns - width) / 2)
    image = Image.fromarray(picture).resize((columns, rows), _INTERPOLATIONS[interpolation])
    return from_8bit(np.asarray(image)[top : top + height, left : left + width])


def check_input_size(input_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a network's input, or PictureError if they are not 1…4096 px."""
    height, width = input_size
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise PictureError(f"a network's input is 1 to 4096 px a side, not {height}×{width}.")
    return int(height), int(width)


def _covering_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The smallest (rows, columns) in the proportion of size that covers the box."""
    rows, columns = size
    if rows * box[1] >= columns * box[0]:
        return max(box[0], int(box[1] * rows / columns)), box[1]
    return box[0], max(box[1], int(box[0] * columns / rows))
