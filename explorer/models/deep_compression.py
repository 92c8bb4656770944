"""Deep Compression's file format: pruned convolutions as indices into a codebook (Han et al. 2016).

Little-endian. First, for each convolution in the order of execution, how many weights are stored
(uint32 each). Then per convolution: its codebook (256 float32), its biases (float32), the stored
weights' codes (uint8), and the gaps between their positions (4 bits each, low half first). A gap
counts the weights in between; what is not stored has the codebook's first value.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights = dict[str, "NDArray[np.float32]"]
"""Arrays by their names in a state dict."""

CODEBOOK = 256
_Number = TypeVar("_Number", bound=np.generic)
_COUNT, _FLOAT = np.dtype("<u4"), np.dtype("<f4")


def decode(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """`NAME.weight` (out×in×height×width) and `NAME.bias` (out) of every convolution, float32.

    shapes: of the weights, by NAME in the order of execution. Raises ValueError for data that ends
    early, goes on, or places a weight outside its convolution.
    """
    reader = _Reader(data)
    counts = reader.take("the header", _COUNT, len(shapes))
    weights: Weights = {}
    for (name, shape), count in zip(shapes.items(), map(int, counts), strict=True):
        codebook = reader.take(name, _FLOAT, CODEBOOK)
        weights[f"{name}.bias"] = reader.take(name, _FLOAT, shape[0]).astype(np.float32)
        codes = reader.take(name, np.dtype(np.uint8), count)
        packed = reader.take(name, np.dtype(np.uint8), (count + 1) // 2)
        gaps = np.stack((packed & 15, packed >> 4), axis=1).ravel()[:count]
        positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
        if count and positions[-1] >= prod(shape):
            raise ValueError(
                f"{name} has {prod(shape):,} weights, but one is stored at position "
                f"{int(positions[-1]):,}; this is not the file of such a network"
            )
        flat = np.full(prod(shape), codebook[0], np.float32)
        flat[positions] = codebook[codes]
        weights[f"{name}.weight"] = flat.reshape(shape)
    if reader.left:
        raise ValueError(f"{reader.left:,} bytes follow the last convolution, where none should")
    return weights


def from_caffe(
    weights: Weights,
    first: str,
    pixel_mean: tuple[float, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Weights:
    """The weights for normalised RGB images, folded into the convolution `first` without padding.

    Caffe's images are BGR in [0, 255] minus `pixel_mean` (BGR); those here are RGB in [0, 1] minus
    `mean`, divided by `std`. The folding is exact, as far as float32 goes.
    """
    kernel = weights[f"{first}.weight"][:, ::-1].astype(np.float64)  # its inputs as RGB
    scale = 255 * np.asarray(std)
    shift = 255 * np.asarray(mean) - np.asarray(pixel_mean)[::-1]
    bias = weights[f"{first}.bias"] + np.einsum("oihw,i->o", kernel, shift)
    return weights | {
        f"{first}.weight": (kernel * scale[:, None, None]).astype(np.float32),
        f"{first}.bias": bias.astype(np.float32),
    }


class _Reader:
    """Arrays out of bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    @property
    def left(self) -> int:
        """How many bytes are not read yet."""
        return len(self._data) - self._offset

    def take(self, of: str, kind: np.dtype[_Number], count: int) -> NDArray[_Number]:
        if count * kind.itemsize > self.left:
            raise ValueError(f"the file ends within {of}; download it again")
        array = np.frombuffer(self._data, kind, count, self._offset)
        self._offset += array.nbytes
        return array
