"""Grey pictures for grey networks: the luma of ITU-R BT.601, as Pillow's mode `L`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .encoding import check_picture

if TYPE_CHECKING:
    from torch import Tensor

RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""The weights, which sum to 1. Source: ITU-R BT.601."""

Images = TypeVar("Images", NDArray[np.float32], "Tensor")


def luma(images: Images) -> Images:
    """0.299 R + 0.587 G + 0.114 B, …×1×H×W, of arrays or tensors …×3×H×W; differentiable.

    Written so that an image whose channels are equal gives these very numbers, bit for bit.
    """
    red, green, blue = (images[..., channel : channel + 1, :, :] for channel in range(3))
    return blue + RED * (red - blue) + GREEN * (green - blue)


def grey_picture(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A uint8 H×W×3 picture with its luma in all three channels, to the nearest of 256 levels.

    Exactly Pillow's conversion to `L`, by which data sets of grey pictures are usually read; a grey
    picture stays as it is. Raises PictureError for another shape or type.
    """
    check_picture(picture)
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
