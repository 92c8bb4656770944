"""Conversion between float images in [0, 1], 8-bit pictures and PNG files."""

import io

import numpy as np
from PIL import Image

from .errors import PictureError


def to_8bit(image: np.ndarray) -> np.ndarray:
    """Round a float 3×H×W image in [0, 1] to a uint8 H×W×3 picture.

    Each value goes to the nearest of the levels 0…255; one that lies exactly between two goes to
    the even one, as in numpy and torch. Values outside [0, 1] are clipped.

    Raises
    ------
    PictureError
        If the image is not 3×H×W or holds NaN or infinity.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[0] != 3:
        raise PictureError(f"an image is 3×H×W, not of shape {image.shape}.")
    if not np.isfinite(image).all():
        raise PictureError("an image holds only finite values; this one has NaN or infinity.")
    levels = np.rint(np.clip(image, 0, 1) * 255)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def from_8bit(picture: np.ndarray) -> np.ndarray:
    """A uint8 H×W×3 picture as float32 3×H×W, each value exactly level / 255.

    Raises
    ------
    PictureError
        If the picture is not uint8 H×W×3.
    """
    check_picture(picture)
    return np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def to_png(picture: np.ndarray) -> bytes:
    """A uint8 H×W×3 picture as a PNG file without metadata.

    The pixels are exact. One installation always writes the same bytes; another build of zlib may
    compress the same pixels differently.
    """
    check_picture(picture)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def from_png(data: bytes) -> np.ndarray:
    """The uint8 H×W×3 picture of a PNG file that this project wrote.

    For other files use `read_picture`, which does not trust them.

    Raises
    ------
    PictureError
        If it is not a PNG file that can be read.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:
        raise PictureError("this is not a PNG file that can be read.") from error


def check_picture(picture: np.ndarray) -> None:
    """Raise PictureError unless the array is a uint8 H×W×3 picture of at least one pixel."""
    if (
        not isinstance(picture, np.ndarray)
        or picture.dtype != np.uint8
        or picture.ndim != 3
        or picture.shape[2] != 3
        or picture.size == 0
    ):
        dtype = getattr(picture, "dtype", type(picture).__name__)
        shape = getattr(picture, "shape", ())
        raise PictureError(f"a picture is uint8 H×W×3, not {dtype} of shape {shape}.")
