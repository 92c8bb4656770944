"""Fit a picture to a network's input as the network was evaluated: resize, then crop or pad."""

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
CROP_MODES = ("center", "squash", "border")


def fit(
    picture: np.ndarray,
    input_size: tuple[int, int],
    crop_pct: float = 1.0,
    interpolation: str = "bilinear",
    crop_mode: str = "center",
    border: tuple[float, ...] = (0.5, 0.5, 0.5),
) -> np.ndarray:
    """Resize with antialiasing and centre-crop a picture to a network's input.

    With `center` the shorter side becomes floor(size / crop_pct), the longer in proportion (rounded
    down), as timm and torchvision do at evaluation; with `squash` both sides do, whatever the
    aspect ratio; with `border` the longer side does, and the rest is filled. Resampling works on
    8-bit values, so that every value is exactly k / 255 and a PNG of it is the target itself. The
    network's mean and standard deviation are not applied here.

    Parameters
    ----------
    picture : uint8 H×W×3
    input_size : (height, width) in px
    crop_pct : fraction of the resized picture's side that the crop keeps, in (0, 1]
    interpolation : "bilinear", "bicubic" or "lanczos"
    crop_mode : one of CROP_MODES
    border : red, green and blue in [0, 1] of the area that `border` fills

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
    if crop_mode not in CROP_MODES:
        raise unknown_name("crop_mode", crop_mode, CROP_MODES)
    box = (math.floor(height / crop_pct), math.floor(width / crop_pct))
    rows, columns = {
        "center": lambda: _covering_size(picture.shape[:2], box),
        "squash": lambda: box,
        "border": lambda: _contained_size(picture.shape[:2], box),
    }[crop_mode]()
    image = Image.fromarray(picture).resize((columns, rows), _INTERPOLATIONS[interpolation])
    resized = np.asarray(image)
    if rows < height or columns < width:
        resized = _padded(resized, (max(rows, height), max(columns, width)), border)
        rows, columns = resized.shape[:2]
    top = round((rows - height) / 2)
    left = round((columns - width) / 2)
    return from_8bit(resized[top : top + height, left : left + width])


def check_input_size(input_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a network's input, or PictureError if they are not 1…4096 px."""
    height, width = input_size
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise PictureError(f"a network's input is 1 to 4096 px a side, not {height}×{width}.")
    return int(height), int(width)


def _covering_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The smallest (rows, columns) with the aspect ratio of size that covers the box."""
    rows, columns = size
    if rows * box[1] >= columns * box[0]:
        return max(box[0], int(box[1] * rows / columns)), box[1]
    return box[0], max(box[1], int(box[0] * columns / rows))


def _contained_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest (rows, columns) with the aspect ratio of size that fits in the box."""
    rows, columns = size
    if rows * box[1] >= columns * box[0]:
        return box[0], max(1, round(box[0] * columns / rows))
    return max(1, round(box[1] * rows / columns)), box[1]


def _padded(picture: np.ndarray, size: tuple[int, int], border: tuple[float, ...]) -> np.ndarray:
    """The picture in the middle of a larger one of one colour."""
    canvas = np.empty((*size, 3), np.uint8)
    canvas[:] = [round(255 * value) for value in border]
    top, left = (size[0] - picture.shape[0]) // 2, (size[1] - picture.shape[1]) // 2
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas
