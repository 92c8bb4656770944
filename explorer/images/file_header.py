"""What the headers of TIFF and PNG files say of the samples: how many bits, how many channels."""

from __future__ import annotations

import io
import struct

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

# TIFF 6.0, section 8
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, SAMPLES_PER_PIXEL = 258, 259, 262, 277
MAX_SAMPLE_VALUE, SAMPLE_FORMAT, S_MAX_SAMPLE_VALUE, SUBSAMPLING = 281, 339, 341, 530
WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1
_SHORT = 3  # the type of a tag's values
_KINDS = {1: "whole numbers", 2: "signed whole numbers", 3: "floating-point numbers"}
_MOST_CHUNKS = 1000  # before the pixels of a PNG


def tiff_layout(data: bytes) -> str:
    """The samples of a TIFF's first picture in words: `5 channels of 8-bit whole numbers`.

    Raises whatever Pillow raises for a damaged file.
    """
    tags = _first_directory(data)
    bits = _all(tags, BITS_PER_SAMPLE) or [1]
    channels = _first(tags, SAMPLES_PER_PIXEL) or len(bits)
    kind = _KINDS.get(_first(tags, SAMPLE_FORMAT) or 1, "numbers")
    sizes = "-, ".join(map(str, sorted(set(bits))))
    layout = f"{channels} channel{'s' * (channels != 1)} of {sizes}-bit {kind}"
    if _first(tags, PHOTOMETRIC) == WHITE_IS_ZERO:
        layout += " with 0 for white"
    if max(bits) > 8:
        layout += f" in {'big' if data.startswith(b'MM') else 'little'}-endian order"
    compression = _first(tags, COMPRESSION) or 1
    return layout + (f", compression {compression}" if compression != 1 else "")


def is_white_zero(image: Image.Image, data: bytes) -> bool:
    """Whether the picture, opened from `as_pillow_opens(data)`, is a TIFF with 0 for white."""
    if not isinstance(image, TiffImageFile):
        return False
    return _first(_first_directory(data), PHOTOMETRIC) == WHITE_IS_ZERO


def as_pillow_opens(data: bytes) -> bytes:
    """The file, but a big-endian TIFF of 16-bit grey with 0 for white as one with 0 for black.

    Of those with 0 for white, Pillow opens the little-endian ones only, and inverts neither.
    """
    if not data.startswith(b"MM\0*"):
        return data
    start = int.from_bytes(data[4:8], "big")
    entries = range(start + 2, start + 2 + 12 * int.from_bytes(data[start : start + 2], "big"), 12)
    # Tag, type SHORT, one value: section 2 of TIFF 6.0.
    places = {data[at : at + 8]: at + 8 for at in entries if at + 12 <= len(data)}
    sixteen = struct.pack(">HHI", BITS_PER_SAMPLE, _SHORT, 1)
    inverted = struct.pack(">HHI", PHOTOMETRIC, _SHORT, 1)
    if not (sixteen in places and inverted in places):
        return data
    bits, photometric = (
        int.from_bytes(data[places[each] : places[each] + 2], "big") for each in (sixteen, inverted)
    )
    if (bits, photometric) != (16, WHITE_IS_ZERO):
        return data
    at = places[inverted]
    return data[:at] + struct.pack(">H", BLACK_IS_ZERO) + data[at + 2 :]


def is_subsampled(image: Image.Image) -> bool:
    """Whether this is an uncompressed Y′CbCr TIFF with fewer samples of colour than of light."""
    return (
        isinstance(image, TiffImageFile)
        and image.mode == "YCbCr"
        and (_first(image.tag_v2, COMPRESSION) or 1) == 1
        and any(each != 1 for each in _all(image.tag_v2, SUBSAMPLING))
    )


def stored_bits(image: Image.Image, data: bytes) -> int:
    """In how many bits each sample is stored: 8 for other files than PNG and TIFF."""
    if isinstance(image, TiffImageFile):
        return max(_all(image.tag_v2, BITS_PER_SAMPLE), default=1)
    header = _png_chunk(data, b"IHDR") if image.format == "PNG" else b""
    return header[8] if len(header) > 8 else 8


def significant_bits(image: Image.Image, data: bytes) -> int | None:
    """How many bits of each sample the file says that it uses; None where it says nothing.

    In a TIFF those of MaxSampleValue or SMaxSampleValue, in a PNG the most that sBIT gives.
    """
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        largest = max(_all(tags, MAX_SAMPLE_VALUE) + _all(tags, S_MAX_SAMPLE_VALUE), default=0)
        return largest.bit_length() or None
    if image.format == "PNG":
        return max(_png_chunk(data, b"sBIT"), default=0) or None
    return None


def _first_directory(data: bytes) -> ImageFileDirectory_v2:
    file = io.BytesIO(data)
    header = file.read(8)
    if header[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _png_chunk(data: bytes, name: bytes) -> bytes:
    """What the PNG's first chunk of this name holds, empty where none stands before the pixels."""
    offset = 8
    for _ in range(_MOST_CHUNKS):
        length, kind = (
            int.from_bytes(data[offset : offset + 4], "big"),
            data[offset + 4 : offset + 8],
        )
        if kind == name:
            return data[offset + 8 : offset + 8 + length]
        if kind in (b"IDAT", b"IEND", b""):
            break
        offset += 12 + length
    return b""


def _all(tags: ImageFileDirectory_v2, tag: int) -> list[int]:
    """The whole numbers of a tag; none where the file does not have it or it holds others."""
    value = tags.get(tag, ())
    values = value if isinstance(value, tuple) else (value,)
    return [int(each) for each in values if isinstance(each, int | float) and 0 <= each < 2**32]


def _first(tags: ImageFileDirectory_v2, tag: int) -> int | None:
    return next(iter(_all(tags, tag)), None)
